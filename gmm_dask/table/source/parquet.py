"""Tables in Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import NamedTuple, final

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.base import Source, digest
from gmm_dask.table.source.footers import Footer, open_parquet, read_footers, reading_parquet
from gmm_dask.table.source.layout import ROWS_PER_PIECE, Layout, Stretch
from gmm_dask.table.source.listing import DataFile, Files
from gmm_dask.table.source.partitions import partition_column, partition_schema
from gmm_dask.table.source.schemas import common_schema
from gmm_dask.table.source.work_folder import WorkFolder


class RowGroup(NamedTuple):
    """Row group `number` of a file; `first` is the row of the file it begins with, `rows` how many it has."""

    file: DataFile
    number: int
    first: int
    rows: int


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class ParquetSource(Source):
    """The rows of Parquet files, file by file in order of their paths, row group by row group.

    groups: the row groups that hold the rows, one for each piece of the layout. work_folder: what must outlive the
    source for the files to be there.
    """

    filesystem: fsspec.AbstractFileSystem
    groups: tuple[RowGroup, ...]
    work_folder: WorkFolder | None = None

    def _read(self, start: int, stop: int, columns: list[str]) -> pa.Table:
        schema = pa.schema([self.schema.field(name) for name in columns])
        stretches = self.layout.stretches(start, stop)
        by_file = groupby(stretches, key=lambda stretch: self.groups[stretch.piece].file)
        tables = [table for file, wanted in by_file for table in self._read_file(file, wanted, schema)]
        # Each file has dictionaries of its own; one code must mean one value throughout a table.
        return pa.concat_tables(tables).unify_dictionaries() if tables else schema.empty_table()

    def _read_file(self, file: DataFile, stretches: Iterable[Stretch], schema: pa.Schema) -> Iterator[pa.Table]:
        """The wanted rows of each row group of one file, in the columns and types of `schema`."""
        with reading_parquet(file.shown), open_parquet(self.filesystem, file) as opened:
            own = [name for name in schema.names if name in opened.schema_arrow.names]
            for stretch in stretches:
                group = self.groups[stretch.piece]
                _check_unchanged(opened.metadata, group)
                with reading_parquet(f"{file.shown}, row group {group.number}"):
                    table = _read_group(opened, stretch, group, own) if own else pa.table({})
                    yield _in_schema(table, file, schema, stretch.stop - stretch.start)

    def _where(self, start: int, stop: int) -> str:
        stretches = list(self.layout.stretches(start, stop))
        if not stretches:
            return self.name
        first, last = (self.groups[stretch.piece] for stretch in (stretches[0], stretches[-1]))
        begin, end = first.first + stretches[0].start, last.first + stretches[-1].stop - 1
        if first.file == last.file:
            return f"{first.file.shown}, rows {begin} to {end}{self._told(first, last)}"
        return f"{first.file.shown}, row {begin}{self._told(first)}, to {last.file.shown}, row {end}{self._told(last)}"

    def _told(self, *groups: RowGroup) -> str:
        """` (row group 3)`; nothing for a CSV file, whose row groups are ours and not its own."""
        if self.work_folder is not None:
            return ""
        numbers = sorted({group.number for group in groups})
        return f" (row group{'s' if len(numbers) > 1 else ''} {' to '.join(map(str, numbers))})"

    def _narrowed(self, start: int, stop: int, fingerprint: str) -> ParquetSource:
        pieces, layout = self.layout.narrowed(start, stop)
        return replace(self, fingerprint=fingerprint, layout=layout, groups=self.groups[pieces])


def parquet_source(located: Files) -> ParquetSource:
    """The table in these Parquet files, planned from their footers alone; files without rows take no part."""
    footers = read_footers(located.filesystem, located.files)
    filled = [(file, footer) for file, footer in zip(located.files, footers, strict=True) if sum(footer.rows)]
    if not filled:
        found = "there are no rows" if len(footers) == 1 else f"there are no rows in any of {len(footers)} files"
        raise BadInputError(found, where=located.name)
    schema = common_schema(((file.shown, footer.schema) for file, footer in filled), where=located.name)
    # A column that the files hold themselves is taken from them, not from the names of their folders.
    told = partition_schema([file for file, _ in filled], where=located.name)
    groups = tuple(group for file, footer in filled for group in _row_groups(file, footer))
    return ParquetSource(
        name=located.name,
        schema=pa.schema([*schema, *(field for field in told if field.name not in schema.names)]),
        fingerprint=digest(*((file.path, file.size, file.stamp, footer.rows) for file, footer in filled)),
        layout=Layout.of([group.rows for group in groups]),
        filesystem=located.filesystem,
        groups=groups,
    )


def _row_groups(file: DataFile, footer: Footer) -> Iterator[RowGroup]:
    firsts = accumulate(footer.rows, initial=0)
    for number, (first, rows) in enumerate(zip(firsts, footer.rows, strict=False)):
        if rows:
            yield RowGroup(file, number, first, rows)


def _in_schema(table: pa.Table, file: DataFile, schema: pa.Schema, n_rows: int) -> pa.Table:
    """The columns of `schema`, from the file's rows where it has them, else from its folders."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else partition_column(file, field, n_rows)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _check_unchanged(metadata: pq.FileMetaData, group: RowGroup) -> None:
    """Raises BadInputError where the file no longer has the row group that its footer told of."""
    if group.number >= metadata.num_row_groups or metadata.row_group(group.number).num_rows != group.rows:
        raise BadInputError(
            "this file has changed since the table was opened", where=group.file.shown, advice="Open the table again."
        )


def _read_group(opened: pq.ParquetFile, stretch: Stretch, group: RowGroup, columns: list[str]) -> pa.Table:
    """Some rows of a row group, decoded batch by batch: of a large group only what is wanted is kept."""
    batches, done = [], 0
    for batch in opened.iter_batches(ROWS_PER_PIECE, row_groups=[group.number], columns=columns):
        if done + batch.num_rows > stretch.start:
            batches.append(batch[max(stretch.start - done, 0) : stretch.stop - done])
        done += batch.num_rows
        if done >= stretch.stop:
            break
    if sum(batch.num_rows for batch in batches) != stretch.stop - stretch.start:
        raise BadInputError(
            f"no more than {done} rows can be read",
            expected=f"{group.rows} rows as the footer says",
            where=f"{group.file.shown}, row group {group.number}",
            advice="The file is damaged; write it again, or take it away.",
        )
    return pa.Table.from_batches(batches)
