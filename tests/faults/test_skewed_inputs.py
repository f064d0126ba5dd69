"""Tables that lie in files badly: one giant, hundreds of dwarfs, row groups of one row."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.engine import InProcess
from gmm_dask.fitting import profile_source
from gmm_dask.table import shards as planning
from gmm_dask.table.shards import plan_shards
from gmm_dask.table.source import open_source, parquet
from gmm_dask.table.source.footers import open_parquet

N_ROWS = 12_000
SHARD_ROWS = 1_000


def table_of(n_rows):
    rng = np.random.default_rng(0)
    kinds = pa.array(rng.choice(["a", "b", "c"], n_rows)).dictionary_encode()
    return pa.table({"x": rng.normal(size=n_rows), "row": np.arange(n_rows), "kind": kinds})


def write(table, folder, lengths, row_group_size):
    """Files of these many rows, each in row groups of that size."""
    start = 0
    for number, length in enumerate(lengths):
        pq.write_table(table[start : start + length], folder / f"{number:04d}.parquet", row_group_size=row_group_size)
        start += length
    assert start == table.num_rows


LAYOUTS = {
    "one giant row group": ([N_ROWS], N_ROWS),
    "a giant among dwarfs": ([10] * 100 + [N_ROWS - 2_000] + [10] * 100, N_ROWS),
    "dwarfs": ([40] * 300, 40),
    "row groups of one row": ([3_000] * 4, 1),
}


@pytest.fixture(params=LAYOUTS)
def folder(request, tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "SHARD_BYTES", SHARD_ROWS * planning.row_bytes(table_of(1).schema))
    write(table_of(N_ROWS), tmp_path, *LAYOUTS[request.param])
    return tmp_path


def test_shards_are_of_like_size_and_hold_every_row(folder):
    shards = plan_shards(open_source(folder))
    sizes = [shard.n_rows for shard in shards]
    assert sum(sizes) == N_ROWS
    assert SHARD_ROWS / 2 <= min(sizes) <= max(sizes) <= SHARD_ROWS * 3 / 2
    batches = [batch for shard in shards for batch in shard.batches(rows=300)]
    assert pa.concat_tables(batches).unify_dictionaries() == table_of(N_ROWS)


def test_a_pass_opens_each_file_once_for_each_shard_in_it(folder, monkeypatch):
    shards = plan_shards(open_source(folder))
    opened = []
    monkeypatch.setattr(parquet, "open_parquet", lambda *args: opened.append(args[1].path) or open_parquet(*args))
    for shard in shards:
        assert sum(batch.num_rows for batch in shard.batches(["x"], rows=64)) == shard.n_rows
    assert len(opened) == sum(len({group.file for group in shard.source.groups}) for shard in shards)
    assert len(opened) <= len(list(folder.iterdir())) + len(shards)


def test_a_shard_pickles_with_its_own_pieces_alone(folder):
    source = open_source(folder)
    shards = plan_shards(source)
    empty = len(pickle.dumps(source.narrowed(0, 0)))
    weights = [len(pickle.dumps(shard)) - empty for shard in shards]
    assert sum(len(shard.source.groups) for shard in shards) <= len(source.groups) + len(shards)
    assert all(weight <= 300 + 250 * len(shard.source.groups) for weight, shard in zip(weights, shards, strict=True)), (
        weights
    )


def test_the_profile_is_that_of_the_rows(folder):
    source = open_source(folder)
    profile = profile_source(source, InProcess(2))
    assert profile.n_rows == N_ROWS
    x = table_of(N_ROWS)["x"].to_numpy()
    assert profile["x"].minimum == x.min()
    assert profile["x"].maximum == x.max()


def test_rows_that_are_decoded_only_to_be_dropped(tmp_path, monkeypatch):
    """From within a row group a shard decodes what precedes it too, but of the columns asked for alone."""
    table = table_of(N_ROWS)
    write(table, tmp_path, [N_ROWS], N_ROWS)
    monkeypatch.setattr(planning, "SHARD_BYTES", SHARD_ROWS * planning.row_bytes(table.schema))
    shards = plan_shards(open_source(tmp_path))
    assert [shard.source.n_skipped for shard in shards] == [shard.start for shard in shards]
    decoded = []
    iter_batches = pq.ParquetFile.iter_batches

    def counted(file, *args, **named):
        for batch in iter_batches(file, *args, **named):
            assert batch.schema.names == ["row"]
            decoded.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    assert next(shards[5].batches(["row"], rows=100))["row"].to_pylist() == list(range(5_000, 5_100))
    assert sum(decoded) == 5_100
