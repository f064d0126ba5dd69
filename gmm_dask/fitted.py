"""A fitted mixture as users hold it: the model and its verbs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from gmm_dask.config import Seeded, validated
from gmm_dask.engine import open_engine
from gmm_dask.model import MixtureModel, load_model_folder, save_model
from gmm_dask.output import Publication
from gmm_dask.table.source import MemorySource, Source, open_source
from gmm_dask.verbs import Impute, Score, apply_in_memory, columns_with_gaps, sample_in_memory, segments


class FittedMixture:
    """A Gaussian mixture fitted to the continuous columns of a table.

    `table` arguments take what `fit` takes: a path or URL of Parquet or CSV, a pandas or Dask DataFrame, an array.
    `client` is a Dask client or the address of a scheduler; by default the current client, else this process. Results
    are pandas DataFrames, the input's columns first: a DataFrame keeps its index and types, other tables come back with
    Arrow-backed columns, so that every type comes back as it came. For tables larger than memory there are the jobs
    (`gmm-dask score`, `impute`, `sample`), which write Parquet.
    """

    def __init__(self, model: MixtureModel) -> None:
        self.model = model

    @property
    def n_components(self) -> int:
        return self.model.n_components

    @property
    def columns(self) -> list[str]:
        """The modelled columns."""
        return self.model.columns

    def score(self, table: Any, *, probabilities: bool = False, prefix: str = "", client: Any = None) -> pd.DataFrame:
        """The table with `segment`, `segment_probability` and `log_density`, and one probability per component if
        asked for. See `gmm_dask.verbs.Score`."""
        source = self._checked(table)
        with open_engine(client, in_memory=isinstance(source, MemorySource)) as engine:
            verb = Score(self.model, probabilities=probabilities, prefix=prefix)
            return _to_pandas(apply_in_memory(verb, source, engine), table, len(source.schema))

    def impute(self, table: Any, *, client: Any = None) -> pd.DataFrame:
        """The table with missing cells of modelled columns filled by conditional means, and an indicator column
        for each column that had gaps. See `gmm_dask.verbs.Impute`."""
        source = self._checked(table)
        with open_engine(client, in_memory=isinstance(source, MemorySource)) as engine:
            verb = Impute(self.model, columns_with_gaps(self.model, source, engine))
            return _to_pandas(apply_in_memory(verb, source, engine), table, len(source.schema), verb.columns)

    def sample(self, rows: int, *, seed: int = 0, client: Any = None) -> pd.DataFrame:
        """Synthetic rows with the fitted table's columns and types; the same rows for a seed on any cluster."""
        seed = validated(Seeded, {"seed": seed}).seed
        with open_engine(client, in_memory=True) as engine:
            return _to_pandas(sample_in_memory(self.model, rows, seed=seed, engine=engine))

    def segments(self) -> pd.DataFrame:
        """One row per segment: its share of the rows, and mean and standard deviation per column, in source units."""
        return segments(self.model)

    def save(self, path: str | Path) -> Publication:
        """Publish the model folder at `path`; `gmm_dask.load_model` reads it."""
        return save_model(self.model, path)

    def _checked(self, table: Any) -> Source:
        source = open_source(table)
        self.model.schema.check(source.schema, source.name)
        return source

    def __repr__(self) -> str:
        family = self.model.parameters.family.name
        return f"FittedMixture(n_components={self.n_components}, covariance_type={family!r}, columns={self.columns})"


def load_model(path: str | Path) -> FittedMixture:
    """Load a model folder. Raises DamagedError, with the reason, for one that is not as it was published."""
    return FittedMixture(load_model_folder(path))


def _to_pandas(result: pa.Table, like: Any = None, n_read: int = 0, filled: Sequence[str] = ()) -> pd.DataFrame:
    """The result as pandas.

    Where a DataFrame came in, which was read as `n_read` columns, it goes out with its index, its column names and its
    cells as they were: only the columns `filled` are taken from the result, in their own types, and those appended.
    """
    if not isinstance(like, pd.DataFrame):
        frame: pd.DataFrame = result.to_pandas(types_mapper=pd.ArrowDtype)
        return frame
    frame = like.copy(deep=False)
    first = n_read - like.shape[1]  # named levels of the index were read as columns before those of the frame
    for position, kind in enumerate(like.dtypes):
        if result.column_names[first + position] in filled:
            series = _series(result.column(first + position), like.index, pd.ArrowDtype)
            frame.isetitem(position, series.astype(kind).array)
    for position in range(n_read, result.num_columns):
        frame[result.column_names[position]] = _series(result.column(position), like.index, _ADDED_TYPES.get)
    return frame


_ADDED_TYPES = {pa.int32(): pd.Int32Dtype()}  # a segment may be missing; NumPy's integers know no missing values


def _series(column: pa.ChunkedArray, index: pd.Index, types_mapper: Callable[[pa.DataType], Any]) -> pd.Series:
    series: pd.Series = column.to_pandas(types_mapper=types_mapper)
    series.index = index
    return series
