"""A fitted mixture as users hold it: the model and its verbs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from gmm_dask.config import Merging, Seeded, Updating, validated
from gmm_dask.engine import open_engine
from gmm_dask.errors import GmmDaskWarning
from gmm_dask.model import Changes, MixtureModel, load_model_folder, save_model
from gmm_dask.output import Publication
from gmm_dask.table.source import MemorySource, Source, open_source
from gmm_dask.updating import update_source
from gmm_dask.verbs import (
    Impute,
    MergedComponents,
    Score,
    ScoreClusters,
    apply_in_memory,
    columns_with_gaps,
    merge_components,
    sample_in_memory,
    segments,
)


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

    @property
    def labels(self) -> tuple[int, ...]:
        """The number of each component's segment, in the order of the components."""
        return self.model.labels

    @property
    def changes(self) -> Changes | None:
        """What became of the segments of the model before this one; None for a first fit."""
        return None if self.model.succession is None else self.model.succession.changes

    def score(
        self,
        table: Any,
        *,
        probabilities: bool = False,
        merged: MergedComponents | None = None,
        prefix: str = "",
        client: Any = None,
    ) -> pd.DataFrame:
        """The table with `segment`, `segment_probability` and `log_density`, and one probability per segment if asked
        for; with `merged` components also `cluster` and `cluster_probability`. See `gmm_dask.verbs.Score`."""
        source = self._checked(table)
        with open_engine(client, in_memory=isinstance(source, MemorySource)) as engine:
            score = Score(self.model, probabilities=probabilities, prefix=prefix)
            verb = score if merged is None else ScoreClusters(score, merged.clusters)
            return _to_pandas(apply_in_memory(verb, source, engine), table, len(source.schema))

    def merge(self, table: Any, n_clusters: int | None = None, *, client: Any = None) -> MergedComponents:
        """Which components describe one cluster together, by the entropy of the rows of a table (docs/choice.md).

        `n_clusters`: by default as many as the entropy suggests. Takes a pass over the table for each number of
        clusters but one. Raises UsageError for a number that cannot be, BadInputError where the table cannot be used.
        """
        n_clusters = validated(Merging, {"n_clusters": n_clusters}).n_clusters
        source = self._checked(table)
        with open_engine(client, in_memory=isinstance(source, MemorySource)) as engine:
            return merge_components(self.model, source, engine, n_clusters)

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
        """One row per segment, by number: its share of the rows, and mean and standard deviation per column, in source
        units."""
        return segments(self.model)

    def update(self, table: Any, *, forgetting: float | None = None, client: Any = None) -> FittedMixture:
        """The model after one pass over another table, without the rows before; this one stays as it is.

        `forgetting`, in (0, 1], is what the new rows count for in all that the updated model remembers; by default
        their share in all rows, so that every row counts the same. Segments keep their numbers; `changes` tells what
        became of them. See `gmm_dask.updating`.

        Warns (GmmDaskWarning) of rows left out, of a table that does not look like those before it, and of segments
        that are new, vanished, split or merged. Raises UsageError for a model without statistics, BadInputError where
        the table cannot be used.
        """
        forgetting = validated(Updating, {"forgetting": forgetting}).forgetting
        source = open_source(table)
        with open_engine(client, in_memory=isinstance(source, MemorySource)) as engine:
            update = update_source(self.model, source, engine, forgetting=forgetting)
        for note in update.notes:
            warnings.warn(note, GmmDaskWarning, stacklevel=2)
        return FittedMixture(update.model)

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


def model_of(given: FittedMixture | str | Path) -> MixtureModel:
    """A model that is given as it is, or by its folder. Raises DamagedError for a folder that is not as published."""
    return given.model if isinstance(given, FittedMixture) else load_model_folder(given)


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
