"""Single files: their bytes, their names, and what is left of an attempt that fails."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.errors import ResourceError, UsageError
from gmm_dask.output import add_file, write_part
from gmm_dask.output.parts import ROW_GROUP_ROWS

SCHEMA = pa.schema([("x", pa.float64()), ("s", pa.string())])


def rows(count: int, start: int = 0) -> pa.Table:
    numbers = range(start, start + count)
    return pa.table([[float(n) for n in numbers], [None if n % 7 == 0 else f"s{n}" for n in numbers]], schema=SCHEMA)


def test_a_part_is_described_as_it_lies_on_disk(tmp_path: Path) -> None:
    part = write_part(tmp_path, 7, rows(1000), SCHEMA)
    data = (tmp_path / part.name).read_bytes()
    assert part.name.startswith("part-00007-")
    assert (part.rows, part.bytes, part.sha256) == (1000, len(data), hashlib.sha256(data).hexdigest())
    assert pq.read_table(tmp_path / part.name).equals(rows(1000))


def test_the_bytes_depend_on_the_rows_and_not_on_how_they_are_cut(tmp_path: Path) -> None:
    count = ROW_GROUP_ROWS + 5000
    table = rows(count)
    cuts = [0, 1, 1, 1024, 70_000, ROW_GROUP_ROWS + 1, count]
    pieces = [table.slice(start, end - start) for start, end in pairwise(cuts)]
    whole = write_part(tmp_path, 0, table, SCHEMA)
    cut = write_part(tmp_path, 0, iter(pieces), SCHEMA)
    assert whole.name != cut.name
    assert (whole.rows, whole.sha256) == (cut.rows, cut.sha256)


def test_categories_met_in_different_chunks_give_the_same_bytes(tmp_path: Path) -> None:
    values = ["x", "y", None, "z", "x"]
    whole = pa.table({"c": pa.array(values).dictionary_encode()})
    halves = [pa.table({"c": pa.array(half).dictionary_encode()}) for half in (values[:3], values[3:])]
    first, second = (write_part(tmp_path, 0, tables, whole.schema) for tables in (whole, halves))
    assert first.sha256 == second.sha256
    assert pq.read_table(tmp_path / second.name)["c"].to_pylist() == values


def test_small_tables_become_full_row_groups(tmp_path: Path) -> None:
    count = 2 * ROW_GROUP_ROWS + 10
    tables = (rows(min(50_000, count - start), start) for start in range(0, count, 50_000))
    part = write_part(tmp_path, 0, tables, SCHEMA)
    metadata = pq.read_metadata(tmp_path / part.name)
    groups = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert groups == [ROW_GROUP_ROWS, ROW_GROUP_ROWS, 10]
    assert {metadata.row_group(0).column(n).compression for n in range(2)} == {"ZSTD"}


def test_memory_stays_bounded_while_a_part_is_streamed(tmp_path: Path) -> None:
    rows_each, count = 100_000, 60
    seen = []

    def tables() -> Iterator[pa.Table]:
        for n in range(count):
            yield pa.table({"x": pa.array([float(n)] * rows_each)})
            seen.append(pa.total_allocated_bytes())

    before = pa.total_allocated_bytes()
    part = write_part(tmp_path, 0, tables(), pa.schema([("x", pa.float64())]))
    assert part.rows == rows_each * count
    assert max(seen) - before < 8 * rows_each * 10  # ten of the sixty tables


def test_no_rows_are_a_readable_part(tmp_path: Path) -> None:
    part = write_part(tmp_path, 0, [], SCHEMA)
    assert part.rows == 0
    assert pq.read_schema(tmp_path / part.name).equals(SCHEMA)


def test_two_attempts_at_one_part_do_not_meet(tmp_path: Path) -> None:
    first, second = write_part(tmp_path, 3, rows(10), SCHEMA), write_part(tmp_path, 3, rows(10), SCHEMA)
    assert first.sha256 == second.sha256
    assert {entry.name for entry in tmp_path.iterdir()} == {first.name, second.name}


@pytest.mark.parametrize("error", [ValueError("bad row"), OSError("lost the source"), KeyboardInterrupt()])
def test_an_attempt_that_fails_leaves_no_file_and_its_own_error(tmp_path: Path, error: BaseException) -> None:
    def tables() -> Iterator[pa.Table]:
        yield rows(ROW_GROUP_ROWS)
        raise error

    with pytest.raises(type(error)) as caught:
        write_part(tmp_path, 0, tables(), SCHEMA)
    assert caught.value is error
    assert not list(tmp_path.iterdir())


def test_rows_of_another_schema_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="schema"):
        write_part(tmp_path, 0, pa.table({"x": [1], "s": ["a"]}), SCHEMA)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_is_a_resource_error_that_names_the_file(
    tmp_path: Path, limit_file_size: Callable[[int], None]
) -> None:
    limit_file_size(65_536)
    with pytest.raises(ResourceError, match=r"part-00000-.*File too large"):
        write_part(tmp_path, 0, rows(50_000), SCHEMA)
    with pytest.raises(ResourceError, match=r"weights\.bin"):
        add_file(tmp_path, "weights.bin", bytes(100_000))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_a_resource_error(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="No such file") as caught:
        write_part(tmp_path / "gone", 0, rows(1), SCHEMA)
    assert caught.value.exit_code == 4


def test_files_have_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        parts = [write_part(tmp_path, 0, rows(1), SCHEMA), add_file(tmp_path, "means.bin", b"1")]
    finally:
        os.umask(old)
    assert {stat.S_IMODE((tmp_path / part.name).stat().st_mode) for part in parts} == {0o640}


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "_manifest.json", ".", ".."])
def test_names_that_are_not_plain_data_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="plain name"):
        add_file(tmp_path, name, b"")
    assert not list(tmp_path.iterdir())
