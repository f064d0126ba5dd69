"""Mergeable summaries: laws, truth and determinism."""

from __future__ import annotations

import pickle
from functools import reduce
from random import Random

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gmm_dask.table.columns import Float
from gmm_dask.table.hashing import mix
from gmm_dask.table.sketches import Moments, RowSample, row_priorities

SEED = 20260301
INCREMENT = 0x9E3779B97F4A7C15

numbers = hnp.arrays(np.float64, st.integers(0, 30), elements=st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))


def same_moments(a: Moments, b: Moments, size: float) -> None:
    """Equal up to rounding of values of this size."""
    assert a.count == b.count
    np.testing.assert_allclose([a.mean, a.sd], [b.mean, b.sd], rtol=1e-9, atol=1e-12 * size)
    if a.sd > 1e-6 * size:
        np.testing.assert_allclose(a.skewness, b.skewness, rtol=1e-6, atol=1e-6)


@given(numbers, numbers, numbers)
def test_moments_are_a_commutative_monoid(a: Float, b: Float, c: Float) -> None:
    size = max((np.max(np.abs(part), initial=0.0) for part in (a, b, c)), default=0.0)
    left, middle, right = Moments.of(a), Moments.of(b), Moments.of(c)
    same_moments(left.merge(middle), middle.merge(left), size)
    same_moments(left.merge(middle).merge(right), left.merge(middle.merge(right)), size)
    same_moments(left.merge(middle).merge(right), Moments.of(np.concatenate([a, b, c])), size)
    assert left.merge(Moments.of(np.empty(0))) == left == Moments.of(np.empty(0)).merge(left)


@pytest.mark.parametrize("unit", [1e-150, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_moments_agree_with_scipy_at_any_magnitude(unit: float, offset: float) -> None:
    values = np.random.default_rng(SEED).exponential(size=1000) + offset
    found = reduce(Moments.merge, map(Moments.of, np.split(values * unit, [10, 11, 500])))
    assert found.mean / unit == pytest.approx(values.mean(), rel=1e-12)
    assert found.sd / unit == pytest.approx(values.std(), rel=1e-12)
    assert found.skewness == pytest.approx(scipy.stats.skew(values), rel=1e-10)


def test_an_offset_costs_no_digits() -> None:
    """Raw sums of squares would leave a variance of 1 at 1e9 no digit at all; the means' own last digits remain."""
    values = np.random.default_rng(SEED).exponential(size=4096).round(3)
    exact = values + 2.0**30 - 2.0**30  # as the grid of float64 has them at the offset
    found = reduce(Moments.merge, map(Moments.of, np.array_split(values + 2.0**30, 7)))
    assert found.sd == pytest.approx(exact.std(), rel=1e-7)
    assert found.skewness == pytest.approx(scipy.stats.skew(exact), rel=1e-6)


def test_the_mean_of_one_batch_is_corrected_for_its_own_rounding() -> None:
    """At 2**42 the mean of a batch is off by up to 5e-4; a third moment about it would be by 3e-3."""
    values = np.random.default_rng(SEED).exponential(size=4096).round(1)
    exact = values + 2.0**42 - 2.0**42
    assert Moments.of(values + 2.0**42).skewness == pytest.approx(scipy.stats.skew(exact), rel=1e-9)


def test_a_constant_has_no_spread_however_it_rounds() -> None:
    constant = Moments.of(np.full(1000, 0.1))
    assert constant == Moments(1000, 0.1, 0.0, 0.0)
    assert constant.merge(constant) == Moments(2000, 0.1, 0.0, 0.0)


def test_row_priorities_are_those_of_splitmix64() -> None:
    """Row number r has output number r of the generator that starts from the mixed seed: see also `test_hashing`."""
    start = int(mix(np.uint64(7 + INCREMENT)))
    states = [(start + row * INCREMENT) % 2**64 for row in range(3)]
    assert row_priorities(7, np.arange(3)).tolist() == [int(mix(np.uint64(state))) for state in states]
    priorities = row_priorities(7, np.arange(100_000))
    assert len(np.unique(priorities)) == 100_000
    assert scipy.stats.kstest(priorities / 2.0**64, "uniform").pvalue > 1e-3
    assert not np.array_equal(row_priorities(8, np.arange(99_999)), priorities[1:])


def sample_of(rows: np.ndarray, seed: int, size: int) -> RowSample:
    return RowSample(seed, size, rows, pa.table({"x": rows * 0.5})).smallest()


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(0, 70), st.integers(-3, 2**70), st.randoms())
def test_the_sample_does_not_depend_on_the_batches(cuts: list[int], size: int, seed: int, random: Random) -> None:
    rows = np.arange(60)
    parts = [sample_of(part, seed, size) for part in np.split(rows, sorted(cuts))]
    random.shuffle(parts)
    merged, whole = reduce(RowSample.merge, parts), sample_of(rows, seed, size)
    np.testing.assert_array_equal(merged.rows, whole.rows)
    assert merged.table.equals(whole.table)
    assert len(whole.rows) == min(size, 60)
    np.testing.assert_array_equal(whole.table["x"], whole.rows * 0.5)
    assert np.all(np.diff(whole.rows) > 0)


@pytest.mark.parametrize("size", [0, 1, 10, 500])
def test_a_batch_of_a_table_of_known_length_gives_its_share(size: int) -> None:
    """And the sample of the table is the same rows all the same."""
    values, n_rows = pa.table({"x": np.arange(30_000) * 0.5}), 30_000
    whole = RowSample(SEED, size, np.arange(n_rows), values).smallest()
    parts = [
        RowSample.of_batch(SEED, size, first, values.slice(first, 1000), n_rows) for first in range(0, n_rows, 1000)
    ]
    merged = reduce(RowSample.merge, parts)
    np.testing.assert_array_equal(merged.rows, whole.rows)
    assert merged.table.equals(whole.table)
    assert sum(len(part.rows) for part in parts) < 3 * size + 200
    assert sum(part.table.nbytes for part in parts) < 8 * (3 * size + 200)


def test_a_sample_holds_no_more_than_its_rows() -> None:
    """A slice of a table keeps all of the table, also when pickled."""
    values = pa.table({"x": np.arange(100_000.0)})
    for n_rows in (None, 100_000):
        sample = RowSample.of_batch(SEED, 1000, 40, values.slice(40, 900), n_rows)
        assert len(pickle.dumps(sample)) < 20_000


def test_every_row_is_as_likely_in_the_sample() -> None:
    hits = sum(np.isin(np.arange(40), sample_of(np.arange(40), seed, 10).rows) for seed in range(2000))
    assert scipy.stats.chisquare(hits).pvalue > 1e-3


def test_a_sample_without_columns_still_knows_its_rows() -> None:
    sample = RowSample(0, 3, np.arange(10), pa.table({})).smallest()
    assert len(sample.rows) == 3


def test_samples_of_different_seeds_do_not_merge() -> None:
    with pytest.raises(ValueError, match="seed"):
        sample_of(np.arange(3), 0, 5).merge(sample_of(np.arange(3, 6), 1, 5))
