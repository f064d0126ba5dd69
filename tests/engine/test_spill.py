"""Blocks in files: what is read is what was written, or an error; and no file outlives its use."""

import gc
import logging
import pickle
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dask.sizeof import sizeof

from gmm_dask.engine.blocks import STORES, Kept, Spilled, Unprepared, in_memory, nowhere, on_disk
from gmm_dask.engine.holding import _Holding
from gmm_dask.engine.spill import SpillError, SpillFile
from gmm_dask.errors import ResourceError
from gmm_dask.mixture import Block
from gmm_dask.table.curves import Identity
from gmm_dask.table.prepare import Preparation, Sampling
from gmm_dask.table.shards import Shard
from gmm_dask.table.source import BATCH_ROWS, open_source
from gmm_dask.table.transforms import Transform

RNG = np.random.default_rng(0)

BLOCKS = {
    "plain": [Block(RNG.normal(size=(3, 100))), Block(RNG.normal(size=(3, 7)))],
    "weighted": [Block(RNG.normal(size=(1, 5)), RNG.random(5))],
    "single precision, an odd number": [Block.of([RNG.normal(size=7).astype(np.float32), RNG.normal(size=7)])],
    "single precision alone": [Block.of([RNG.normal(size=3).astype(np.float32)] * 3, RNG.random(3))] * 2,
    "a block without rows": [Block(np.empty((2, 0))), Block(np.ones((2, 4))), Block(np.empty((2, 0)))],
    "no row at all": [Block(np.empty((2, 0)))],
}


def as_bytes(block):
    return [None if array is None else (array.dtype, array.shape, array.tobytes()) for array in vars(block).values()]


@pytest.fixture
def spill(tmp_path):
    def written(blocks, n_bytes=10_000):
        return SpillFile.write(str(tmp_path), blocks, n_bytes)

    return written


@pytest.mark.parametrize("kind", BLOCKS)
def test_what_is_read_is_what_was_written(spill, kind):
    file = spill(BLOCKS[kind])
    for _ in range(2):
        assert [as_bytes(block) for block in file] == [as_bytes(block) for block in BLOCKS[kind]]


def test_a_file_is_as_large_as_its_blocks_and_goes_with_its_handle(spill, tmp_path):
    file = spill(BLOCKS["plain"], n_bytes=1_000_000)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [8 * 3 * 107]
    del file
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_blocks_that_cannot_be_had(spill, tmp_path):
    def failing():
        yield from BLOCKS["plain"]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        spill(failing())
    del caught
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["altered", "zeroed", "cut short", "gone"])
def test_a_damaged_file_is_an_error_and_no_wrong_result(spill, damage):
    file = spill(BLOCKS["plain"])
    data = bytearray(file.path.read_bytes())
    if damage == "altered":
        data[100] ^= 1
        file.path.write_bytes(data)
    elif damage == "zeroed":
        data[-8:] = bytes(8)
        file.path.write_bytes(data)
    elif damage == "cut short":
        file.path.write_bytes(data[:-8])
    else:
        file.path.unlink()
    with pytest.raises(SpillError) as caught:
        list(file)
    assert caught.value.where == str(file.path)


def test_no_room_is_known_before_anything_is_written(spill, tmp_path):
    asked = []
    with pytest.raises(SpillError) as caught:
        spill((asked.append(block) or block for block in BLOCKS["plain"]), n_bytes=2**62)
    assert (caught.value.where, asked) == (str(tmp_path), [])


# Shards


