"""Mergeable summaries: laws, truth and determinism."""

from __future__ import annotations

import pickle
from functools import reduce
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gmm_dask.table.columns import Float
from gmm_dask.table.sketches import DistinctSketch, Moments, QuantileSketch, RowSample, _mix, row_priorities

SEED = 20260301

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


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)))
def test_distinct_values_merge_exactly(a: list[int], b: list[int]) -> None:
    together = DistinctSketch.of(map(float, a)).merge(DistinctSketch.of(map(float, b)))
    assert together == DistinctSketch.of(map(float, b + a))
    assert together.estimate() == len({*a, *b})


@pytest.mark.parametrize("n", [100, 5_000, 200_000])
def test_distinct_estimates_are_good_to_one_percent(n: int) -> None:
    values = np.random.default_rng(SEED).normal(size=n).tolist()
    assert DistinctSketch.of(values).estimate() == pytest.approx(n, rel=0.01)
    assert DistinctSketch.of(map(str, values)).estimate() == pytest.approx(n, rel=0.01)


@pytest.mark.parametrize("n_parts", [1, 40])
@pytest.mark.parametrize("shape", ["normal", "skewed", "ties"])
def test_quantiles_are_good_to_one_percent_of_rank(shape: str, n_parts: int) -> None:
    rng = np.random.default_rng(SEED)
    values = {
        "normal": rng.normal(size=100_000),
        "skewed": rng.exponential(size=100_000) ** 4,
        "ties": rng.integers(0, 12, 100_000).astype(np.float64),
    }[shape]
    sketch = reduce(QuantileSketch.merge, map(QuantileSketch.of, np.array_split(values, n_parts)))
    for probability in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99):
        lower, upper = np.quantile(values, [max(probability - 0.01, 0), min(probability + 0.01, 1)])
        assert lower <= sketch.quantile(probability) <= upper
    assert sketch.quantile(0) == values.min()
    assert sketch.quantile(1) == values.max()


def test_quantiles_of_nothing_are_nan() -> None:
    nothing = QuantileSketch.of(np.empty(0))
    assert np.isnan(nothing.quantile(0.5))
    assert nothing.merge(QuantileSketch.of(np.array([3.0]))).quantile(0.5) == 3.0


@pytest.mark.parametrize("kind", [QuantileSketch, DistinctSketch])
def test_sketches_have_the_same_bits_each_time_and_after_a_pickle(kind: Any) -> None:
    values = np.random.default_rng(SEED).normal(size=20_000)
    first, second, other = kind.of(values), kind.of(values), kind.of(values[:5000] * 2)
    assert first == second == pickle.loads(pickle.dumps(first))
    assert first.merge(other) == second.merge(other)


def test_row_priorities_are_those_of_splitmix64() -> None:
    """With the seed's own mixing undone, these are the first outputs of the published generator from state 0."""
    outputs = _mix(np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    assert [hex(int(x)) for x in outputs] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]
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


def test_every_row_is_as_likely_in_the_sample() -> None:
    hits = sum(np.isin(np.arange(40), sample_of(np.arange(40), seed, 10).rows) for seed in range(2000))
    assert scipy.stats.chisquare(hits).pvalue > 1e-3


def test_a_sample_without_columns_still_knows_its_rows() -> None:
    sample = RowSample(0, 3, np.arange(10), pa.table({})).smallest()
    assert len(sample.rows) == 3


def test_samples_of_different_seeds_do_not_merge() -> None:
    with pytest.raises(ValueError, match="seed"):
        sample_of(np.arange(3), 0, 5).merge(sample_of(np.arange(3, 6), 1, 5))
