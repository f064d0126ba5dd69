"""Blocks in a file of this machine: raw arrays one after another, written once and read from end to end in each pass.

What it takes to read them (where a block lies, the types and shapes of its arrays, a checksum) stays in memory with the
file's handle: a file without its handle is of no use to anybody, and goes when the handle does.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from io import FileIO
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple, final

import dask
import numpy as np
from distributed import get_worker
from numpy.typing import NDArray

from gmm_dask.errors import ResourceError
from gmm_dask.mixture import Block

Words = NDArray[np.uint64]

_WORD_BYTES = 8


class SpillError(ResourceError):
    """A spill file cannot be written, or does not give back what was written."""


class StoredArray(NamedTuple):
    """One array of a block: the field of `Block` it belongs to, its type and its shape."""

    field: str
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class StoredBlock:
    """A block in a file from byte `start` on: its arrays, each filled up to whole words, and the sum of all words."""

    start: int
    arrays: tuple[StoredArray, ...]
    checksum: int

    @property
    def n_bytes(self) -> int:
        return sum(_whole(array.n_bytes) for array in self.arrays)


@final
class SpillFile:
    """Blocks in a file of its own, which is removed with this object, or when the process ends.

    Iterating reads them anew, into memory that each takes over from the one before: a block is good until the next.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.blocks = path, tuple[StoredBlock, ...]()
        weakref.finalize(self, path.unlink, missing_ok=True)

    @classmethod
    def write(cls, folder: str, blocks: Iterable[Block], n_bytes: int) -> SpillFile:
        """Blocks of at most `n_bytes` in all, in a new file.

        Raises SpillError where there is no room or no permission; what was taken from `blocks` by then is lost.
        """
        with _reporting(folder):
            descriptor, name = tempfile.mkstemp(prefix="gmm-dask-", suffix=".blocks", dir=folder)
        file = cls(Path(name))  # from here on it goes with this, whatever happens
        with os.fdopen(descriptor, "wb", buffering=0) as out:
            with _reporting(folder):
                # Asked for at once, room is there or known not to be, and is filled several times as fast.
                os.posix_fallocate(descriptor, 0, max(n_bytes, 1))
            file.blocks = tuple(_append(out, block, folder) for block in blocks)
            with _reporting(folder):
                out.truncate()
        return file

    def __iter__(self) -> Iterator[Block]:
        """The blocks in their order. Raises SpillError where the file is gone, cut short or altered."""
        where = str(self.path)
        words = np.empty(max(stored.n_bytes for stored in self.blocks) // _WORD_BYTES, dtype=np.uint64)
        with _reporting(where):
            file = self.path.open("rb")
        with file:
            for stored, following in zip_longest(self.blocks, self.blocks[1:]):
                with _reporting(where):
                    if following is not None:  # the system reads it while this one is swept
                        os.posix_fadvise(file.fileno(), following.start, following.n_bytes, os.POSIX_FADV_WILLNEED)
                    taken = words[: stored.n_bytes // _WORD_BYTES]
                    if file.readinto(taken.data) < taken.nbytes or _checksum(taken) != stored.checksum:
                        raise SpillError("the file is not what was written", where=where)
                yield _unpacked(stored, taken)


def spill_folder() -> str:
    """Where the process that this is called in may leave files: a Dask worker's own folder, else Dask's or the
    system's for temporary files."""
    try:
        return str(get_worker().local_directory)
    except ValueError:  # distributed's way of saying that this is no task
        return dask.config.get("temporary-directory") or tempfile.gettempdir()


def stored_bytes(n_bytes: int, n_blocks: int) -> int:
    """The most that blocks of `n_bytes` in all take in a file."""
    return n_bytes + n_blocks * len(fields(Block)) * _WORD_BYTES


def _append(out: FileIO, block: Block, where: str) -> StoredBlock:
    start, arrays, checksum = out.tell(), [], 0
    for field in fields(Block):
        array = getattr(block, field.name)
        if array is None:
            continue
        raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        whole, rest = np.split(raw, [len(raw) // _WORD_BYTES * _WORD_BYTES])
        filled = rest.tobytes().ljust(_whole(len(rest)), b"\0")
        with _reporting(where):
            for data in (whole.data, memoryview(filled)):
                _write(out, data)
        arrays.append(StoredArray(field.name, array.dtype, array.shape))
        checksum += _checksum(whole.view(np.uint64)) + int.from_bytes(filled, sys.byteorder)
    return StoredBlock(start, tuple(arrays), checksum % 2**64)


def _write(out: FileIO, data: memoryview) -> None:
    """All of it: a system may write less at a time."""
    while data:
        data = data[out.write(data) :]


def _unpacked(stored: StoredBlock, words: Words) -> Block:
    """The block whose words these are; its arrays are views of them."""
    start, arrays = 0, {}
    for field, dtype, shape in stored.arrays:
        end = start + math.prod(shape) * dtype.itemsize
        arrays[field] = words.view(np.uint8)[start:end].view(dtype).reshape(shape)
        start = _whole(end)
    return Block(**arrays)


def _whole(n_bytes: int) -> int:
    """The bytes of so many words that `n_bytes` fit in."""
    return -(-n_bytes // _WORD_BYTES) * _WORD_BYTES


def _checksum(words: Words) -> int:
    """The sum of all words modulo 2**64: it costs next to nothing, and no flipped bit and no missing page pass it."""
    return int(words.sum(dtype=np.uint64))


@contextmanager
def _reporting(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpillError(f"{error.strerror or error}", where=where) from error
