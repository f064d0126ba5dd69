"""The number of distinct values: exact for few, within its standard error for many, and a commutative monoid."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmm_dask.table.distinct import EXACT, DistinctSketch, _sigma, _tau
from gmm_dask.table.hashing import N_REGISTERS

SEED = 20260301
STANDARD_ERROR = 0.0041

FAMILIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "integers": lambda k: k,
    "integers as floats": lambda k: k.astype(np.float64),
    "sevenths": lambda k: k / 7,
    "cents": lambda k: k / 100,
    "float32": lambda k: (k / 7).astype(np.float32).astype(np.float64),
    "whole seconds in microseconds": lambda k: k * 1_000_000 + 1_700_000_000_000_000,
    "high bits alone": lambda k: k << 40,
}


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)))
def test_few_values_are_counted_exactly(a: list[int], b: list[int]) -> None:
    left, right = (DistinctSketch.of(np.array(part, np.float64)) for part in (a, b))
    assert left.merge(right) == DistinctSketch.of(np.array(b + a, np.float64))
    assert left.merge(right).estimate() == len({*a, *b})


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 9000)), min_size=3, max_size=3))
def test_sketches_are_a_commutative_idempotent_monoid(ranges: list[tuple[int, int]]) -> None:
    """To the last bit, on either side of the number of values up to which it is exact."""
    values = [np.arange(min(edges), max(edges)) / 3 for edges in ranges]
    a, b, c = (DistinctSketch.of(part) for part in values)
    nothing = DistinctSketch.of(np.empty(0))
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == DistinctSketch.of(np.concatenate(values))
    assert a.merge(a) == a.merge(nothing) == nothing.merge(a) == a


@pytest.mark.parametrize("n", [EXACT - 1, EXACT, EXACT + 1])
def test_it_is_exact_up_to_a_number(n: int) -> None:
    values = np.random.default_rng(SEED).permutation(np.repeat(np.arange(n), 3))
    parts = [DistinctSketch.of(part) for part in np.array_split(values, 7)]
    whole = DistinctSketch.of(values)
    assert reduce(DistinctSketch.merge, parts) == whole
    assert whole.is_exact == (n <= EXACT)
    assert len(whole.state) == (8 * n if n <= EXACT else N_REGISTERS)
    assert whole.estimate() == pytest.approx(n, rel=0 if n <= EXACT else 3 * STANDARD_ERROR)


@pytest.mark.parametrize("n", [5_000, 65_536, 1_000_000])
@pytest.mark.parametrize("family", FAMILIES)
def test_many_values_are_estimated_to_the_standard_error(family: str, n: int) -> None:
    values = FAMILIES[family](np.arange(n))
    assert DistinctSketch.of(values).estimate() == pytest.approx(n, rel=3 * STANDARD_ERROR)


def test_the_estimate_has_no_bias_and_the_standard_error_that_it_is_said_to_have() -> None:
    n = 300_000
    errors = [DistinctSketch.of(np.arange(i * n, (i + 1) * n)).estimate() / n - 1 for i in range(60)]
    assert abs(np.mean(errors)) < 3 * STANDARD_ERROR / np.sqrt(60)
    assert 0.7 * STANDARD_ERROR < np.std(errors) < 1.3 * STANDARD_ERROR


def test_integers_that_float64_would_make_equal_are_distinct() -> None:
    assert DistinctSketch.of(np.array([2**60, 2**60 + 1, 2**60])).estimate() == 2


def test_the_series_of_the_estimator() -> None:
    """Written out as in the paper, as far as float64 can tell."""
    for x in (0.0, 0.1, 0.5, 0.9, 0.9999):
        assert _sigma(x) == pytest.approx(x + sum(x ** (2**k) * 2.0 ** (k - 1) for k in range(1, 60)), rel=1e-12)
        series = sum((1 - x ** (2.0**-k)) ** 2 * 2.0**-k for k in range(1, 60))
        assert _tau(x) == pytest.approx((1 - x - series) / 3, rel=1e-9, abs=1e-12)
    assert _tau(1.0) == 0


@pytest.mark.parametrize("n", [1000, 20_000])
def test_sketches_have_the_same_bits_each_time_and_after_a_pickle(n: int) -> None:
    values = np.random.default_rng(SEED).normal(size=n)
    first, shuffled = DistinctSketch.of(values), DistinctSketch.of(values[::-1])
    assert first == shuffled == pickle.loads(pickle.dumps(first))
