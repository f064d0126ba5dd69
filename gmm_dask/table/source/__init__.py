"""Sources: tables of many origins, read by row range.

`open_source` opens; a `Source` reads, at once or batch by batch, narrows and tells where rows are. `csv_tables` streams
CSV files, typed, for who wants to write them elsewhere at once; `locate` tells which files a path names and whether
they are CSV.
"""

from gmm_dask.table.source.base import Source
from gmm_dask.table.source.batches import BATCH_ROWS
from gmm_dask.table.source.csv_options import CsvOptions
from gmm_dask.table.source.csv_tables import CsvTables, csv_tables
from gmm_dask.table.source.listing import Files, Format, locate
from gmm_dask.table.source.memory import MemorySource
from gmm_dask.table.source.opening import open_source

__all__ = [
    "BATCH_ROWS",
    "CsvOptions",
    "CsvTables",
    "Files",
    "Format",
    "MemorySource",
    "Source",
    "csv_tables",
    "locate",
    "open_source",
]
