"""CSV files as typed tables: one pass over all values settles the types, a second one applies them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial, reduce
from typing import NamedTuple

import fsspec
import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.errors import BadInputError, did_you_mean
from gmm_dask.table.source.base import digest
from gmm_dask.table.source.csv_options import CsvOptions
from gmm_dask.table.source.csv_text import text_blocks, trimmed
from gmm_dask.table.source.csv_types import Inferred
from gmm_dask.table.source.listing import DataFile, Files, Format, Paths, locate
from gmm_dask.table.source.partitions import partition_column, partition_schema
from gmm_dask.table.source.schemas import common_schema

THREADS = pa.cpu_count()
"""Files in work at a time; each is read on one thread."""


@dataclass(frozen=True)
class CsvTables:
    """CSV files whose types are known. Iterating reads them once, in order, as tables of that schema."""

    located: Files
    options: CsvOptions
    schema: pa.Schema

    @property
    def fingerprint(self) -> str:
        return csv_fingerprint(self.located, self.options)

    def __iter__(self) -> Iterator[pa.Table]:
        for file in self.located.files:
            yield from self.of(file)

    def of(self, file: DataFile) -> Iterator[pa.Table]:
        """The rows of one of the files, as tables of a few megabytes."""
        for block in text_blocks(self.located.filesystem, file, self.options):
            yield _typed(block, file, self.schema, self.options.null_values)


class Inspected(NamedTuple):
    """What a pass over one file has found."""

    n_rows: int
    columns: dict[str, Inferred]


def csv_tables(table: Paths | Files, options: CsvOptions | None = None) -> CsvTables:
    """The tables in CSV files, their types inferred from all values; this reads the files once.

    A column is integer, float, boolean, date or time where every value of every file is, else text. Where one file
    has text and another one something else under one name, that is a BadInputError: they are not one column.
    """
    options = options or CsvOptions()
    located = table if isinstance(table, Files) else locate(table)
    if located.format is not Format.CSV:
        raise BadInputError(f"these are {located.format.value} files", expected="CSV files", where=located.name)
    with ThreadPoolExecutor(THREADS) as pool:
        inspected = list(pool.map(partial(_inspect, located.filesystem, options), located.files))
    if not any(found.n_rows for found in inspected):
        raise BadInputError("there are no rows, only headers", where=located.name)
    own = _settled(located, [found.columns for found in inspected])
    told = partition_schema(located.files, where=located.name)
    schema = pa.schema([*own, *(field for field in told if field.name not in own.names)])
    return CsvTables(located, options, schema)


def csv_fingerprint(located: Files, options: CsvOptions) -> str:
    """The fingerprint of what these files hold when they are read so."""
    return digest(repr(options), *((file.path, file.size, file.stamp) for file in located.files))


def _inspect(filesystem: fsspec.AbstractFileSystem, options: CsvOptions, file: DataFile) -> Inspected:
    n_rows = 0
    columns: dict[str, Inferred] = {}
    for block in text_blocks(filesystem, file, options):
        n_rows += block.num_rows
        for name in block.schema.names:
            inferred = columns.setdefault(name, Inferred())
            if name not in options.text_columns:
                columns[name] = inferred.with_values(trimmed(block.column(name), options.null_values))
    if unknown := [name for name in options.text_columns if name not in columns]:
        advice = did_you_mean(unknown[0], columns)
        raise BadInputError(f"there is no column {unknown[0]!r} to keep as text", where=file.shown, advice=advice)
    return Inspected(n_rows, columns | dict.fromkeys(options.text_columns, Inferred.text()))


def _settled(located: Files, columns: Sequence[dict[str, Inferred]]) -> pa.Schema:
    """One type per column for all files. Raises BadInputError where their values are not of one kind."""
    empty = Inferred()
    together = {
        name: reduce(Inferred.merged, (of_file.get(name, empty) for of_file in columns))
        for name in dict.fromkeys(name for of_file in columns for name in of_file)
    }
    # Text that comes from all files together, and not from each, tells that they differ.
    schemas = [
        pa.schema(
            [(name, own.type if together[name].is_text else together[name].type) for name, own in of_file.items()]
        )
        for of_file in columns
    ]
    places = (file.shown for file in located.files)
    advice = "Bring them to one form, or name the column among the text columns of the CSV options."
    return common_schema(zip(places, schemas, strict=True), where=located.name, advice=advice)


def _typed(block: pa.RecordBatch, file: DataFile, schema: pa.Schema, null_values: Sequence[str]) -> pa.Table:
    """The block in the types of `schema`; text keeps the spaces around it."""
    columns = []
    for field in schema:
        if field.name not in block.schema.names:
            columns.append(partition_column(file, field, block.num_rows))
            continue
        text = block.column(field.name)
        bare = trimmed(text, null_values)
        if pa.types.is_string(field.type):
            columns.append(pc.if_else(pc.is_valid(bare), text, pa.scalar(None, pa.string())))
        else:
            columns.append(_cast(bare, field, file))
    return pa.table(columns, schema=schema)


def _cast(values: pa.Array, field: pa.Field, file: DataFile) -> pa.Array:
    if pa.types.is_null(field.type) and values.null_count == len(values):
        return pa.nulls(len(values))
    try:
        return pc.cast(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadInputError(
            f"column {field.name!r} no longer holds {field.type} values",
            where=file.shown,
            advice="The file was changed while it was read. Start again.",
        ) from error
