"""What the footers of Parquet files say: schemas and row groups, without a look at the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.filesystems import arrow_filesystem, is_local
from gmm_dask.table.source.listing import DataFile

THREADS = 8
"""Reads in flight at a time: a footer is one or two short requests, which a remote store answers slowly."""

READ_BYTES = 1 << 20
"""Bytes read at a time from a local file, for each column."""


class Footer(NamedTuple):
    """The schema of a file, and the rows of each of its row groups."""

    schema: pa.Schema
    rows: tuple[int, ...]


@contextmanager
def reading_parquet(where: str) -> Iterator[None]:
    """Turns what Arrow raises over a file into a BadInputError that names the place; Arrow itself often does not."""
    try:
        yield
    except FileNotFoundError as error:
        advice = "It was there when the table was opened. Open the table again."
        raise BadInputError("this file is gone", where=where, advice=advice) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise BadInputError(
            f"cannot be read as Parquet ({reason})",
            where=where,
            advice="The file is damaged or cut short; write it again, or take it away.",
        ) from error


def open_parquet(filesystem: fsspec.AbstractFileSystem, file: DataFile) -> pq.ParquetFile:
    """The file, opened so that a flipped bit in a page with a checksum is an error and not a value.

    Local files are read as they are decoded, in a memory that does not depend on the size of row groups. Of remote
    ones the wanted columns of a row group are fetched at once: fewer requests, at the cost of holding them compressed.
    """
    return pq.ParquetFile(
        file.path,
        filesystem=arrow_filesystem(filesystem),
        page_checksum_verification=True,
        pre_buffer=not is_local(filesystem),
        buffer_size=READ_BYTES,
    )


def read_footers(filesystem: fsspec.AbstractFileSystem, files: Sequence[DataFile]) -> list[Footer]:
    """The footer of each file, in order. Raises BadInputError for the first one that has none."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(partial(_read_footer, filesystem), files))


def _read_footer(filesystem: fsspec.AbstractFileSystem, file: DataFile) -> Footer:
    with reading_parquet(file.shown), open_parquet(filesystem, file) as opened:
        metadata = opened.metadata
        rows = tuple(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
        return Footer(opened.schema_arrow.remove_metadata(), rows)
