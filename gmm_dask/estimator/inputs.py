"""What X may be: an array-like in memory, or a table that lies elsewhere (a Dask collection, files, a source)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from dask import is_dask_collection
from numpy.typing import NDArray

from gmm_dask.mixture import Float
from gmm_dask.table.source import Source, open_source


@dataclass(frozen=True)
class Rows:
    """Rows ready to be read by number: `features` are the columns of `source` that enter the mixture, in their order.

    in_memory: whether they lie in this process.
    """

    source: Source
    features: tuple[str, ...]
    in_memory: bool


def lies_elsewhere(X: Any) -> bool:
    """Whether X is a Dask collection, a path, a list of paths or a source, and not an array-like."""
    return is_dask_collection(X) or isinstance(X, Source) or _is_path(X) or _is_paths(X)


def rows_in_memory(X: NDArray[Any]) -> Rows:
    """The rows of an array (n, d) that has been checked."""
    source = open_source(X)
    return Rows(source, tuple(source.schema.names), in_memory=True)


def rows_elsewhere(X: Any) -> Rows:
    """The rows of what `lies_elsewhere`. Raises BadInputError for what cannot be opened."""
    source = open_source(X)
    names = X.columns if _is_dask_frame(X) else source.schema.names  # the source has the index of a frame as well
    return Rows(source, tuple(str(name) for name in names), in_memory=False)


def outline(X: Any, rows: Rows) -> pd.DataFrame | Float:
    """X without its rows: what scikit-learn checks the number and names of features by. Arrays have no names."""
    if is_dask_collection(X) and not _is_dask_frame(X):
        return np.empty((0, len(rows.features)))
    return pd.DataFrame(columns=list(X.columns) if _is_dask_frame(X) else list(rows.features))


def _is_dask_frame(X: Any) -> bool:
    return is_dask_collection(X) and hasattr(X, "columns")


def _is_path(X: Any) -> bool:
    return isinstance(X, (str, os.PathLike))


def _is_paths(X: Any) -> bool:
    return isinstance(X, (list, tuple)) and len(X) > 0 and all(_is_path(place) for place in X)
