"""Statistics are a commutative monoid over rows, and a sweep does not care how rows are cut or weighted in pieces."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gmm_dask.engine import merge_tree
from gmm_dask.mixture import FAMILIES, Block, SufficientStatistics, compile_candidates, sweep_block
from tests.mixtures import random_mixture, sample_rows

seeds = st.integers(0, 2**32 - 1)
families = st.sampled_from(list(FAMILIES.values()))


def _sweep(parameters, rows, weights=None):
    (statistics,) = sweep_block(compile_candidates([parameters]), Block(np.ascontiguousarray(rows.T), weights))
    return statistics


def _assert_same(left, right, rtol=1e-10):
    scale = np.abs(left.moments).max() + 1
    np.testing.assert_allclose(left.moments, right.moments, rtol=rtol, atol=1e-12 * scale)
    np.testing.assert_allclose(left.log_likelihood, right.log_likelihood, rtol=rtol)
    np.testing.assert_allclose(left.log_assignment, right.log_assignment, rtol=rtol, atol=1e-9)
    assert left.weight == right.weight
    assert left.n_rows == right.n_rows


@settings(max_examples=60, deadline=None)
@given(seeds, families, st.integers(1, 4), st.integers(1, 6), st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_any_cut_gives_the_same_statistics(seed, family, d, k, cuts):
    rng = np.random.default_rng(seed)
    parameters = random_mixture(rng, family, k, d)
    rows = sample_rows(rng, parameters, 400)
    pieces = np.split(rows, sorted(cuts))
    _assert_same(_sweep(parameters, rows), merge_tree([_sweep(parameters, p) for p in pieces], lambda a, b: a.merge(b)))


@settings(max_examples=30, deadline=None)
@given(seeds, families)
def test_merge_is_associative_and_commutative_with_an_exact_zero(seed, family):
    rng = np.random.default_rng(seed)
    parameters = random_mixture(rng, family, 3, 2)
    a, b, c = (_sweep(parameters, sample_rows(rng, parameters, n)) for n in (5, 70, 300))
    _assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))
    _assert_same(a.merge(b), b.merge(a))
    zero = SufficientStatistics.zero(family.features, a.centres)
    np.testing.assert_array_equal(zero.merge(a).moments, a.moments)
    assert zero.merge(a).log_likelihood == a.log_likelihood


@settings(max_examples=30, deadline=None)
@given(seeds, families)
def test_weight_two_is_the_row_twice_and_weight_zero_is_no_row(seed, family):
    rng = np.random.default_rng(seed)
    parameters = random_mixture(rng, family, 3, 2)
    rows = sample_rows(rng, parameters, 200)
    weights = rng.integers(0, 3, 200)
    weighted = _sweep(parameters, rows, weights.astype(float))
    repeated = _sweep(parameters, np.repeat(rows, weights, axis=0))
    np.testing.assert_allclose(weighted.moments, repeated.moments, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(weighted.log_likelihood, repeated.log_likelihood, rtol=1e-12, atol=1e-10)
    assert weighted.weight == repeated.weight


@settings(max_examples=30, deadline=None)
@given(seeds, families, st.floats(-1e3, 1e3), st.floats(1e-2, 1e2))
def test_shift_and_scale_of_rows_and_parameters_change_only_the_jacobian(seed, family, shift, scale):
    rng = np.random.default_rng(seed)
    parameters = random_mixture(rng, family, 3, 2)
    rows = sample_rows(rng, parameters, 300)
    moved = type(parameters)(
        family, parameters.weights, parameters.means * scale + shift, parameters.covariances * scale**2
    )
    here, there = _sweep(parameters, rows), _sweep(moved, rows * scale + shift)
    np.testing.assert_allclose(
        here.log_likelihood, there.log_likelihood + rows.size * np.log(scale), rtol=1e-7, atol=1e-5
    )
    np.testing.assert_allclose(here.counts, there.counts, rtol=1e-6, atol=1e-9)
