"""Columns that folders tell: `year=2013/month=1/part.parquet` has a year and a month."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.listing import DataFile

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
"""What Hive, Spark and Arrow name the folder of the rows whose value is missing."""

TYPES = (pa.int64(), pa.float64(), pa.date32())
"""The types a partition column may have, narrowest first; text where none of them takes every value."""


def partition_schema(files: Sequence[DataFile], *, where: str) -> pa.Schema:
    """The partition columns of these files, each with the first of TYPES that all its values are.

    Raises BadInputError where some files lie in other partition folders than the rest.
    """
    first = files[0]
    names = [name for name, _ in first.partition]
    for file in files:
        if [name for name, _ in file.partition] != names:
            raise BadInputError(
                f"partition columns differ: {_told(first)}, {_told(file)}",
                expected="the same folders `column=value` above every file",
                where=where,
            )
    values = {name: {dict(file.partition)[name] for file in files} for name in names}
    return pa.schema([(name, _narrowest(values[name])) for name in names])


def partition_column(file: DataFile, field: pa.Field, n_rows: int) -> pa.Array:
    """(n_rows,) of the file's value of one partition column."""
    value = _parsed([dict(file.partition)[field.name]]).cast(field.type)[0]
    return pa.repeat(value, n_rows)


def _narrowest(values: set[str]) -> pa.DataType:
    parsed = _parsed(sorted(values))
    for kind in TYPES:
        try:
            pc.cast(parsed, kind)
        except pa.ArrowInvalid:
            continue
        return kind
    return pa.string()


def _parsed(values: Sequence[str]) -> pa.Array:
    return pa.array([None if value == NULL_FOLDER else value for value in values], pa.string())


def _told(file: DataFile) -> str:
    names = ", ".join(name for name, _ in file.partition) or "none"
    return f"{names} at {file.shown}"
