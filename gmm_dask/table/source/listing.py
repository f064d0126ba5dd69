"""Which data files a path, folder, pattern or list of these names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote

import fsspec

from gmm_dask.errors import BadInputError, UsageError, did_you_mean
from gmm_dask.table.source.filesystems import filesystem_of, is_local

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

PARQUET_ENDINGS = (".parquet", ".pq")
CSV_ENDINGS = (".csv", ".tsv", ".txt")
COMPRESSED_ENDINGS = (".gz", ".bz2", ".zst", ".zip")
ACCEPTED = f"{', '.join(PARQUET_ENDINGS + CSV_ENDINGS)}; the last three also with {', '.join(COMPRESSED_ENDINGS)}"

MAGIC = frozenset("*?[")
STAMPS = ("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified", "updated", "created")
"""Under which names file systems tell that a file is another one now; the first that is there counts."""


class Format(Enum):
    PARQUET = "Parquet"
    CSV = "CSV"


@dataclass(frozen=True)
class DataFile:
    """One file. path: where its bytes are, links resolved; shown: the path as it was found, for messages and order.

    stamp: entity tag or time of the last change. partition: (column, value) pairs from folders `column=value`.
    """

    path: str
    shown: str
    size: int
    stamp: str
    partition: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Files:
    """The files of one table, at least one, ordered by the path under which they were found."""

    name: str
    format: Format
    filesystem: fsspec.AbstractFileSystem
    files: tuple[DataFile, ...]


class _Hit(NamedTuple):
    """A file as found: the path that led to it, the path with links resolved, what its file system knows of it."""

    shown: str
    path: str
    info: Mapping[str, Any]


def locate(table: Paths) -> Files:
    """The files that a path, a folder, a pattern, an fsspec URL, `package://NAME/path` or a list of these names.

    Links are resolved here and never again, so that what is read later is one version. In folders, names that begin
    with `_` or `.` are not data, and neither are files that are neither Parquet nor CSV.
    """
    places = [table] if isinstance(table, (str, os.PathLike)) else list(table)
    if not places:
        raise UsageError("an empty list of paths", expected="at least one path")
    served = [filesystem_of(place) for place in places]
    filesystem = served[0][0]
    if any(other != filesystem for other, _ in served):
        raise UsageError("the paths are on different file systems", expected="all paths on one", where=str(places[0]))
    found = [file for _, path in served for file in _expand(filesystem, path)]
    files = tuple(sorted(found, key=lambda file: file.shown))
    if twice := [path for path, times in Counter(file.path for file in files).items() if times > 1]:
        raise BadInputError("this file is named twice", where=twice[0], advice="Its rows would count twice.")
    first = PurePosixPath(served[0][1]).name
    name = first if len(places) == 1 else f"{first} and {len(places) - 1} more"
    return Files(name, _one_format(files), filesystem, files)


def format_of(path: str) -> Format | None:
    """What a file holds, judging by the end of its name; None for neither Parquet nor CSV."""
    name = path.lower()
    if name.endswith(PARQUET_ENDINGS):
        return Format.PARQUET
    return Format.CSV if uncompressed(name).endswith(CSV_ENDINGS) else None


def uncompressed(path: str) -> str:
    """The path in small letters without an ending that tells a compression."""
    name = path.lower()
    return next((name.removesuffix(ending) for ending in COMPRESSED_ENDINGS if name.endswith(ending)), name)


def _expand(filesystem: fsspec.AbstractFileSystem, path: str) -> list[DataFile]:
    """The data files one path or pattern stands for, at least one."""
    if filesystem.isfile(path):
        if format_of(path) is None:
            raise BadInputError("this kind of file cannot be read", expected=ACCEPTED, where=path)
        return [_data_file(hit, hit.shown) for hit in _walk(filesystem, path)]
    if filesystem.exists(path):
        base, roots = path, [path]
    else:
        base, roots = _matches(filesystem, path)
    hits = [hit for root in roots for hit in _walk(filesystem, root)]
    data = [hit for hit in hits if format_of(hit.shown)]
    # A README.txt does not make a folder of Parquet files a mixed one.
    data = [hit for hit in data if not hit.shown.lower().endswith(".txt")] or data
    if not data:
        names = ", ".join(PurePosixPath(hit.shown).name for hit in hits[:3])
        found = f"no Parquet or CSV files among {len(hits)} ({names})" if hits else "no files here"
        raise BadInputError(found, expected=ACCEPTED, where=path)
    return [_data_file(hit, base) for hit in data]


def _matches(filesystem: fsspec.AbstractFileSystem, pattern: str) -> tuple[str, list[str]]:
    """The part of a pattern before its first wildcard, and the visible paths that match it."""
    parts = pattern.split("/")
    first = next((number for number, part in enumerate(parts) if MAGIC & set(part)), None)
    if first is None:
        raise _missing(filesystem, pattern)
    base = "/".join(parts[:first])
    found = [path for path in filesystem.glob(pattern) if not _is_hidden(path.removeprefix(base))]
    if not found:
        raise BadInputError("no path matches this pattern", where=pattern)
    return base, found


def _walk(filesystem: fsspec.AbstractFileSystem, root: str, above: frozenset[str] = frozenset()) -> Iterator[_Hit]:
    """The visible files in a folder, or the file itself. Links are followed, each looked at once, but in a folder not
    those into hidden places."""
    real = os.path.realpath(root) if is_local(filesystem) else root
    if real in above:
        raise BadInputError("this link leads back to a folder it lies in", where=root)
    try:
        info = filesystem.info(real)
    except FileNotFoundError as error:
        raise BadInputError("this link leads nowhere", where=root) from error
    if info["type"] == "file":
        yield _Hit(root, real, info)
        return
    for path, inner_info in filesystem.find(real, detail=True).items():
        inner = path[len(real) :]
        if _is_hidden(inner):
            continue
        if inner_info.get("islink"):
            if _is_hidden(str(Path(path).readlink())):
                continue  # such as a publication in this folder: an output of its table, and no part of it
            yield from _walk(filesystem, root + inner, above | {real})
        else:
            yield _Hit(root + inner, path, inner_info)


def _is_hidden(inner: str) -> bool:
    return any(part.startswith(("_", ".")) for part in inner.strip("/").split("/"))


def _data_file(hit: _Hit, base: str) -> DataFile:
    """The file with what the folders `column=value` between `base` and itself say."""
    folders = hit.shown.removeprefix(base).split("/")[:-1]
    partition = tuple((name, unquote(value)) for name, is_pair, value in (f.partition("=") for f in folders) if is_pair)
    changed = next((hit.info[key] for key in STAMPS if hit.info.get(key) is not None), "")
    stamp = str(changed.timestamp() if isinstance(changed, datetime) else changed)
    return DataFile(hit.path, hit.shown, int(hit.info["size"] or 0), stamp, partition)


def _missing(filesystem: fsspec.AbstractFileSystem, path: str) -> BadInputError:
    """The error for a path that is not there, with near names where its folder is."""
    folder, _, name = path.rpartition("/")
    try:
        names = [PurePosixPath(other).name for other in filesystem.ls(folder or "/", detail=False)]
    except OSError:
        return BadInputError("there is no such path", where=path, advice=f"The folder {folder} does not exist either.")
    visible = [other for other in names if not _is_hidden(other)]
    advice = did_you_mean(name, visible) if visible else f"The folder {folder} is empty."
    return BadInputError("there is no such path", where=path, advice=advice)


def _one_format(files: Sequence[DataFile]) -> Format:
    first = {kind: file.shown for file in reversed(files) if (kind := format_of(file.shown))}
    if len(first) > 1:
        told = ", ".join(f"{kind.value} in {path}" for kind, path in first.items())
        raise BadInputError(f"two kinds of files: {told}", expected="either Parquet or CSV")
    return next(iter(first))
