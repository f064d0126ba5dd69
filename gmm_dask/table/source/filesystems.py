"""Where a path or URL leads: the file system that serves it, opened through fsspec."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import fsspec
import pyarrow.fs
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from gmm_dask.errors import BadInputError, UsageError

PACKAGE_SCHEME = "package://"

EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
    "adl": "azure",
}
"""The extra of this package that brings the backend of a URL scheme."""


def filesystem_of(place: str | os.PathLike[str]) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system that serves a path or URL, and the path as that file system knows it; local ones are absolute."""
    text = os.fspath(place)
    if text.startswith(PACKAGE_SCHEME):
        text = _inside_package(text)
    try:
        filesystem, path = url_to_fs(text)
    except ImportError as error:
        scheme = text.partition("://")[0]
        extra = EXTRAS.get(scheme)
        advice = f"Install it with: pip install 'gmm-dask[{extra}]'." if extra else f"{error}."
        raise UsageError(f"the package that serves {scheme}:// is not installed", where=text, advice=advice) from error
    except ValueError as error:
        raise UsageError(f"this URL cannot be opened: {error}", where=text) from error
    return filesystem, path


def is_local(filesystem: fsspec.AbstractFileSystem) -> bool:
    return isinstance(filesystem, LocalFileSystem)


def arrow_filesystem(filesystem: fsspec.AbstractFileSystem) -> pyarrow.fs.FileSystem:
    """The same file system for Arrow, which reads local files without a detour through Python."""
    if is_local(filesystem):
        return pyarrow.fs.LocalFileSystem()
    return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(filesystem))


def _inside_package(url: str) -> str:
    """The local path of a data file in an installed package, `package://NAME/inner/path`, without importing it.

    Many data packages can no longer be imported, or take seconds to be; their files are good all the same.
    """
    name, _, inner = url.removeprefix(PACKAGE_SCHEME).partition("/")
    if not name.isidentifier():
        raise UsageError(f"{name!r} is not a package name", expected="package://NAME/inner/path", where=url)
    spec = importlib.util.find_spec(name)
    if spec is None:
        advice = f"Install it with: pip install {name}."
        raise BadInputError(f"the package {name!r} is not installed", where=url, advice=advice)
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders:
        raise BadInputError(f"{name!r} is a single module and holds no data files", where=url)
    return str(next((folder / inner for folder in folders if (folder / inner).exists()), folders[0] / inner))
