"""The rows of X brought to where they are swept, as z = x - shift: large offsets cost no digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_dask.engine import Engine, Held, TableSweep
from gmm_dask.errors import BadInputError
from gmm_dask.estimator.inputs import Rows
from gmm_dask.mixture import Block, Float
from gmm_dask.table.columns import numeric, place
from gmm_dask.table.prepare import Preparation, Prepared, sample_block
from gmm_dask.table.shards import Shard, plan_shards
from gmm_dask.table.sketches import RowSample
from gmm_dask.table.transforms import Identity, Transform


@dataclass(frozen=True)
class ShiftedTable:
    """Rows held by an engine for many sweeps, less `shift` (d,), which is their mean."""

    engine: Engine
    shards: Held[Prepared]
    shift: Float
    n_rows: int
    weighted: bool

    @property
    def sweep(self) -> TableSweep:
        return TableSweep(self.engine, self.shards)

    def sample(self, size: int, seed: int) -> Block:
        """Up to `size` rows, uniformly drawn without replacement, in the table's order."""
        merged = self.engine.map_reduce(
            _sample_shard, self.shards.items, (self.shards.load, seed, size), RowSample.merge
        )
        return sample_block(merged, weighted=self.weighted)


def hold_shifted(rows: Rows, engine: Engine) -> ShiftedTable:
    """Two passes: means, then rows less these, kept where they will be swept if they fit there.

    Raises BadInputError for missing, infinite and non-numeric values.
    """
    shards = plan_shards(rows.source)
    _, shift = engine.map_reduce(_means_of_shard, shards, rows.features, _merge_means)
    preparation = shifted_by(shift, rows)
    held = engine.hold(preparation.load, shards, rows.source.n_rows * preparation.row_bytes)
    return ShiftedTable(engine, held, shift, rows.source.n_rows, rows.weight is not None)


def shifted_by(shift: Float, rows: Rows) -> Preparation:
    """The preparation that takes `shift` (d,) from the features and does nothing else: densities stay as they are."""
    transforms = zip(rows.features, map(_shift_alone, shift.tolist()), strict=True)
    return Preparation(tuple(transforms), rows.weight)


def complete_columns(shard: Shard, features: tuple[str, ...]) -> Float:
    """The features (d, n) of a shard in source units. Raises BadInputError for missing and infinite values."""
    table = shard.read(list(features))
    columns = np.stack([numeric(table, name, shard.where) for name in features])
    missing = np.isnan(columns).sum(axis=1)
    if missing.any():
        raise BadInputError(
            "Input X contains NaN",
            expected=f"a number in each of {shard.n_rows} rows; {missing.max()} have none",
            where=place(shard.where, features[int(missing.argmax())]),
            advice="Leave such rows out or impute them; gmm_dask.fit leaves them out and counts them.",
        )
    return columns


def _shift_alone(shift: float) -> Transform:
    # Nothing is transformed back, so the extremes, which bound the way back, may stay open.
    return Transform("none", Identity(), shift, 1.0, -math.inf, math.inf)


def _means_of_shard(shard: Shard, features: tuple[str, ...]) -> tuple[int, Float]:
    return shard.n_rows, complete_columns(shard, features).mean(axis=1)


def _merge_means(left: tuple[int, Float], right: tuple[int, Float]) -> tuple[int, Float]:
    n = left[0] + right[0]
    return n, left[1] + (right[1] - left[1]) * (right[0] / n)


def _sample_shard(shard: object, shared: tuple[Callable[[Any], Prepared] | None, int, int]) -> RowSample:
    load, seed, size = shared
    prepared = shard if load is None else load(shard)
    assert isinstance(prepared, Prepared)
    return prepared.sample(seed, size)
