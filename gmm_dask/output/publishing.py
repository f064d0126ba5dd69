"""From a draft to a published version: begin, write the parts wherever it suits, commit or abandon."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from gmm_dask.errors import DamagedError, UsageError, did_you_mean
from gmm_dask.output.manifest import MANIFEST_NAMES, Publication, read_manifest, write_manifest
from gmm_dask.output.parts import Part, write_part
from gmm_dask.output.place import Place
from gmm_dask.output.storage import storage_errors


@dataclass(frozen=True)
class Draft:
    """A version in the making. Parts go into `folder`, from any process that sees the disk.

    `folder` is absolute and lasts until `commit` or `abandon`. Its name is never used again, so that a worker which
    outlives its job finds no folder to write into, rather than a later job's.
    """

    path: Path
    version: str
    kind: str
    folder: Path


def require_place(path: str | Path, kind: str) -> None:
    """UsageError if `path` cannot take a publication of this kind; better known before a long job than after it."""
    place = Place.at(path)
    with storage_errors(place.path):
        place.require_free()
        _require_same_kind(place, kind)


def begin(path: str | Path, kind: str) -> Draft:
    """Claim the next version at `path` for a "table" or a "model". Nothing changes for readers."""
    if kind not in MANIFEST_NAMES:
        raise UsageError(f"kind {kind!r}", advice=did_you_mean(kind, MANIFEST_NAMES))
    place = Place.at(path)
    with storage_errors(place.path):
        place.require_free()
        _require_same_kind(place, kind)
        version = place.claim()
        folder = place.draft_folder(version) / uuid4().hex[:8]
        folder.mkdir()
    return Draft(place.path, version, kind, folder)


def _require_same_kind(place: Place, kind: str) -> None:
    """UsageError if a publication of another kind is current: readers of a model must not come upon a table."""
    current = place.current()
    if current is None:
        return
    folder = place.version_folder(current)
    other = next((other for other, name in MANIFEST_NAMES.items() if other != kind and (folder / name).exists()), None)
    if other is not None:
        raise UsageError(
            f"a {other} is published here",
            expected=f"a free path, or one where a {kind} was published before",
            where=str(place.path),
            advice="Publish at another path; nothing was touched.",
        )


def commit(
    draft: Draft, parts: Sequence[Part], *, schema: pa.Schema | None, provenance: Mapping[str, object]
) -> Publication:
    """Publish exactly `parts`, in that order, and switch readers to them.

    Files of the draft that are not among the parts are deleted. A table needs its schema; one of no parts gets an
    empty one, so that its columns can be read. Of several publishers the last to commit is current. DamagedError if a
    part is not there in its size. If commit fails, the version before stays in place and the draft stays a draft:
    commit again or abandon it.
    """
    if draft.kind == "table" and schema is None:
        raise UsageError("a table without a schema", where=str(draft.path), advice="Pass schema= to commit.")
    parts = list(parts)
    if draft.kind == "table" and not parts:
        parts = [write_part(draft.folder, 0, (), schema)]
    place = Place(draft.path)
    with storage_errors(draft.path), place.locked():
        _require_present(draft, parts)
        with _promoted(draft, place) as folder:
            _remove_others(folder, parts)
            write_manifest(folder, draft.kind, draft.version, parts, schema, provenance)
            publication = read_manifest(draft.path, folder)
            place.point_to(draft.version)
        place.draft_folder(draft.version).rmdir()
    return publication


def abandon(draft: Draft) -> None:
    """Remove a draft and all that was written into it. Does nothing if it was committed or abandoned before."""
    claim = draft.folder.parent
    with storage_errors(draft.path):
        if not draft.folder.exists():
            return
        # Workers may still be writing: under another name the folder gets no new files while it is being emptied.
        shutil.rmtree(draft.folder.rename(claim / f"{draft.folder.name}.abandoned"))
        claim.rmdir()
        with suppress(OSError):  # not empty: other versions, drafts or the lock are there
            claim.parent.rmdir()


@contextmanager
def drafting(path: str | Path, kind: str) -> Iterator[Draft]:
    """`begin`, and `abandon` however the body ends, unless it has committed."""
    draft = begin(path, kind)
    try:
        yield draft
    finally:
        abandon(draft)


def _require_present(draft: Draft, parts: Sequence[Part]) -> None:
    """DamagedError, naming every one, if parts are not in the draft's folder in the size they were written in."""
    sizes = {entry.name: entry.stat().st_size for entry in draft.folder.iterdir()} if draft.folder.exists() else {}
    absent = [part.name for part in parts if sizes.get(part.name) != part.bytes]
    if absent:
        raise DamagedError(
            f"not there as written: {', '.join(absent)}",
            where=str(draft.folder),
            advice="Write these parts again; nothing was published.",
        )


@contextmanager
def _promoted(draft: Draft, place: Place) -> Iterator[Path]:
    """The draft under its version's name, where no straggler finds it; a draft again if the body fails."""
    folder = draft.folder.rename(place.version_folder(draft.version))
    try:
        yield folder
    except BaseException:
        if place.current() != draft.version:
            (folder / MANIFEST_NAMES[draft.kind]).unlink(missing_ok=True)
            folder.rename(draft.folder)
        raise


def _remove_others(folder: Path, parts: Sequence[Part]) -> None:
    """Delete what other attempts left behind."""
    named = {part.name for part in parts}
    for entry in folder.iterdir():
        if entry.name not in named:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
