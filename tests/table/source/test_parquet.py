import contextlib
import os
import pickle
import random

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.table.source import BATCH_ROWS, open_source, parquet
from gmm_dask.table.source.footers import open_parquet


@pytest.fixture
def table():
    return pa.table(
        {"x": np.arange(100.0), "text": [f"t{i % 7}" for i in range(100)], "kind": pd.Categorical(["a", "b"] * 50)}
    ).cast(pa.schema([("x", pa.float64()), ("text", pa.string()), ("kind", pa.dictionary(pa.int32(), pa.string()))]))


@pytest.fixture
def folder(table, tmp_path):
    """Rows 0 to 99 in two files, row groups of 20, with two files of no rows between."""
    pq.write_table(table[:50], tmp_path / "a.parquet", row_group_size=20, write_page_checksum=True)
    pq.write_table(table[:0], tmp_path / "b.parquet")
    pd.DataFrame({"other": []}).to_parquet(tmp_path / "c.parquet")
    pq.write_table(table[50:], tmp_path / "d.parquet", row_group_size=20, write_page_checksum=True)
    return tmp_path


def flip_bit(path, group, column):
    """Damages the last page of a column of a row group."""
    content = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(group).column(column)
    first = chunk.dictionary_page_offset or chunk.data_page_offset
    content[first + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(content)


def test_rows_are_those_of_the_files_in_order(folder, table):
    source = open_source(folder)
    assert source.n_rows == 100
    assert source.schema == table.schema
    assert source.breaks.tolist() == [0, 20, 40, 50, 70, 90, 100]
    assert source.read(0, 100) == table
    assert source.read(35, 75, ["kind", "x"]) == table.select(["kind", "x"])[35:75]
    assert source.read(7, 7) == table[:0]


def test_only_row_groups_that_overlap_are_read(folder, table):
    source = open_source(folder)
    (folder / "a.parquet").unlink()
    assert source.read(50, 100) == table[50:]
    with pytest.raises(BadInputError, match="gone"):
        source.read(49, 51)


def test_of_a_large_row_group_no_more_than_needed_is_held(tmp_path):
    rows = 30 * BATCH_ROWS
    pq.write_table(pa.table({"x": np.random.default_rng(0).random(rows)}), tmp_path / "x.parquet", row_group_size=rows)
    source = open_source(tmp_path)
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        assert source.read(rows - 10, rows).num_rows == 10
    finally:
        pa.set_memory_pool(before)
    assert 0 < pool.max_memory() < 8 * rows / 4


class TestBatches:
    def test_every_file_is_opened_once_and_every_row_group_decoded_once(self, folder, table, monkeypatch):
        source, opened, decoded = open_source(folder), [], []
        monkeypatch.setattr(parquet, "open_parquet", lambda *args: opened.append(open_parquet(*args)) or opened[-1])
        iter_batches = pq.ParquetFile.iter_batches
        monkeypatch.setattr(
            pq.ParquetFile,
            "iter_batches",
            lambda file, *args, **named: decoded.append(named["row_groups"]) or iter_batches(file, *args, **named),
        )
        assert pa.concat_tables(source.batches(5, 95, rows=7)).unify_dictionaries() == table[5:95]
        assert len(opened) == 2
        assert decoded == [[0], [1], [2], [0], [1], [2]]
        assert all(file.closed for file in opened)

    def test_who_stops_early_leaves_no_file_open(self, folder, monkeypatch):
        source, opened = open_source(folder), []
        monkeypatch.setattr(parquet, "open_parquet", lambda *args: opened.append(open_parquet(*args)) or opened[-1])
        batches = source.batches(0, 100, rows=7)
        assert next(batches).num_rows == 7
        batches.close()
        assert [file.closed for file in opened] == [True]

    def test_memory_does_not_depend_on_the_row_group(self, tmp_path):
        rows = 30 * BATCH_ROWS
        column = np.random.default_rng(0).random(rows)
        pq.write_table(pa.table({"x": column}), tmp_path / "x.parquet", row_group_size=rows)
        source, pool = open_source(tmp_path), pa.default_memory_pool()
        before = pool.bytes_allocated()
        held = [pool.bytes_allocated() - before for batch in source.batches(1, rows)]
        assert len(held) == 30
        # The column's pages, dictionary and read buffer are a few MiB, a batch is half of one, all of it 15.
        assert 8 * BATCH_ROWS <= max(held) < 8 * rows / 2

    def test_columns_that_are_not_asked_for_are_not_read(self, folder, table):
        flip_bit(folder / "a.parquet", group=0, column=1)
        source = open_source(folder)
        assert pa.concat_tables(source.batches(0, 100, ["x"], rows=9)) == table.select(["x"])
        with pytest.raises(BadInputError, match="row group 0: cannot be read"):
            list(source.batches(0, 100, ["text"]))

    def test_rows_before_a_fault_come_out_and_the_fault_names_its_place(self, folder):
        flip_bit(folder / "d.parquet", group=1, column=0)
        batches = open_source(folder).batches(0, 100, rows=10)
        assert [next(batches)["x"][0].as_py() for _ in range(7)] == [0, 10, 20, 30, 40, 50, 60]
        with pytest.raises(BadInputError, match="cannot be read") as error:
            next(batches)
        assert error.value.where == f"{folder / 'd.parquet'}, row group 1"

    def test_what_is_asked_for_is_checked_at_once(self, folder):
        source = open_source(folder)
        with pytest.raises(UsageError, match="a range within 0 to 100"):
            source.batches(0, 101)
        with pytest.raises(BadInputError, match="Did you mean 'text'"):
            source.batches(0, 1, ["texts"])
        with pytest.raises(UsageError, match="batches of 0 rows"):
            source.batches(0, 1, rows=0)

    def test_a_file_rewritten_or_removed_after_opening_is_noticed(self, folder, table):
        source = open_source(folder)
        pq.write_table(table[:30], folder / "a.parquet", row_group_size=20)
        with pytest.raises(BadInputError, match="has changed"):
            list(source.batches(0, 50))
        (folder / "a.parquet").unlink()
        with pytest.raises(BadInputError, match="gone"):
            list(source.batches(0, 50))


def test_where_names_files_rows_and_row_groups(folder):
    source = open_source(folder)
    a, d = folder / "a.parquet", folder / "d.parquet"
    assert source.where(5, 10) == f"{a}, rows 5 to 9 (row group 0)"
    assert source.where(5, 50) == f"{a}, rows 5 to 49 (row groups 0 to 2)"
    assert source.where(45, 51) == f"{a}, row 45 (row group 2), to {d}, row 0 (row group 0)"
    assert source.narrowed(60, 100).where(0, 1) == f"{d}, rows 10 to 10 (row group 0)"
    assert source.where(3, 3) == source.name


def test_a_range_outside_and_an_unknown_column_are_errors(folder):
    source = open_source(folder)
    for start, stop in ((-1, 3), (3, 2), (0, 101)):
        with pytest.raises(UsageError, match="a range within 0 to 100"):
            source.read(start, stop)
    with pytest.raises(BadInputError, match="Did you mean 'text'"):
        source.read(0, 1, ["texts"])


def test_a_narrowed_source_pickles_without_the_rest(tmp_path):
    for number in range(200):
        pq.write_table(pa.table({"x": [number]}), tmp_path / f"{number:03d}.parquet")
    source = open_source(tmp_path)
    narrowed = pickle.loads(pickle.dumps(source.narrowed(10, 12)))
    assert narrowed.read(0, 2)["x"].to_pylist() == [10, 11]
    assert len(pickle.dumps(narrowed)) < len(pickle.dumps(source)) / 10


class TestFingerprint:
    def test_the_same_files_have_the_same_one(self, folder):
        assert open_source(folder).fingerprint == open_source(sorted(folder.iterdir())).fingerprint
        assert len(open_source(folder).fingerprint) == 64

    def test_it_changes_with_a_file(self, folder):
        before = open_source(folder).fingerprint
        os.utime(folder / "a.parquet", (1, 1))
        assert open_source(folder).fingerprint != before

    def test_a_part_has_its_own(self, folder):
        source = open_source(folder)
        parts = [source.narrowed(0, 50), source.narrowed(50, 100), source.narrowed(0, 49), source]
        assert len({part.fingerprint for part in parts}) == 4
        assert source.narrowed(0, 100) is source
        assert source.narrowed(np.int64(0), np.int64(50)).fingerprint == parts[0].fingerprint


class TestSchemas:
    def test_harmless_differences_give_one_table(self, tmp_path):
        first = pa.schema([pa.field("a", pa.int32(), nullable=False), ("b", pa.null()), ("c", pa.float32())])
        pq.write_table(pa.table([[1], [None], [0.5]], schema=first), tmp_path / "1.parquet")
        codes = pa.array(["u"]).dictionary_encode()
        pq.write_table(pa.table({"c": [1.5], "b": codes, "a": [2**40]}), tmp_path / "2.parquet")
        pq.write_table(pa.table({"c": [2.5], "b": ["v"], "a": [3]}), tmp_path / "3.parquet")
        source = open_source(tmp_path)
        assert source.schema == pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.float64())])
        assert source.read(0, 3).to_pydict() == {"a": [1, 2**40, 3], "b": [None, "u", "v"], "c": [0.5, 1.5, 2.5]}

    def test_dictionaries_of_several_files_become_one(self, tmp_path):
        for number, values in enumerate((["a", "b"], ["c", "b", None])):
            frame = pd.DataFrame({"k": pd.Categorical(values, ordered=True)})
            frame.to_parquet(tmp_path / f"{number}.parquet")
        read = open_source(tmp_path).read(0, 5)["k"]
        assert read.to_pylist() == ["a", "b", "c", "b", None]
        assert read.type.ordered
        assert len({tuple(chunk.dictionary.to_pylist()) for chunk in read.chunks}) == 1

    def test_types_that_differ_are_told(self, tmp_path):
        pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
        pq.write_table(pa.table({"x": ["1"]}), tmp_path / "b.parquet")
        with pytest.raises(BadInputError, match=r"column 'x': int64 in .*a\.parquet, string in .*b\.parquet"):
            open_source(tmp_path)

    def test_a_missing_column_is_told(self, tmp_path):
        pq.write_table(pa.table({"x": [1], "y": [1]}), tmp_path / "a.parquet")
        pq.write_table(pa.table({"x": [1]}), tmp_path / "b.parquet")
        with pytest.raises(BadInputError, match=r"column 'y': int64 in .*a\.parquet, missing in .*b\.parquet"):
            open_source(tmp_path)

    def test_duplicate_names_are_refused(self, tmp_path):
        pq.write_table(pa.table([[1], [2]], names=["x", "x"]), tmp_path / "a.parquet")
        with pytest.raises(BadInputError, match="'x' occurs more than once"):
            open_source(tmp_path)

    def test_a_name_with_a_dot_is_no_path(self, tmp_path):
        pq.write_table(pa.table({"Solar": [1], "Solar.R": [2]}), tmp_path / "a.parquet")
        source = open_source(tmp_path)
        assert source.read(0, 1, ["Solar"]).to_pydict() == {"Solar": [1]}
        assert source.read(0, 1, ["Solar.R"]).to_pydict() == {"Solar.R": [2]}

    def test_nothing_of_a_type_is_lost(self, tmp_path):
        table = pa.table(
            {
                "zoned": pa.array([1, None], pa.timestamp("ms", "Europe/Berlin")),
                "day": pa.array([1, None], pa.date32()),
                "small": pa.array([1, None], pa.int8()),
                "money": pa.array([1, None], pa.decimal128(10, 2)),
                "nested": pa.array([[1, 2], None], pa.list_(pa.int16())),
                "flag": pa.array([True, None]),
                "nothing": pa.nulls(2),
            }
        )
        pq.write_table(table, tmp_path / "a.parquet")
        assert open_source(tmp_path).read(0, 2) == table


