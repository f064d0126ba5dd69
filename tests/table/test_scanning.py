"""Counts, extremes and moments of numbers in two readings."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gmm_dask.table import hashing, scanning
from gmm_dask.table.columns import Float
from gmm_dask.table.compiling import given as read_only
from gmm_dask.table.scanning import LANES, scan

SEED = 20260301

numbers = hnp.arrays(
    np.float64,
    st.integers(0, 3 * LANES + 1),
    elements=st.sampled_from([np.nan, np.inf, -np.inf]) | st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
)


@given(numbers)
def test_any_numbers_agree_with_numpy(values: Float) -> None:
    found, finite = scan(values), values[np.isfinite(values)]
    assert found.n_finite == finite.size
    assert found.n_infinite == np.isinf(values).sum()
    assert found.minimum == finite.min(initial=np.inf)
    assert found.maximum == finite.max(initial=-np.inf)
    if finite.size:
        size = np.abs(finite).max()
        np.testing.assert_allclose([found.mean, found.sd], [finite.mean(), finite.std()], rtol=1e-12, atol=1e-14 * size)
        if finite.std() > 1e-6 * size:
            np.testing.assert_allclose(found.skewness, scipy.stats.skew(finite), rtol=1e-9, atol=1e-9)


def test_of_no_numbers_there_is_nothing_to_tell() -> None:
    for values in (np.empty(0), np.array([np.nan, np.nan])):
        assert scan(values) == (0, 0, np.inf, -np.inf, 0, 0, 0)


@pytest.mark.parametrize("size", [1.7e308, 1e-300, 5e-324])
def test_the_largest_and_smallest_numbers_do_not_overflow_or_vanish(size: float) -> None:
    values = np.tile([0.0, size, -size, size], 1000)
    found = scan(values)
    assert (found.minimum, found.maximum) == (-size, size)
    if size > 5e-324:  # of which there is no quarter
        assert found.mean == pytest.approx(size / 4, rel=1e-14)
        assert found.sd / size == pytest.approx(np.std([0, 1, -1, 1]), rel=1e-14)
    assert found.skewness == pytest.approx(scipy.stats.skew([0, 1, -1, 1]), rel=1e-12)


def test_one_number_off_by_its_last_digit_is_seen() -> None:
    values = np.full(65_536, 0.1)
    values[77] = np.nextafter(0.1, 1)
    found, step = scan(values), np.spacing(0.1)
    assert found.mean == 0.1
    assert found.sd == pytest.approx(step / 256, rel=1e-6)
    assert found.skewness == pytest.approx(256, rel=1e-4)


def test_sums_are_added_in_one_order_whatever_the_processor() -> None:
    """The lanes' sums and then their sum, each from the left, to the last bit."""
    values = np.random.default_rng(SEED).normal(size=100 * LANES)
    lanes = values.reshape(100, LANES)
    total = scanning._numbers(read_only(values), 1.0)[-1]
    assert total == np.cumsum(np.cumsum(lanes, axis=0)[-1])[-1]
    deviations = lanes * 0.5 - 0.25
    for power, found in zip((1, 2, 3), scanning._powers(read_only(values), 0.5, 0.25), strict=True):
        addends = deviations if power == 1 else deviations * deviations
        addends = addends * deviations if power == 3 else addends
        assert found == np.cumsum(np.cumsum(addends, axis=0)[-1])[-1]


def test_functions_are_compiled_once_for_all_layouts_and_run_without_the_lock() -> None:
    values = np.random.default_rng(SEED).normal(size=2 * LANES)
    frozen = values.copy()
    frozen.flags.writeable = False
    before = len(scanning._numbers.signatures)
    for given_values in (values, frozen, np.repeat(values, 2)[::2], values[::-1][::-1]):
        assert scan(given_values) == scan(values)
    assert len(scanning._numbers.signatures) == before
    for function in (scanning._numbers, scanning._powers, hashing.distinct_hashes, hashing.hash_bytes):
        assert function.targetoptions["nogil"]
        assert not function.targetoptions.get("fastmath")
