"""CSV files as a source: converted to Parquet once, in a work folder, and read from there."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import fsspec
import pyarrow.parquet as pq

from gmm_dask.errors import ResourceError
from gmm_dask.table.source.batches import BATCH_ROWS, in_batches
from gmm_dask.table.source.csv_options import CsvOptions
from gmm_dask.table.source.csv_tables import THREADS, CsvTables, csv_fingerprint, csv_tables
from gmm_dask.table.source.listing import DataFile, Files, Format
from gmm_dask.table.source.parquet import ParquetSource, parquet_source
from gmm_dask.table.source.work_folder import WorkFolder


def csv_source(located: Files, options: CsvOptions, work_folder: Path | None) -> ParquetSource:
    """The table in these CSV files. A conversion that a given work folder already holds is taken as it is."""
    fingerprint = csv_fingerprint(located, options)
    folder = WorkFolder(work_folder)
    target = folder.path / f"csv-{fingerprint[:32]}"
    if not target.exists():
        _convert(csv_tables(located, options), target)
    copies = tuple(_copy_of(file, _copy_path(target, number)) for number, file in enumerate(located.files))
    converted = Files(located.name, Format.PARQUET, fsspec.filesystem("file"), copies)
    return replace(parquet_source(converted), fingerprint=fingerprint, work_folder=folder)


def _convert(tables: CsvTables, target: Path) -> None:
    """Writes one Parquet file for each CSV file; the folder takes its name when it is complete."""
    unfinished = Path(tempfile.mkdtemp(prefix=".csv-", dir=target.parent))
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            files = tables.located.files
            list(pool.map(partial(_convert_file, tables, unfinished), range(len(files)), files))
        unfinished.rename(target)
    except OSError as error:
        # Somebody else may have finished the same conversion meanwhile.
        if not target.exists():
            advice = "Name a work folder that can be written and has room for the table."
            raise ResourceError(f"converting to Parquet: {error}", where=str(target.parent), advice=advice) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _convert_file(tables: CsvTables, folder: Path, number: int, file: DataFile) -> None:
    with pq.ParquetWriter(_copy_path(folder, number), tables.schema, write_page_checksum=True) as writer:
        for table in in_batches(tables.of(file), BATCH_ROWS):
            writer.write_table(table, row_group_size=BATCH_ROWS)


def _copy_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.parquet"


def _copy_of(file: DataFile, copy: Path) -> DataFile:
    """The Parquet copy of a CSV file, which a message calls by the name of the CSV file."""
    return DataFile(str(copy), file.shown, copy.stat().st_size, file.stamp)
