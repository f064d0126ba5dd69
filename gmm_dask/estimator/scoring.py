"""A fitted mixture applied to rows, wherever they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.utils import check_array

from gmm_dask.engine import Engine, InProcess, TableSweep, Unprepared
from gmm_dask.errors import BadInputError
from gmm_dask.estimator.inputs import Rows
from gmm_dask.estimator.table import complete_columns, shifted_by
from gmm_dask.mixture import Float, SufficientStatistics, Sweepable, log_joint
from gmm_dask.table.shards import Shard, plan_shards

_ROWS_AT_A_TIME = 16_384


@dataclass(frozen=True)
class Scorer:
    """What a mixture says of rows (n, d) in source units. `parameters` are about `shift` (d,).

    All is computed in float64. Results are float32 where both the rows and `dtype`, the fitted attributes', are.
    """

    parameters: Sweepable
    shift: Float
    dtype: np.dtype[Any]

    def labels(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """(n,) the component each row most likely belongs to."""
        labels: NDArray[np.int64] = self._log_joint(rows).argmax(axis=0)
        return labels

    def probabilities(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(n, k) of each component given the row."""
        joint = self._log_joint(rows)
        return np.ascontiguousarray(self._rounded(np.exp(joint - logsumexp(joint, axis=0)), rows).T)

    def log_densities(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(n,)."""
        return self._rounded(logsumexp(self._log_joint(rows), axis=0), rows)

    def _log_joint(self, rows: NDArray[Any]) -> Float:
        return log_joint(self.parameters, (rows - self.shift).T)

    def _rounded(self, results: Float, rows: NDArray[Any]) -> NDArray[Any]:
        return results.astype(np.result_type(rows, self.dtype), copy=False)


PerRow = Callable[[NDArray[Any]], NDArray[Any]]
"""One of the methods of `Scorer`: from rows (n, d) to (n,) or (n, k)."""


def over_array(function: PerRow, X: NDArray[Any]) -> NDArray[Any]:
    """The function's result for rows in memory, by this process's threads."""
    blocks = [X[start : start + _ROWS_AT_A_TIME] for start in range(0, len(X), _ROWS_AT_A_TIME)]
    return np.concatenate(InProcess().map(_call, blocks, function))


def over_shards(function: PerRow, rows: Rows, engine: Engine) -> NDArray[Any]:
    """The function's result for all rows of a source, in their order."""
    return np.concatenate(engine.map(_call_on_shard, plan_shards(rows.source), (function, rows.features, rows.dtype)))


def over_collection(function: PerRow, X: Any, n_features: int) -> Any:
    """The function's result for a Dask collection, as a Dask array of the same partitions; nothing is computed."""
    array = X.rechunk({1: -1}) if hasattr(X, "rechunk") else X.to_dask_array()
    like = function(np.empty((0, n_features), np.float32 if array.dtype == np.float32 else np.float64))
    shape = {"drop_axis": 1} if like.ndim == 1 else {"chunks": (array.chunks[0], like.shape[1:])}
    return array.map_blocks(_call_on_block, function=function, dtype=like.dtype, meta=like, **shape)


def statistics_of(scorer: Scorer, rows: Rows, engine: Engine) -> SufficientStatistics:
    """One sweep over the rows, none of which is kept. Raises BadInputError for missing values."""
    preparation = shifted_by(scorer.shift, rows)
    shards = [Unprepared(shard, preparation) for shard in plan_shards(rows.source)]
    (statistics,) = TableSweep(engine, shards)([scorer.parameters])
    if missing := rows.source.n_rows - statistics.n_rows:
        raise BadInputError(f"Input X contains NaN in {missing} rows", where=rows.source.name)
    return statistics


def _call(rows: Float, function: PerRow) -> NDArray[Any]:
    return function(rows)


def _call_on_shard(shard: Shard, shared: tuple[PerRow, tuple[str, ...], np.dtype[Any]]) -> NDArray[Any]:
    function, features, dtype = shared
    return np.concatenate([function(columns.T.astype(dtype)) for columns in complete_columns(shard, features)])


def _call_on_block(block: Any, function: PerRow) -> NDArray[Any]:
    return function(check_array(block, dtype=[np.float64, np.float32], ensure_min_samples=0, input_name="X"))
