"""The conjugate prior: its M-step is the mode, mclust has the same, and nothing collapses under it."""

import numpy as np
import pytest

from gmm_dask import fit
from gmm_dask.em import MaximumAPosteriori, QuasiNewton, Stopping, run
from gmm_dask.em.coordinates import Frame
from gmm_dask.em.corrected import expected_log_likelihood
from gmm_dask.engine import BlockSweep
from gmm_dask.mixture import FAMILIES, Block, ConjugatePrior, compile_candidates, sweep_block
from tests.mixtures import random_mixture, sample_rows
from tests.oracle.mclust import in_mclust, numbers


def some_rows(seed=0, n=60):
    rng = np.random.default_rng(seed)
    return rng, Block(np.ascontiguousarray(sample_rows(rng, random_mixture(rng, FAMILIES["full"], 3, 3), n).T))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_step_is_the_mode(family):
    """No mixture nearby has more of expected log-likelihood and log prior together."""
    rng = np.random.default_rng(0)
    here = random_mixture(rng, FAMILIES[family], 3, 3, separation=1.0)
    block = Block(np.ascontiguousarray(sample_rows(rng, here, 60).T))
    prior = ConjugatePrior.of_rows(block)
    (statistics,) = sweep_block(compile_candidates([here]), block)
    mode = here
    for _ in range(30):  # families without a closed form come closer in each step
        mode = prior.most_probable(statistics, mode)

    def value(parameters):
        return expected_log_likelihood(parameters, statistics) + prior.log_density(parameters)

    frame = Frame.about(mode)
    top, size = value(mode), frame.vector(mode).size
    for direction in rng.normal(size=(40, size)):
        for length in (1e-1, 1e-2, 1e-3):
            assert value(frame.parameters(length * direction / np.linalg.norm(direction))) <= top + 1e-7


@pytest.mark.parametrize("family", FAMILIES)
def test_the_posterior_never_falls(family):
    rng, block = some_rows(1)
    estimation = MaximumAPosteriori(ConjugatePrior.of_rows(block))
    start = random_mixture(rng, FAMILIES[family], 4, 3)
    (plain,) = run(BlockSweep.over(block), [start], estimation, Stopping(1e-9, 400))
    assert np.all(np.diff(plain.history) > -1e-9)
    (fast,) = run(
        BlockSweep.over(block), [start], estimation, Stopping(1e-9, 400, looks_ahead=True), acceleration=QuasiNewton()
    )
    assert np.all(np.diff(fast.history) > -1e-9)
    assert fast.history[-1] > fast.history[0] + 0.1


@pytest.mark.parametrize(("family", "name"), [("full", "VVV"), ("tied", "EEE"), ("diag", "VVI"), ("spherical", "VII")])
def test_the_step_of_mclust(family, name):
    rng, block = some_rows(2)
    shares = rng.dirichlet(np.ones(3), size=block.n_rows)
    found = in_mclust(
        f"f <- mstep(modelName='{name}', data=x, z=z, prior=priorControl());"
        "cat(f$parameters$mean, f$parameters$variance$sigma, sep='\\n')",
        x=block.z.T,
        z=shares,
    )
    means, covariances = numbers(found, (9, 27))
    kind = FAMILIES[family]
    here = random_mixture(rng, kind, 3, 3)
    (statistics,) = sweep_block(compile_candidates([here]), block)
    weighted = shares / 1.0
    centres = weighted.T @ block.z.T / weighted.sum(axis=0)[:, None]
    second = np.einsum("nk,kna,knb->kab", weighted, *(2 * (block.z.T[None] - centres[:, None],)))
    if statistics.moments.shape[1] == 7:
        second = np.diagonal(second, axis1=1, axis2=2)
    moments = kind.features.pack_moments(weighted.sum(axis=0), np.zeros((3, 3)), second)
    given = type(statistics)(kind.features, moments, centres, 0.0, 0.0, block.weight, block.n_rows)
    unbiased = ConjugatePrior(block.z.mean(axis=1), np.cov(block.z))
    ours = unbiased.most_probable(given, here)
    np.testing.assert_allclose(ours.means, means.reshape(3, 3), rtol=1e-4)
    np.testing.assert_allclose(ours.dense_covariances(), covariances.reshape(3, 3, 3), rtol=1e-4, atol=1e-5)


def test_repeated_rows_are_no_trap_under_the_prior():
    rng = np.random.default_rng(6)
    rows = np.concatenate([rng.normal(size=(1000, 2)), np.repeat([[8.0, 8.0]], 40, axis=0)])
    model = fit(rows, 2, prior="inverse-wishart", columns={"transform": "none"}).model
    assert model.training.outcome == "converged"
    np.testing.assert_allclose(np.sort(model.parameters.weights), [40 / 1040, 1000 / 1040], rtol=1e-3)
    assert np.linalg.eigvalsh(model.parameters.dense_covariances()).min() > 1e-2
