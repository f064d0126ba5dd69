"""What X may be: an array-like or an Arrow table in memory, or a table elsewhere (a Dask collection, files)."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from dask import is_dask_collection
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, validate_data

from gmm_dask.errors import BadInputError
from gmm_dask.estimator.weighted import with_weights
from gmm_dask.mixture import Float
from gmm_dask.table.columns import is_narrow
from gmm_dask.table.source import MemorySource, Source, open_source


@dataclass(frozen=True)
class Rows:
    """Rows ready to be read by number: `features` are the columns of `source` that enter the mixture, in their order,
    `weight` is the column of row weights, if there is one. in_memory: whether the rows lie in this process.
    """

    source: Source
    features: tuple[str, ...]
    in_memory: bool
    weight: str | None = None

    @property
    def narrow(self) -> frozenset[str]:
        """The features that float32 holds as they are."""
        schema = self.source.schema
        return frozenset(name for name in self.features if is_narrow(schema.field(name).type))

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 where all features are, else float64: what results are rounded to, as scikit-learn's are."""
        return np.dtype(np.float32 if len(self.narrow) == len(self.features) else np.float64)


def is_array(X: Any) -> bool:
    """Whether X is for scikit-learn to make an array of: no table that this package opens by itself."""
    return not (is_dask_collection(X) or isinstance(X, Source) or _is_path(X) or _is_paths(X) or _speaks_arrow(X))


def settled(X: Any) -> Any:
    """X in a form that can be gone through more than once: a stream can not."""
    return open_source(X) if _speaks_arrow(X) else X


def checked_array(estimator: BaseEstimator, X: Any, *, reset: bool) -> NDArray[Any]:
    """An array-like as an array (n, d) of floats, with scikit-learn's checks and words.

    With `reset` number and names of the features are noted in the estimator, else held against what it has.
    """
    fewest = 2 if reset else 1
    dtypes = [np.float64, np.float32]
    array: NDArray[Any] = validate_data(estimator, X, reset=reset, dtype=dtypes, ensure_min_samples=fewest)
    return array


def check_collection(estimator: BaseEstimator, X: Any, *, reset: bool) -> None:
    """Check number and names of the features of a Dask collection, of which nothing is computed."""
    if getattr(X, "ndim", None) != 2:
        raise ValueError(f"Expected a Dask array or DataFrame of 2 dimensions, got {X!r}")
    _check_features(estimator, X._meta if hasattr(X, "columns") else np.empty((0, X.shape[1])), reset=reset)


def checked_rows(estimator: BaseEstimator, X: Any, *, reset: bool) -> Rows:
    """The rows of any X. Checks are those of `checked_array`, but values lying elsewhere are not looked at yet.

    Raises ValueError (as BadInputError for what cannot be opened).
    """
    if is_array(X):
        source = open_source(checked_array(estimator, X, reset=reset))
        return Rows(source, tuple(source.schema.names), in_memory=True)
    source = open_source(X)
    names = list(source.schema.names)
    if is_dask_collection(X):
        check_collection(estimator, X, reset=reset)
        names = [str(name) for name in getattr(X, "columns", names)]  # the source of a frame has its index as well
    else:
        _check_features(estimator, pd.DataFrame(columns=names), reset=reset)
    return Rows(source, tuple(names), in_memory=isinstance(source, MemorySource))


def _check_features(estimator: BaseEstimator, outline: pd.DataFrame | Float, *, reset: bool) -> None:
    """Check the features of a table by what it looks like without its rows. Arrays have no names."""
    validate_data(estimator, outline, reset=reset, skip_check_array=True)


def training_rows(estimator: BaseEstimator, X: Any, sample_weight: Any, n_components: int) -> Rows:
    """The rows of X to be fitted, with their weights. Raises ValueError for fewer rows than components."""
    rows = checked_rows(estimator, X, reset=True)
    n_samples = rows.source.n_rows
    if sample_weight is not None:
        weights = _checked_weights(sample_weight, n_samples)
        weighted = with_weights(rows.source, weights)
        rows = replace(rows, source=weighted, weight=weighted.weight)
        n_samples = int(np.count_nonzero(weights))
    if n_samples < n_components:
        raise BadInputError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, n_samples = {n_samples}"
        )
    return rows


def _checked_weights(sample_weight: Any, n_samples: int) -> Float:
    if is_dask_collection(sample_weight):
        sample_weight = sample_weight.compute()
    rows = np.empty((n_samples, 0))  # only their number is looked at
    weights: Float = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    return weights


def _speaks_arrow(X: Any) -> bool:
    """Whether X hands its columns over as an Arrow stream: Arrow itself, Polars, DuckDB and others.

    pandas does so, too, but its names and types are for scikit-learn to judge.
    """
    return hasattr(X, "__arrow_c_stream__") and not isinstance(X, (pd.DataFrame, pd.Series))


def _is_path(X: Any) -> bool:
    return isinstance(X, (str, os.PathLike))


def _is_paths(X: Any) -> bool:
    return isinstance(X, (list, tuple)) and len(X) > 0 and all(_is_path(place) for place in X)