@pytest.fixture
def source(tmp_path):
    """Three batches of a Parquet file, prepared."""
    path = tmp_path / "table.parquet"
    rows = RNG.normal(size=(2, 2 * BATCH_ROWS + 10))
    rows[0, ::5] = np.nan
    pq.write_table(pa.table(dict(zip("ab", rows, strict=True))), path)
    transform = Transform("standardise", Identity(), 0.1, 2.0, -9.0, 9.0)
    return Unprepared(Shard(0, 0, open_source(path)), Preparation((("a", transform), ("b", transform))))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where this process spills."""
    folder = tmp_path / "spilled"
    folder.mkdir()
    monkeypatch.setattr("gmm_dask.engine.blocks.spill_folder", lambda: str(folder))
    return folder


def bits(blocks):
    return [as_bytes(block) for block in blocks]


def test_all_ways_to_hold_a_shard_give_the_same_blocks(source, folder):
    expected = bits(source)
    assert len(expected) == 3
    for store, kind in ((in_memory, Kept), (on_disk, Spilled), (nowhere, Unprepared)):
        passed = []
        blocks, obstacle = store(source, (passed.append(block) or block for block in source))
        assert (type(blocks), obstacle, len(passed)) == (kind, "", 3)
        assert bits(blocks) == bits(blocks) == expected


def test_dask_weighs_what_a_shard_holds(source, folder):
    n_bytes = sum(block.n_bytes for block in source)
    weights = {}
    for where, store in STORES.items():
        shard = _Holding(source.preparation, Sampling(0, 100), store)(source.shard)
        weights[where] = sizeof(shard)
    assert n_bytes < weights["memory"] < 1.01 * n_bytes
    assert 0 < weights["source"] <= weights["disk"] < 0.01 * n_bytes


def test_a_shard_that_moves_is_written_where_it_comes_to(source, folder):
    expected = bits(source)
    spilled, _ = on_disk(source, iter(source))
    (path,) = folder.iterdir()
    moved = pickle.loads(pickle.dumps(spilled))
    assert bits(moved) == expected
    assert len(list(folder.iterdir())) == 2
    del spilled
    assert not path.exists()
    assert bits(moved) == expected


def test_a_lost_file_is_written_again(source, folder, caplog):
    expected = bits(source)
    spilled, _ = on_disk(source, iter(source))
    (path,) = folder.iterdir()
    path.unlink()
    with caplog.at_level(logging.WARNING):
        assert bits(spilled) == expected
    assert str(path) in caplog.text
    assert bits(spilled) == expected
    assert len(list(folder.iterdir())) == 1


def test_damage_in_the_middle_neither_repeats_nor_skips_a_block(source, folder):
    expected = bits(source)
    spilled, _ = on_disk(source, iter(source))
    data = bytearray(spilled.file.path.read_bytes())
    data[spilled.file.blocks[1].start] ^= 4
    spilled.file.path.write_bytes(data)
    assert bits(spilled) == expected


def test_a_pass_that_is_given_up_leaves_the_file(source, folder):
    spilled, _ = on_disk(source, iter(source))
    list(islice(spilled, 1))
    assert bits(spilled) == bits(source)
    assert len(list(folder.iterdir())) == 1


def test_where_there_is_no_room_the_rest_is_counted_and_the_source_read_again(source, monkeypatch):
    monkeypatch.setattr("gmm_dask.engine.blocks.spill_folder", lambda: "/nowhere/at/all")
    passed = []
    blocks, obstacle = on_disk(source, (passed.append(block) or block for block in source))
    assert (blocks, len(passed)) == (source, 3)
    assert "/nowhere/at/all" in obstacle


def test_a_shard_that_moves_where_there_is_no_room_asks_once(source, monkeypatch, caplog):
    asked = []
    monkeypatch.setattr("gmm_dask.engine.blocks.spill_folder", lambda: asked.append(1) or "/nowhere/at/all")
    moved = pickle.loads(pickle.dumps(Spilled(source)))
    expected = bits(source)
    assert bits(moved) == bits(moved) == expected
    assert (len(asked), caplog.text.count("/nowhere/at/all")) == (1, 1)


def test_with_file_and_source_lost_the_file_is_named(source, folder):
    spilled, _ = on_disk(source, iter(source))
    (path,) = folder.iterdir()
    path.unlink()
    Path(source.shard.source.groups[0].file.path).unlink()
    with pytest.raises(ResourceError, match="source can no longer be read") as caught:
        list(spilled)
    assert (caught.value.where, caught.value.exit_code) == (str(path), 4)
