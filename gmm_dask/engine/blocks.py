"""Where a shard's blocks come from in each pass: memory, a file on disk, or the source once more.

Whoever sweeps need not know: all three give the same blocks with the same bits, batch by batch.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import final

from gmm_dask.engine.places import Where
from gmm_dask.engine.spill import SpillError, SpillFile, spill_folder, stored_bytes
from gmm_dask.errors import BadInputError, ResourceError
from gmm_dask.mixture import Block
from gmm_dask.table.folds import Folds
from gmm_dask.table.prepare import Preparation, Prepared
from gmm_dask.table.shards import Shard
from gmm_dask.table.source import BATCH_ROWS

_log = logging.getLogger(__name__)


@final
@dataclass(frozen=True)
class Unprepared:
    """A shard that is read and prepared in every pass."""

    shard: Shard
    preparation: Preparation
    folds: Folds | None = None

    def batches(self) -> Iterator[Prepared]:
        return self.preparation.batches(self.shard)

    def blocks(self, prepared: Prepared) -> Iterable[Block]:
        """A batch as it is swept: one block, or one for each fold."""
        return (prepared.block,) if self.folds is None else self.folds.split(prepared.block, prepared.rows)

    def __iter__(self) -> Iterator[Block]:
        return (block for prepared in self.batches() for block in self.blocks(prepared))

    @property
    def stored_bytes(self) -> int:
        """The most that its blocks take on disk."""
        n_rows, per_batch = self.shard.n_rows, 1 if self.folds is None else self.folds.n
        return stored_bytes(n_rows * self.preparation.row_bytes, per_batch * -(-n_rows // BATCH_ROWS))


@final
@dataclass(frozen=True)
class Kept:
    """A shard whose blocks stay in memory."""

    blocks: tuple[Block, ...]

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __sizeof__(self) -> int:
        """Dask weighs by this what it holds and what it would be to move it."""
        return sum(block.n_bytes for block in self.blocks)


@final
class Spilled:
    """A shard whose blocks lie in a file of this process.

    What comes to another process is the shard without the file, and is prepared and written there when first asked for;
    so is one whose file is gone. Where that cannot be written either, its source is read in every pass.
    """

    def __init__(self, source: Unprepared, file: SpillFile | None = None) -> None:
        self.source, self.file, self.is_refused = source, file, False

    def __iter__(self) -> Iterator[Block]:
        n_done = 0
        try:
            for block in self._stored():
                yield block
                n_done += 1
        except SpillError as error:
            self.is_refused = self.file is None  # by the disk: there is no use in asking for room in every pass
            self.file = None
            _log.warning("%s; these rows are prepared again: %s", error, self.source.shard.where)
            yield from islice(self._read_again(error), n_done, None)

    def _stored(self) -> Iterable[Block]:
        if self.file is None and not self.is_refused:
            self.file = SpillFile.write(spill_folder(), self.source, self.source.stored_bytes)
        return self.source if self.file is None else self.file

    def _read_again(self, error: SpillError) -> Iterator[Block]:
        try:
            yield from self.source
        except BadInputError as lost:
            raise ResourceError(
                f"prepared rows on disk are lost ({error.found}), and their source can no longer be read: {lost}",
                where=error.where,
                advice="Bring the source back, and run again.",
            ) from lost

    def __reduce__(self) -> tuple[type[Spilled], tuple[Unprepared]]:
        return type(self), (self.source,)


Store = Callable[[Unprepared, Iterator[Block]], tuple[Iterable[Block], str]]
"""Takes a shard and its blocks; gives back where they come from henceforth, and what stood in the way, if anything."""


def in_memory(source: Unprepared, blocks: Iterator[Block]) -> tuple[Iterable[Block], str]:
    return Kept(tuple(deepcopy(block) for block in blocks)), ""  # the next block takes over the memory of the last


def on_disk(source: Unprepared, blocks: Iterator[Block]) -> tuple[Iterable[Block], str]:
    try:
        return Spilled(source, SpillFile.write(spill_folder(), blocks, source.stored_bytes)), ""
    except SpillError as error:
        deque(blocks, maxlen=0)  # whoever gives the blocks counts them as they go by
        return source, str(error)


def nowhere(source: Unprepared, blocks: Iterator[Block]) -> tuple[Iterable[Block], str]:
    deque(blocks, maxlen=0)
    return source, ""


STORES: dict[Where, Store] = {"memory": in_memory, "disk": on_disk, "source": nowhere}
