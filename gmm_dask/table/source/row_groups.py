"""Rows out of the row groups of a Parquet file that is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.footers import reading_parquet
from gmm_dask.table.source.layout import Stretch
from gmm_dask.table.source.listing import DataFile
from gmm_dask.table.source.partitions import partition_column


class RowGroup(NamedTuple):
    """Row group `number` of a file; `first` is the row of the file it begins with, `rows` how many it has."""

    file: DataFile
    number: int
    first: int
    rows: int

    @property
    def where(self) -> str:
        return f"{self.file.shown}, row group {self.number}"


def read_row_groups(
    opened: pq.ParquetFile, wanted: Iterable[tuple[Stretch, RowGroup]], schema: pa.Schema, rows: int
) -> Iterator[pa.Table]:
    """Some rows of some row groups of one file in the columns and types of `schema`, at most `rows` rows a table.

    Row groups are read one at a time: of several at once Arrow gives the values of each column in a row, so that one
    value too few in a damaged row group would shift a column against the others.
    """
    in_file = set(opened.schema_arrow.names)
    own = [name for name in schema.names if name in in_file]
    for stretch, group in wanted:
        with reading_parquet(group.where):
            _check_unchanged(opened.metadata, group)
            batches = opened.iter_batches(rows, row_groups=[group.number], columns=own, use_threads=False)
            yield from _read_stretch(batches, stretch, group, schema)


def _read_stretch(
    batches: Iterator[pa.RecordBatch], stretch: Stretch, group: RowGroup, schema: pa.Schema
) -> Iterator[pa.Table]:
    """The stretch's rows of a row group that comes in these batches.

    Arrow cannot begin within a row group, not even where the file has an index of its pages: what precedes the stretch
    is decoded and dropped.
    """
    done = 0
    for batch in batches:
        begin, done = done, done + batch.num_rows
        if done > stretch.start:
            yield _in_schema(batch, group.file, schema)[max(stretch.start - begin, 0) : stretch.stop - begin]
        if done >= stretch.stop:
            return
    raise BadInputError(
        f"no more than {done} rows can be read",
        expected=f"{group.rows} rows as the footer says",
        where=group.where,
        advice="The file is damaged; write it again, or take it away.",
    )


def _in_schema(batch: pa.RecordBatch, file: DataFile, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`, from the file's rows where it has them, else from its folders."""
    found = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = []
    for field in schema:
        values = found[field.name] if field.name in found else partition_column(file, field, batch.num_rows)
        columns.append(values if values.type == field.type else values.cast(field.type))
    return pa.table(columns, schema=schema)


def _check_unchanged(metadata: pq.FileMetaData, group: RowGroup) -> None:
    """Raises BadInputError where the file no longer has the row group that its footer told of."""
    if group.number >= metadata.num_row_groups or metadata.row_group(group.number).num_rows != group.rows:
        raise BadInputError(
            "this file has changed since the table was opened", where=group.file.shown, advice="Open the table again."
        )
