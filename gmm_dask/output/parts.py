"""The files of a version: written under a name that no other attempt has, and described by what was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask.errors import UsageError
from gmm_dask.output.storage import sha256, storage_errors, sync, write_new

ROW_GROUP_ROWS = 131_072


@dataclass(frozen=True)
class Part:
    """One published file. `rows` is 0 for a file that is not a table; `sha256` is hexadecimal."""

    name: str
    rows: int
    bytes: int
    sha256: str


def is_data_name(name: str) -> bool:
    """Whether a file of this name is data: a plain name that readers of Parquet folders do not skip."""
    return bool(name) and "/" not in name and not name.startswith(("_", "."))


def write_part(folder: str | Path, number: int, batches: Iterable[pa.Table] | pa.Table, schema: pa.Schema) -> Part:
    """Write the rows of `batches`, all of `schema`, as part `number` of a draft; may run in any process.

    Every attempt writes a file of its own, so that a retry never overwrites and a straggler never interferes; the
    parts handed to `commit` decide which attempt counts. The bytes depend on the rows alone, not on how they were
    cut into tables. In memory are the largest incoming table and one row group. An attempt that fails leaves no file.
    """
    target = Path(folder) / f"part-{number:05d}-{uuid4().hex[:8]}.parquet"
    tables = [batches] if isinstance(batches, pa.Table) else batches
    try:
        rows = _write_rows(target, tables, schema)
        with storage_errors(target):
            sync(target)
            return _describe(target, rows)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def add_file(folder: str | Path, name: str, data: bytes) -> Part:
    """Write one file of a model into a draft; the name must be new there and not begin with `_` or `.`."""
    if not is_data_name(name):
        raise UsageError(f"file name {name!r}", expected="a plain name that does not begin with '_' or '.'")
    target = Path(folder) / name
    with storage_errors(target):
        write_new(target, data)
        return _describe(target, rows=0)


def _write_rows(target: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Only what the disk refuses becomes a storage error: `tables` may fail for reasons of their own."""
    rows = 0
    with storage_errors(target):
        file = pa.OSFile(str(target), "wb")
    with file:
        writer = pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True)
        try:
            for group in _row_groups(tables):
                with storage_errors(target):
                    writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
                rows += group.num_rows
        finally:
            with storage_errors(target):
                writer.close()
    return rows


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows as full row groups, each of one chunk: the writer ends pages where chunks end."""
    held: list[pa.Table] = []
    missing = ROW_GROUP_ROWS
    for table in tables:
        rest = table
        while rest.num_rows >= missing:
            yield pa.concat_tables([*held, rest.slice(0, missing)]).combine_chunks()
            rest, held, missing = rest.slice(missing), [], ROW_GROUP_ROWS
        if rest.num_rows:
            held.append(rest)
            missing -= rest.num_rows
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _describe(file: Path, rows: int) -> Part:
    return Part(file.name, rows, file.stat().st_size, sha256(file))
