"""Coordinates of mixtures: any vector is one, lengths are divergences, and the plain step is the gradient."""

import numpy as np
import pytest

from gmm_dask.em.coordinates import Frame
from gmm_dask.mixture import (
    FAMILIES,
    Block,
    Features,
    MixtureParameters,
    SingularCovarianceError,
    compile_candidates,
    m_step,
    sweep_block,
)
from tests.mixtures import random_mixture, sample_rows


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_there_and_back(family, k):
    rng = np.random.default_rng(3)
    reference, other = (random_mixture(rng, FAMILIES[family], k, 3) for _ in range(2))
    frame = Frame.about(reference)
    np.testing.assert_allclose(frame.vector(reference), 0, atol=1e-12)
    back = frame.parameters(frame.vector(other))
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(back, name), getattr(other, name), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_any_vector_is_a_mixture_of_the_family(family):
    rng = np.random.default_rng(5)
    frame = Frame.about(random_mixture(rng, FAMILIES[family], 4, 3))
    size = frame.vector(frame.reference).size
    far = frame.parameters(rng.normal(scale=1.0, size=size))
    far.terms()
    assert far.weights.sum() == pytest.approx(1)
    dense = far.dense_covariances()
    quadratic = far.family.features is Features.QUADRATIC
    again = far.family.estimate(far.weights, dense if quadratic else np.diagonal(dense, axis1=1, axis2=2).copy())
    np.testing.assert_allclose(far.family.dense(again, 4, 3), dense, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("family", ["full", "diag"])
def test_half_the_squared_length_is_the_divergence_of_rows_and_components(family):
    rng = np.random.default_rng(7)
    here = random_mixture(rng, FAMILIES[family], 3, 2)
    frame = Frame.about(here)
    vector = 1e-3 * rng.normal(size=frame.vector(here).size)
    there = frame.parameters(vector)
    vector = frame.vector(there)  # weights add up to one, so that not all of the vector is used
    assert 0.5 * vector @ vector == pytest.approx(divergence(here, there), rel=1e-2)


def divergence(one, other):
    """KL of (component, row) under one against the other."""
    total = one.weights @ np.log(one.weights / other.weights)
    for w, m1, m2, s1, s2 in zip(
        one.weights, one.means, other.means, one.dense_covariances(), other.dense_covariances(), strict=True
    ):
        inverse = np.linalg.inv(s2)
        logs = np.linalg.slogdet(s2)[1] - np.linalg.slogdet(s1)[1]
        total += w / 2 * (np.trace(inverse @ s1) - len(m1) + (m2 - m1) @ inverse @ (m2 - m1) + logs)
    return total


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_the_plain_step_is_the_gradient_of_the_mean_log_likelihood(family):
    """Xu & Jordan 1996. Close to the optimum, where higher orders of the step vanish."""
    rng = np.random.default_rng(9)
    here = random_mixture(rng, FAMILIES[family], 3, 2)
    block = Block(np.ascontiguousarray(sample_rows(rng, here, 3000).T))
    for _ in range(200):
        here = plain_step(here, block)
    frame = Frame.about(here)
    here = frame.parameters(1e-3 * rng.normal(size=frame.vector(here).size))
    frame = Frame.about(here)
    residual = frame.vector(plain_step(here, block))
    for direction in rng.normal(size=(5, residual.size)):
        ahead, behind = (mean_log_likelihood(frame.parameters(s * 1e-4 * direction), block) for s in (1, -1))
        assert (ahead - behind) / 2e-4 == pytest.approx(residual @ direction, abs=2e-2 * np.linalg.norm(residual))


def plain_step(parameters, block):
    (statistics,) = sweep_block(compile_candidates([parameters]), block)
    return m_step(statistics, parameters.family, np.zeros(parameters.n_columns), parameters)


def mean_log_likelihood(parameters, block):
    (statistics,) = sweep_block(compile_candidates([parameters]), block)
    return statistics.log_likelihood / statistics.weight


def test_a_component_without_rows_has_no_coordinates():
    rng = np.random.default_rng(1)
    whole = random_mixture(rng, FAMILIES["full"], 2, 2)
    empty = MixtureParameters(whole.family, np.array([1.0, 0.0]), whole.means, whole.covariances)
    with pytest.raises(SingularCovarianceError, match="component 1"):
        Frame.about(empty)
    with pytest.raises(SingularCovarianceError, match="component 1"):
        Frame.about(whole).vector(empty)
