"""Longer steps: the same optimum, fewer sweeps, never downhill, and an end that means what it says."""

import numpy as np
import pytest

from gmm_dask import fit
from gmm_dask.em import (
    MaximumLikelihood,
    Outcome,
    QuasiNewton,
    SampleSteps,
    Starts,
    Stopping,
    parameters_from_labels,
    run,
)
from gmm_dask.em.corrected import Corrected, expected_log_likelihood
from gmm_dask.engine import BlockSweep
from gmm_dask.mixture import FAMILIES, Block, Features, compile_candidates, log_joint, sweep_block
from tests.mixtures import random_mixture, sample_rows


def overlapping(seed, n=4000, k=4, d=3, separation=0.9):
    rng = np.random.default_rng(seed)
    return Block(
        np.ascontiguousarray(sample_rows(rng, random_mixture(rng, FAMILIES["full"], k, d, separation=separation), n).T)
    )


def start(block, k, family="full", attempt=1):
    labels = Starts.of(block, [k], 0).labels(k, attempt)
    return parameters_from_labels(block, labels, k, FAMILIES[family], np.full(block.z.shape[0], 1e-6))


def estimation(block):
    return MaximumLikelihood(np.full(block.z.shape[0], 1e-6))


@pytest.mark.parametrize("family", FAMILIES)
def test_it_never_falls_and_ends_as_high_in_fewer_sweeps(family):
    block = overlapping(2)
    begun = start(block, 4, family)
    (plain,) = run(BlockSweep.over(block), [begun], estimation(block), Stopping(1e-11, 3000))
    (fast,) = run(
        BlockSweep.over(block),
        [begun],
        estimation(block),
        Stopping(1e-8, 500, looks_ahead=True),
        acceleration=QuasiNewton(),
    )
    assert fast.outcome is Outcome.CONVERGED
    assert np.all(np.diff(fast.history) > -1e-11)
    assert fast.history[-1] > plain.history[-1] - 1e-6
    reached = next(number for number, value in enumerate(plain.history, 1) if value > fast.history[-1] - 1e-6)
    assert fast.n_iter <= max(0.7 * reached, 12)


def test_without_memory_it_is_plain_em_bit_for_bit():
    block = overlapping(3)
    begun = start(block, 4)
    (plain,) = run(BlockSweep.over(block), [begun], estimation(block), Stopping(0.0, 40))
    (same,) = run(
        BlockSweep.over(block),
        [begun],
        estimation(block),
        Stopping(0.0, 40, looks_ahead=True),
        acceleration=QuasiNewton(0),
    )
    assert same.history == plain.history
    np.testing.assert_array_equal(same.parameters.covariances, plain.parameters.covariances)


@pytest.mark.parametrize("memory", [0, 10])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_left_to_gain_is_told(seed, memory):
    """The promise of `looks_ahead`: where a fit ends, no more than about `tol` is left. A crawl is no convergence."""
    block = overlapping(seed)
    sweep, tol = BlockSweep.over(block), 1e-5
    (fit,) = run(
        sweep,
        [start(block, 4)],
        estimation(block),
        Stopping(tol, 5000, looks_ahead=True),
        acceleration=QuasiNewton(memory),
    )
    (further,) = run(sweep, [fit.parameters], estimation(block), Stopping(1e-13, 5000))
    assert fit.outcome is Outcome.CONVERGED
    assert further.history[-1] - fit.history[-1] < 3 * tol


def test_the_stopping_rule_means_the_same_for_any_weight():
    block = overlapping(5)
    heavy = Block(block.z, np.full(block.n_rows, 1e6))
    stopping = Stopping(1e-6, 500, looks_ahead=True)
    fits = [
        run(BlockSweep.over(rows), [start(block, 4)], estimation(block), stopping, acceleration=QuasiNewton())[0]
        for rows in (block, heavy)
    ]
    assert fits[0].n_iter == fits[1].n_iter
    np.testing.assert_allclose(fits[0].parameters.means, fits[1].parameters.means, rtol=1e-6)


