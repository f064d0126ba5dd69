"""The rows of X as they are swept, z = x - shift: large offsets cost no digits."""

from __future__ import annotations

import math
from collections.abc import Iterator
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


def means_of(rows: Rows, engine: Engine) -> Float:
    """(d,) the mean of each feature. Raises BadInputError for missing, infinite and non-numeric values."""
    _, means = engine.map_reduce(_means_of_shard, plan_shards(rows.source), rows.features, _merge_means)
    return means


def shifted_by(shift: Float, rows: Rows) -> Preparation:
    """The preparation that takes `shift` (d,) from the features and does nothing else: densities stay as they are."""
    transforms = zip(rows.features, map(_shift_alone, shift.tolist()), strict=True)
    return Preparation(tuple(transforms), rows.weight)


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


def _shift_alone(shift: float) -> Transform:
    # Nothing is transformed back, so the extremes, which bound the way back, may stay open.
    return Transform("none", Identity(), shift, 1.0, -math.inf, math.inf)


def _means_of_shard(shard: Shard, features: tuple[str, ...]) -> tuple[int, Float]:
    batches = complete_columns(shard, features)
    return reduce(_merge_means, ((columns.shape[1], columns.mean(axis=1)) for columns in batches))


def _merge_means(left: tuple[int, Float], right: tuple[int, Float]) -> tuple[int, Float]:
    n = left[0] + right[0]
    return n, left[1] + (right[1] - left[1]) * (right[0] / n)
