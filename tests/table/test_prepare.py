"""Rows prepared batch by batch: the same blocks, counts and sample as all at once."""

from copy import deepcopy

import numpy as np
import pyarrow as pa
import pytest

from gmm_dask.errors import BadInputError
from gmm_dask.table.curves import Identity, Log1p, YeoJohnson
from gmm_dask.table.prepare import Preparation, Sampling, batches_of, sample_block
from gmm_dask.table.shards import Shard
from gmm_dask.table.sketches import RowSample
from gmm_dask.table.source import BATCH_ROWS, open_source
from gmm_dask.table.transforms import Transform

N_ROWS = 2 * BATCH_ROWS + 1000


def transform(curve, shift=0.3, scale=1.7):
    return Transform("any", curve, shift, scale, -10.0, 10.0)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "a": pa.array(rng.normal(size=N_ROWS), mask=rng.random(N_ROWS) < 0.1),
            "b": rng.gamma(2.0, size=N_ROWS),
            "w": rng.integers(0, 3, size=N_ROWS).astype(float),
        }
    )


def preparation(weight=None):
    return Preparation((("a", transform(Identity())), ("b", transform(YeoJohnson(0.4)))), weight)


def shard_of(table, start=0):
    return Shard(0, start, open_source(table))


@pytest.mark.parametrize("weight", [None, "w"])
def test_batches_together_are_the_whole(table, weight):
    whole = preparation(weight).prepare(table, 500, "table")
    batches = [deepcopy(prepared) for prepared in preparation(weight).batches(shard_of(table, 500))]
    assert [prepared.tally.n_rows for prepared in batches] == [BATCH_ROWS, BATCH_ROWS, 1000]
    assert np.hstack([prepared.block.z for prepared in batches]).tobytes() == whole.block.z.tobytes()
    assert np.concatenate([prepared.rows for prepared in batches]).tolist() == whole.rows.tolist()
    if weight:
        assert np.concatenate([prepared.block.weights for prepared in batches]).tolist() == whole.block.weights.tolist()
    tally = batches[0].tally.merge(batches[1].tally).merge(batches[2].tally)
    assert (tally.n_rows, tally.n_complete, tally.n_used) == (N_ROWS, whole.tally.n_complete, whole.tally.n_used)
    assert tally.weight == pytest.approx(whole.tally.weight)
    assert tally.log_jacobian == pytest.approx(whole.tally.log_jacobian)


@pytest.mark.parametrize("weight", [None, "w"])
def test_what_is_used_and_what_it_counts(table, weight):
    a, b, w = (column.to_numpy() for column in table.columns)
    complete = ~np.isnan(a)
    used = complete & (w > 0) if weight else complete
    prepared = preparation(weight).prepare(table, 0, "table")
    curves = (transform(Identity()), transform(YeoJohnson(0.4)))
    np.testing.assert_array_equal(prepared.block.z, [t.forward(x[used]) for t, x in zip(curves, (a, b), strict=True)])
    assert prepared.rows.tolist() == np.flatnonzero(used).tolist()
    assert (prepared.tally.n_complete, prepared.tally.n_used) == (complete.sum(), used.sum())
    slopes = sum(t.log_jacobian(x[used]) for t, x in zip(curves, (a, b), strict=True))
    assert prepared.tally.log_jacobian == pytest.approx(
        (w[used] if weight else 1.0) @ slopes if weight else slopes.sum()
    )


def test_an_error_names_the_batch_it_is_in(table):
    rows = table["b"].to_numpy().copy()
    rows[BATCH_ROWS + 7] = -2.0
    bad = table.set_column(1, "b", pa.array(rows))
    logs = Preparation((("b", transform(Log1p())),))
    with pytest.raises(BadInputError, match="not above -1") as caught:
        list(logs.batches(shard_of(bad)))
    assert f"rows {BATCH_ROWS} to {2 * BATCH_ROWS - 1}" in caught.value.where


def test_batches_are_numbered_within_the_whole_table(table):
    assert [batch.first_row for batch in batches_of(shard_of(table, 70))] == [70, 70 + BATCH_ROWS, 70 + 2 * BATCH_ROWS]


def merged(batches, sampling):
    first, *others = [prepared.sample(sampling) for prepared in batches]
    for other in others:
        first = first.merge(other)
    return first


@pytest.mark.parametrize("weight", [None, "w"])
def test_looking_at_a_share_of_the_rows_gives_the_same_sample(table, weight):
    batches = [deepcopy(prepared) for prepared in preparation(weight).batches(shard_of(table))]
    every, some = (merged(batches, sampling) for sampling in (Sampling(3, 800), Sampling.among(3, 800, N_ROWS * 0.6)))
    assert len(every.rows) == 800
    assert some.rows.tolist() == every.rows.tolist()
    assert some.table.equals(every.table)


def test_parts_hold_their_share_of_the_sample_and_not_one_each(table):
    sampling = Sampling.among(3, 800, N_ROWS)
    held = [len(prepared.sample(sampling).rows) for prepared in preparation().batches(shard_of(table))]
    assert 800 < sum(held) < 3 * 800
    assert all(held)


def drawn(table, size=1000):
    return RowSample(3, size, np.arange(table.num_rows), table).smallest()


def test_the_share_looked_at_allows_for_rows_that_are_not_used(table):
    a, w = table["a"].to_numpy(), table["w"].to_numpy()
    sampling = preparation("w").sampling(drawn(table), N_ROWS, drawn(table).size)
    assert (sampling.seed, sampling.size) == (3, 1000)
    used = N_ROWS * np.mean(~np.isnan(a) & (w > 0))
    assert sampling.share == pytest.approx(2 * 1000 / used, rel=0.1)


def test_of_few_complete_rows_all_are_looked_at(table):
    gaps = table.set_column(0, "a", pa.array(np.where(np.arange(N_ROWS) % 100, np.nan, 1.0)))
    assert preparation().sampling(drawn(gaps), N_ROWS, drawn(gaps).size).share == 1.0


def test_a_sample_as_large_as_the_table_is_the_table(table):
    whole = preparation("w").prepare(table, 0, "table")
    block = sample_block(whole.sample(Sampling.among(0, N_ROWS, N_ROWS)), weighted=True)
    np.testing.assert_array_equal(block.z, whole.block.z)
    np.testing.assert_array_equal(block.weights, whole.block.weights)


def test_no_sample_is_wanted(table):
    assert len(preparation().prepare(table, 0, "table").sample(Sampling(0, 0)).rows) == 0


def test_float32_columns_stay_float32(table):
    """Their cells take half the memory, in every batch; what is computed from them is computed in float64."""
    short = table.set_column(1, "b", table["b"].cast(pa.float32()))
    of_short = Preparation(preparation("w").transforms, "w", frozenset({"b"}))
    assert of_short.row_bytes == preparation("w").row_bytes - 4
    for narrow, wide in zip(of_short.batches(shard_of(short)), preparation("w").batches(shard_of(short)), strict=True):
        assert narrow.block.z.shape[0] == 1
        assert narrow.block.narrow.dtype == np.float32
        np.testing.assert_array_equal(narrow.block.dense()[0], wide.block.z[0])
        np.testing.assert_array_equal(narrow.block.dense()[1], wide.block.z[1].astype(np.float32))
        assert narrow.tally == wide.tally
        assert narrow.block.n_bytes == narrow.block.n_rows * of_short.row_bytes