@pytest.mark.parametrize("family", ["full", "tied", "diag", "VEE"])
def test_steps_found_on_a_sample_need_few_passes(family):
    block = overlapping(6, n=60_000)
    sample = Block(np.ascontiguousarray(block.z[:, ::6]))
    (begun,) = run(
        BlockSweep.over(sample), [start(sample, 4, family)], estimation(block), Stopping(1e-6, 300, looks_ahead=True),
        acceleration=QuasiNewton(),
    )  # fmt: skip
    sweep, stopping = BlockSweep.over(block), Stopping(1e-7, 2000, looks_ahead=True)
    (plain,) = run(sweep, [begun.parameters], estimation(block), stopping, acceleration=QuasiNewton(0))
    steps = SampleSteps(BlockSweep.over(sample), estimation(block), 1e-7)
    (fast,) = run(sweep, [begun.parameters], estimation(block), stopping, acceleration=steps)
    assert fast.outcome is Outcome.CONVERGED
    assert np.all(np.diff(fast.history) > -1e-11)
    assert fast.history[-1] > plain.history[-1] - 1e-6
    assert fast.n_iter <= plain.n_iter / 3


def test_a_sample_of_another_table_does_no_harm():
    """Its steps are refused, and plain ones taken, which is all that may be asked."""
    block, sample = overlapping(7, n=20_000), overlapping(8, n=2000, separation=2.0)
    begun = start(block, 4)
    sweep, stopping = BlockSweep.over(block), Stopping(1e-6, 400, looks_ahead=True)
    (plain,) = run(sweep, [begun], estimation(block), stopping, acceleration=QuasiNewton(0))
    (fit,) = run(
        sweep,
        [begun],
        estimation(block),
        stopping,
        acceleration=SampleSteps(BlockSweep.over(sample), estimation(block), 1e-6),
    )
    assert np.all(np.diff(fit.history) > -1e-11)
    assert fit.history[-1] > plain.history[-1] - 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_corrected_step_is_the_plain_step(family):
    block = overlapping(9, n=6000)
    sample = Block(np.ascontiguousarray(block.z[:, :1500]))
    here = start(block, 4, family)
    (whole,), (part,) = BlockSweep.over(block)([here]), BlockSweep.over(sample)([here])
    off = whole.scaled(1 / whole.weight).merge(part.scaled(-1 / part.weight))
    corrected = Corrected(estimation(block), off, whole.weight).step(part, here)
    plain = estimation(block).step(whole, here)
    np.testing.assert_allclose(corrected.means, plain.means, atol=1e-10)
    np.testing.assert_allclose(corrected.covariances, plain.covariances, atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_the_expected_log_likelihood_comes_from_the_moments(family, offset):
    rng = np.random.default_rng(1)
    block = overlapping(1, n=500)
    here, there = (random_mixture(rng, FAMILIES[family], 3, 3) for _ in range(2))
    (statistics,) = sweep_block(compile_candidates([here]), block)
    joint = log_joint(here, block.z)
    responsibilities = np.exp(joint - np.logaddexp.reduce(joint, axis=0))
    expected = (responsibilities * log_joint(there, block.z)).sum()
    moved = statistics.about(statistics.centres + offset) if offset else statistics
    assert expected_log_likelihood(there, moved) == pytest.approx(expected, rel=1e-10 if not offset else 1e-1)


@pytest.mark.parametrize("features", list(Features))
def test_moments_about_other_centres(features):
    rng = np.random.default_rng(4)
    family = FAMILIES["full" if features is Features.QUADRATIC else "diag"]
    (statistics,) = sweep_block(compile_candidates([random_mixture(rng, family, 3, 3)]), overlapping(4, n=300))
    moved = statistics.about(rng.normal(size=(3, 3)))
    np.testing.assert_allclose(moved.means(), statistics.means(), atol=1e-12)
    np.testing.assert_allclose(moved.scatters(), statistics.scatters(), atol=1e-12)
    np.testing.assert_allclose(moved.about(statistics.centres).moments, statistics.moments, atol=1e-9)
    twice = statistics.scaled(2.0)
    np.testing.assert_array_equal(twice.moments, statistics.merge(statistics).moments)
    assert twice.weight == 2 * statistics.weight


@pytest.mark.filterwarnings("ignore::gmm_dask.errors.GmmDaskWarning")  # four components are too many
def test_collinear_columns_under_a_prior():
    """Close to where there are no coordinates."""
    x = np.random.default_rng(1).normal(size=100)
    for family in ("full", "tied", "VEE", "EVE", "VEV"):
        model = fit(np.c_[x, 2 * x + 1], 4, family, prior="inverse-wishart", columns={"transform": "none"})
        assert np.isfinite(model.model.training.log_likelihood)
