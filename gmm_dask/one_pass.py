"""A table seen once by a mixture: read, prepared, swept and counted batch by batch, in one pass that holds no rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_dask.engine import Done, Engine, predicted_bytes_per_task, require_room, silent
from gmm_dask.mixture import (
    CompiledCandidates,
    Float,
    MixtureParameters,
    SufficientStatistics,
    compile_candidates,
    sweep_block,
)
from gmm_dask.table.columns import numeric
from gmm_dask.table.prepare import Batch, Preparation, Space, Tally, batches_of
from gmm_dask.table.shards import Shard, plan_shards, row_bytes
from gmm_dask.table.source import BATCH_ROWS, Source


@dataclass(frozen=True)
class Seen:
    """What there was to see in some rows: a commutative monoid like the statistics.

    `statistics` are those of the mixture over complete rows, in model units. `missing` (d,): the gaps of each modelled
    column. `lowest` and `highest` (d,): their extremes over all rows in source units; infinite the wrong way round
    where there is no value.
    """

    statistics: SufficientStatistics
    tally: Tally
    missing: NDArray[np.int64]
    lowest: Float
    highest: Float

    def merge(self, other: Seen) -> Seen:
        """What there was to see in both sets of rows."""
        return Seen(
            self.statistics.merge(other.statistics),
            self.tally.merge(other.tally),
            self.missing + other.missing,
            np.minimum(self.lowest, other.lowest),
            np.maximum(self.highest, other.highest),
        )


def see(
    source: Source, engine: Engine, preparation: Preparation, parameters: MixtureParameters, done: Done = silent
) -> Seen:
    """One pass over a table of at least one row. Same bits on any engine, those of any sweep over it.

    Raises ResourceError where memory is too small for it, BadInputError where rows cannot be read or prepared.
    """
    read = pa.schema([source.schema.field(name) for name in preparation.columns])
    shape = parameters.n_components, parameters.family.features
    task = predicted_bytes_per_task(parameters.n_columns, [shape], row_bytes=row_bytes(read), n_columns=len(read))
    require_room(engine.rooms(), task.most, "a pass over this table")
    shared = preparation, compile_candidates([parameters])
    return engine.map_reduce(_see_shard, plan_shards(source), shared, _merge, done)


def _see_shard(shard: Shard, shared: tuple[Preparation, CompiledCandidates]) -> Seen:
    preparation, compiled = shared
    space = preparation.space(min(shard.n_rows, BATCH_ROWS))
    batches = batches_of(shard, preparation.columns)
    return reduce(_merge, (_see_batch(batch, preparation, compiled, space) for batch in batches))


def _see_batch(batch: Batch, preparation: Preparation, compiled: CompiledCandidates, space: Space) -> Seen:
    prepared = preparation.prepare(*batch, space)
    (statistics,) = sweep_block(compiled, prepared.block)
    d = len(preparation.transforms)
    missing, lowest, highest = np.empty(d, np.int64), np.empty(d), np.empty(d)
    for index, (name, _) in enumerate(preparation.transforms):
        values = numeric(batch.table, name, batch.where)
        missing[index] = np.count_nonzero(np.isnan(values))
        lowest[index] = np.fmin.reduce(values, initial=np.inf)
        highest[index] = np.fmax.reduce(values, initial=-np.inf)
    return Seen(statistics, prepared.tally, missing, lowest, highest)


def _merge(left: Seen, right: Seen) -> Seen:
    return left.merge(right)
