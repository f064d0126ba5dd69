"""Bytes onto a disk: still there after a power cut, and an error that names the path where they could not go."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gmm_dask.errors import ResourceError

_ADVICE = {
    errno.ENOSPC: "Free disk space there, or publish to another disk.",
    errno.EDQUOT: "Free disk space within your quota, or publish to another disk.",
    errno.EACCES: "Ask for write permission there, or publish to another folder.",
    errno.EPERM: "Ask for write permission there, or publish to another folder.",
    errno.EROFS: "The disk is mounted read-only; publish to another one.",
}


@contextmanager
def storage_errors(where: Path) -> Iterator[None]:
    """Turn what the operating system refuses in the body into a ResourceError at `where`."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "Check the disk and the folder, then run again.")
        found = f"the disk refused: {error.strerror or error}"
        raise ResourceError(found, where=str(where), advice=advice) from error


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet, onto the disk itself, with the permissions that the umask leaves."""
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


def sync(path: Path) -> None:
    """Return once the file, or the folder's list of names, is on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
