"""The rows of X as they are swept, z = x - shift: large offsets cost no digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from gmm_dask.engine import Engine
from gmm_dask.errors import BadInputError
from gmm_dask.estimator.inputs import Rows
from gmm_dask.mixture import Float
from gmm_dask.table.columns import numeric, place
from gmm_dask.table.prepare import Preparation, batches_of
from gmm_dask.table.shards import Shard, plan_shards
from gmm_dask.table.transforms import Identity, Transform

_ALL_OF_FLOAT64 = float(np.finfo(np.float64).min), float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Location:
    """Where rows of positive weight lie: what they weigh, and mean, least and greatest value of each feature, (d,).

    Of no such rows: zero, zeros, and infinities.
    """

    weight: float
    means: Float
    least: Float
    greatest: Float

    def merge(self, other: Location) -> Location:
        """The location of both sets of rows."""
        weight = self.weight + other.weight
        return Location(
            weight,
            self.means + (other.means - self.means) * (other.weight / weight if weight else 0.0),
            np.minimum(self.least, other.least),
            np.maximum(self.greatest, other.greatest),
        )

    def nearby(self) -> Float:
        """(d,) numbers near the values that float32 holds and that can be taken from float32 values without rounding.

        x - s is exact for s / 2 <= x <= 2 s (Sterbenz 1974); where that does not hold for all values and their mean,
        they lie about as near to zero as to each other.
        """
        means = self.means.astype(np.float32).astype(np.float64)
        half, twice = np.minimum(means / 2, means * 2), np.maximum(means / 2, means * 2)
        return np.where((half <= self.least) & (self.greatest <= twice), means, 0.0)


def shift_of(rows: Rows, engine: Engine) -> Float:
    """(d,) what to take from the features so that a large offset costs no digits: the mean, or for float32 features a
    number that leaves them as exact as they came. Rows of weight zero do not count, wherever they lie.

    Raises BadInputError for missing, infinite and non-numeric values.
    """
    location = engine.map_reduce(_locate, plan_shards(rows.source), (rows.features, rows.weight), Location.merge)
    return np.where([name in rows.narrow for name in rows.features], location.nearby(), location.means)


def shifted_by(shift: Float, rows: Rows, narrow: frozenset[str] = frozenset()) -> Preparation:
    """The preparation that takes `shift` (d,) from the features and does nothing else: densities stay as they are.

    narrow: the features that are kept as float32.
    """
    transforms = zip(rows.features, map(shift_alone, shift.tolist()), strict=True)
    return Preparation(tuple(transforms), rows.weight, narrow)


def shift_alone(shift: float) -> Transform:
    """The transform z = x - shift."""
    # The estimator notes no extremes of the values: the way back is bounded by what float64 holds.
    return Transform("none", Identity(), shift, 1.0, *_ALL_OF_FLOAT64)


def complete_columns(shard: Shard, features: tuple[str, ...]) -> Iterator[Float]:
    """The features of a shard in source units, (d, n) of a batch at a time.

    Raises BadInputError for missing and infinite values.
    """
    for table, _, where in batches_of(shard, features):
        columns = np.stack([numeric(table, name, where) for name in features])
        missing = np.isnan(columns).sum(axis=1)
        if missing.any():
            raise BadInputError(
                "Input X contains NaN",
                expected=f"a number in each of {table.num_rows} rows; {missing.max()} have none",
                where=place(where, features[int(missing.argmax())]),
                advice="Leave such rows out or impute them; gmm_dask.fit leaves them out and counts them.",
            )
        yield columns


def _locate(shard: Shard, names: tuple[tuple[str, ...], str | None]) -> Location:
    features, weight = names
    if weight is None:
        return reduce(Location.merge, map(_location, complete_columns(shard, features)))
    both = complete_columns(shard, (*features, weight))
    return reduce(Location.merge, (_weighted_location(columns[:-1], columns[-1]) for columns in both))


def _location(columns: Float) -> Location:
    return Location(columns.shape[1], columns.mean(axis=1), columns.min(axis=1), columns.max(axis=1))


def _weighted_location(columns: Float, weights: Float) -> Location:
    columns, weights = columns[:, weights > 0], weights[weights > 0]
    if not weights.size:
        nowhere = np.zeros(len(columns))
        return Location(0.0, nowhere, nowhere + np.inf, nowhere - np.inf)
    means = np.average(columns, axis=1, weights=weights)
    return Location(float(weights.sum()), means, columns.min(axis=1), columns.max(axis=1))
