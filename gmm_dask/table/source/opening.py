"""Opening whatever a table may come as."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dask import is_dask_collection

from gmm_dask.errors import UsageError
from gmm_dask.table.source.arrow_tables import ACCEPTED
from gmm_dask.table.source.base import Source
from gmm_dask.table.source.csv_options import CsvOptions
from gmm_dask.table.source.csv_source import csv_source
from gmm_dask.table.source.listing import Format, locate
from gmm_dask.table.source.memory import memory_source
from gmm_dask.table.source.parquet import parquet_source


def open_source(table: Any, *, options: CsvOptions | None = None, work_folder: Path | None = None) -> Source:
    """The table, ready to be read by row range.

    Taken are: a source, as it is; Parquet or CSV files by path, folder, pattern, fsspec URL, `package://NAME/path` (a
    data file of an installed package) or a list of these, ordered by path, with columns from folders such as
    `year=2013`; a pandas or Polars DataFrame, an Arrow table, a two-dimensional NumPy array; a Dask DataFrame or array.

    options: how CSV files are to be read; nothing else looks at them. work_folder: where their Parquet copies go and
    are found again; without it they go to a temporary folder that lives as long as the source in this process.

    Raises BadInputError for a table that is not there, has no rows or cannot be read, UsageError for what is no table.
    """
    if isinstance(table, Source):
        return table
    if isinstance(table, (str, os.PathLike)) or _is_list_of_paths(table):
        located = locate(table)
        if located.format is Format.CSV:
            return csv_source(located, options or CsvOptions(), work_folder)
        return parquet_source(located)
    if is_dask_collection(table):
        # Deferred: it imports much of Dask, half a second that only who has a collection should pay.
        from gmm_dask.table.source.collection import dask_source

        return dask_source(table)
    if isinstance(table, (list, tuple)):
        raise UsageError(f"a {type(table).__name__} of something else than paths", expected=ACCEPTED)
    return memory_source(table)


def _is_list_of_paths(table: object) -> bool:
    return isinstance(table, (list, tuple)) and all(isinstance(place, (str, os.PathLike)) for place in table)
