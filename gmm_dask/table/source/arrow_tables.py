"""Tables of other libraries as Arrow tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.table.source.schemas import check_names, wide_codes

ACCEPTED = (
    "a path, folder, pattern or URL of Parquet or CSV files, a list of such paths, a pandas, Polars or Dask DataFrame, "
    "an Arrow table, or a two-dimensional NumPy or Dask array"
)


def as_arrow(table: Any) -> pa.Table:
    """A table in memory as an Arrow table, without a copy where Arrow can use the values as they lie.

    Every value keeps its kind: NaN in a float column stays NaN, missing stays missing, categories become dictionaries.
    Field and schema metadata go. Raises BadInputError for a column Arrow has no one type for, UsageError for an object
    that is no table.
    """
    if isinstance(table, pd.DataFrame):
        columns = _pandas_columns(table)
    elif isinstance(table, np.ndarray):
        columns = _array_columns(table)
    else:
        arrow = _arrow_reader(table).read_all()
        columns = list(zip(arrow.column_names, arrow.columns, strict=True))
    names = [name for name, _ in columns]
    check_names(names, where=type(table).__name__)
    return pa.table([_settled(values) for _, values in columns], names=names)


def _arrow_reader(table: Any) -> pa.RecordBatchReader:
    """A reader of anything that speaks Arrow's stream protocol: Arrow itself, Polars, DuckDB and others."""
    try:
        return pa.RecordBatchReader.from_stream(table)
    except (TypeError, pa.ArrowInvalid) as error:
        raise UsageError(f"a {type(table).__module__}.{type(table).__qualname__}", expected=ACCEPTED) from error


def _pandas_columns(frame: pd.DataFrame) -> list[tuple[str, Any]]:
    """The columns, after the levels of the index that have a name; an index without one only counts rows."""
    index = [
        (str(name), frame.index.get_level_values(level))
        for level, name in enumerate(frame.index.names)
        if name is not None
    ]
    series = [(str(name), frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
    return [(name, _converted(values, name)) for name, values in [*index, *series]]


def _array_columns(array: np.ndarray[Any, Any]) -> list[tuple[str, Any]]:
    """Columns x0, x1 and so on."""
    if array.ndim != 2:
        advice = "Use array.reshape(-1, 1) for one column." if array.ndim == 1 else ""
        raise BadInputError(f"an array of {array.ndim} dimensions", expected="two, rows and columns", advice=advice)
    return [(f"x{place}", _converted(array[:, place], f"x{place}")) for place in range(array.shape[1])]


def _converted(values: Any, name: str) -> pa.Array | pa.ChunkedArray:
    """One column. Values that NumPy holds as numbers are taken as they are; else NaN and NaT mean missing."""
    dtype = values.dtype
    is_plain = isinstance(dtype, np.dtype) and dtype.kind in "biuf"
    try:
        return pa.array(np.asanyarray(values) if is_plain else values, from_pandas=not is_plain)
    except (pa.ArrowException, TypeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise BadInputError(
            f"column {name!r} of dtype {dtype} has no Arrow type ({reason})",
            expected="values of one kind: numbers, texts, times or categories",
            advice="Convert the column or leave it out.",
        ) from error


def _settled(values: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values, in types that all of Arrow's functions and files take: no views, wide codes."""
    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    kind = _without_views(column.type)
    if kind == column.type:
        return column
    if pa.types.is_dictionary(kind):
        chunks = [
            pa.DictionaryArray.from_arrays(
                pc.cast(chunk.indices, kind.index_type), chunk.dictionary.cast(kind.value_type), ordered=kind.ordered
            )
            for chunk in column.chunks
        ]
        return pa.chunked_array(chunks, type=kind)
    return column.cast(kind)


def _without_views(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return wide_codes(pa.dictionary(kind.index_type, _without_views(kind.value_type), kind.ordered))
    if pa.types.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(kind) else kind
