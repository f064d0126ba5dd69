"""A table made ready for many sweeps: read once, prepared, counted and sampled on the way, held where there is room."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from gmm_dask.engine.blocks import STORES, Store, Unprepared
from gmm_dask.engine.engine import Done, Engine, silent
from gmm_dask.engine.memory import Shape, predicted_bytes_per_task, require_room
from gmm_dask.engine.places import choose_place
from gmm_dask.mixture import Block
from gmm_dask.table.folds import Folds
from gmm_dask.table.prepare import Preparation, Sampling, Tally
from gmm_dask.table.shards import Shard, reading_notes, row_bytes
from gmm_dask.table.sketches import RowSample

Found = tuple[Tally, RowSample]


@dataclass(frozen=True)
class HeldTable:
    """Prepared shards, each of which is its blocks once it has come to a task, with the tally and the sample of all.

    `notes` say where the blocks lie and why, where that is not in memory, and what slows reading down.
    """

    shards: Sequence[Any]
    tally: Tally
    sample: RowSample
    notes: tuple[str, ...]


@contextmanager
def held_table(
    engine: Engine,
    preparation: Preparation,
    shards: Sequence[Shard],
    sampling: Sampling,
    candidates: Sequence[Shape],
    done: Done = silent,
    folds: Folds | None = None,
) -> Iterator[HeldTable]:
    """A table held by the rule of `gmm_dask.engine.places`, to be swept for these candidates, until the end of the
    block, after an error too. `folds`: every batch is to be a block for each of them, in their order.

    Raises ResourceError where memory is too small for the tasks alone, BadInputError where rows cannot be read or
    prepared.
    """
    n_bytes = sum(shard.n_rows for shard in shards) * preparation.row_bytes
    rooms, task_bytes = engine.rooms(), _task_bytes(preparation, shards[0].source.schema, candidates)
    require_room(rooms, task_bytes, "fitting these candidates")
    place = choose_place(n_bytes, engine.memory_bytes, rooms, task_bytes)
    kept = engine.keep(_Holding(preparation, sampling, STORES[place.where], folds), shards)
    try:
        found, obstacles = engine.map_reduce(_found, kept, None, _merge, done)
        notes = (*place.notes, *reading_notes(shards), *_obstacle_note(obstacles, len(shards)))
        yield HeldTable(kept, *found, notes)
    finally:
        engine.discard(kept)


@dataclass(frozen=True)
class HeldShard:
    """A shard in a task: its blocks, and what was found in it on the way to them. `obstacle`: why its blocks are not
    where they were to be, if they are not."""

    blocks: Iterable[Block]
    tally: Tally
    sample: RowSample
    obstacle: str

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __sizeof__(self) -> int:
        return sys.getsizeof(self.blocks) + int(self.sample.rows.nbytes + self.sample.table.nbytes)


@dataclass(frozen=True)
class _Holding:
    """Prepares a shard, counts and samples it, and sees to its blocks."""

    preparation: Preparation
    sampling: Sampling
    store: Store
    folds: Folds | None = None

    __name__: ClassVar[str] = "prepare_shard"  # under which Dask shows the tasks

    def __call__(self, shard: Shard) -> HeldShard:
        source, found = Unprepared(shard, self.preparation, self.folds), list[Found]()
        blocks, obstacle = self.store(source, self._counted(source, found))
        return HeldShard(blocks, *found[0], obstacle)

    def _counted(self, source: Unprepared, found: list[Found]) -> Iterator[Block]:
        """The shard's blocks; `found` is left with what was found in all of them."""
        for prepared in source.batches():
            this = prepared.tally, prepared.sample(self.sampling)
            found[:] = [_merge_found(found[0], this) if found else this]
            yield from source.blocks(prepared)


def _task_bytes(preparation: Preparation, schema: pa.Schema, candidates: Sequence[Shape]) -> int:
    read = pa.schema([schema.field(name) for name in preparation.columns])
    predicted = predicted_bytes_per_task(
        len(preparation.transforms), candidates, row_bytes=row_bytes(read), n_columns=len(read)
    )
    return predicted.most


def _found(shard: HeldShard, shared: None) -> tuple[Found, tuple[str, ...]]:
    return (shard.tally, shard.sample), (shard.obstacle,) if shard.obstacle else ()


def _merge(left: tuple[Found, tuple[str, ...]], right: tuple[Found, tuple[str, ...]]) -> tuple[Found, tuple[str, ...]]:
    return _merge_found(left[0], right[0]), left[1] + right[1]


def _merge_found(left: Found, right: Found) -> Found:
    return left[0].merge(right[0]), left[1].merge(right[1])


def _obstacle_note(obstacles: Sequence[str], n_shards: int) -> tuple[str, ...]:
    if not obstacles:
        return ()
    return (
        f"{len(obstacles)} of {n_shards} shards could not be held on disk and are read in every pass: {obstacles[0]}",
    )