class TestFaults:
    def test_no_rows_at_all(self, tmp_path, table):
        for name in "ab":
            pq.write_table(table[:0], tmp_path / f"{name}.parquet")
        with pytest.raises(BadInputError, match="no rows in any of 2 files"):
            open_source(tmp_path)
        with pytest.raises(BadInputError, match="there are no rows"):
            open_source(tmp_path / "a.parquet")

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table at all", None])
    def test_an_unreadable_file_among_good_ones_is_found_when_opening(self, folder, content):
        damaged = folder / "d.parquet"
        damaged.write_bytes(damaged.read_bytes()[:-100] if content is None else content)
        with pytest.raises(BadInputError, match="cannot be read as Parquet") as error:
            open_source(folder)
        assert error.value.where == str(damaged)

    def test_a_flipped_bit_in_the_data_is_found_when_reading(self, folder):
        damaged = folder / "d.parquet"
        flip_bit(damaged, group=1, column=0)
        source = open_source(folder)
        assert source.read(0, 70).num_rows == 70
        with pytest.raises(BadInputError, match="row group 1: cannot be read") as error:
            source.read(0, 100)
        assert error.value.where == f"{damaged}, row group 1"

    def test_a_file_rewritten_after_opening_is_noticed(self, folder, table):
        source = open_source(folder)
        pq.write_table(table[:30], folder / "a.parquet", row_group_size=20)
        with pytest.raises(BadInputError, match="has changed"):
            source.read(0, 50)

    @pytest.mark.parametrize("seed", range(40))
    def test_damage_never_shows_as_anything_but_bad_input(self, folder, table, seed):
        chance = random.Random(seed)
        damaged = folder / "d.parquet"
        content = bytearray(damaged.read_bytes())
        for _ in range(chance.choice([1, 1, 5])):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.2:
            content = content[: chance.randrange(len(content))]
        damaged.write_bytes(content)
        with contextlib.suppress(BadInputError):
            source = open_source(folder)
            source.read(0, source.n_rows)


def test_a_remote_file_system_is_read_the_same(table):
    memory = fsspec.filesystem("memory")
    with memory.open("/parquet/a.parquet", "wb") as file:
        pq.write_table(table, file, row_group_size=30)
    try:
        source = pickle.loads(pickle.dumps(open_source("memory://parquet/a.parquet")))
        assert source.read(25, 95) == table[25:95]
    finally:
        memory.rm("/parquet", recursive=True)
    with pytest.raises(BadInputError, match="gone"):
        source.read(0, 1)


@pytest.mark.slow
def test_twenty_thousand_files_are_planned_from_their_footers(tmp_path):
    pq.write_table(pa.table({f"x{column}": [1.0, 2.0] for column in range(8)}), tmp_path / "00000.parquet")
    content = (tmp_path / "00000.parquet").read_bytes()
    for number in range(1, 20_000):
        (tmp_path / f"{number:05d}.parquet").write_bytes(content)
    source = open_source(tmp_path)
    assert source.n_rows == 40_000
    assert len(source.breaks) == 20_001
    assert source.narrowed(30_000, 30_003).read(0, 3, ["x3"])["x3"].to_pylist() == [1.0, 2.0, 1.0]
