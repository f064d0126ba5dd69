"""Tables in Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import final

import fsspec
import pyarrow as pa

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.base import Source, digest
from gmm_dask.table.source.batches import BATCH_ROWS, in_batches
from gmm_dask.table.source.footers import Footer, open_parquet, read_footers, reading_parquet
from gmm_dask.table.source.layout import Layout
from gmm_dask.table.source.listing import DataFile, Files
from gmm_dask.table.source.partitions import partition_schema
from gmm_dask.table.source.row_groups import RowGroup, read_row_groups
from gmm_dask.table.source.schemas import common_schema
from gmm_dask.table.source.work_folder import WorkFolder


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

    @property
    def n_skipped(self) -> int:
        return self.layout.skip

    def _read(self, start: int, stop: int, columns: list[str]) -> pa.Table:
        tables = list(self._tables(start, stop, columns, BATCH_ROWS))
        # Each file has dictionaries of its own; one code must mean one value throughout a table.
        return pa.concat_tables(tables).unify_dictionaries() if tables else self.schema.empty_table().select(columns)

    def _batches(self, start: int, stop: int, columns: list[str], rows: int) -> Iterator[pa.Table]:
        return in_batches(self._tables(start, stop, columns, rows), rows)

    def _tables(self, start: int, stop: int, columns: list[str], rows: int) -> Iterator[pa.Table]:
        """Rows [start, stop) in tables of at most `rows` rows; every file is opened once."""
        schema = pa.schema([self.schema.field(name) for name in columns])
        pieces = ((stretch, self.groups[stretch.piece]) for stretch in self.layout.stretches(start, stop))
        for file, wanted in groupby(pieces, key=lambda piece: piece[1].file):
            with reading_parquet(file.shown), open_parquet(self.filesystem, file) as opened:
                yield from read_row_groups(opened, wanted, schema, rows)

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
