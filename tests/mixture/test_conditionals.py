"""Conditionals against the definition, and in matrices that are nearly singular."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gmm_dask.mixture import FAMILIES, MixtureParameters, conditionals
from tests.mixtures import random_mixture


def test_means_and_covariances_are_those_of_the_inverse_matrix():
    parameters = random_mixture(np.random.default_rng(0), FAMILIES["full"], 3, 5)
    observed, missing = np.array([0, 3, 4]), np.array([1, 2])
    z = np.random.default_rng(1).normal(size=(3, 7))
    found = conditionals(parameters, observed, missing)
    for k, (mu, sigma) in enumerate(zip(parameters.means, parameters.covariances, strict=True)):
        precision = np.linalg.inv(sigma)
        covariance = np.linalg.inv(precision[np.ix_(missing, missing)])
        np.testing.assert_allclose(found.covariances[k], covariance, rtol=1e-9)
        shift = covariance @ precision[np.ix_(missing, observed)] @ (z - mu[observed, None])
        np.testing.assert_allclose(found.means(z)[k], mu[missing, None] - shift, rtol=1e-9, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_variances_are_never_negative(seed):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(3, 2))
    sigma = factors @ factors.T + 1e-15 * np.eye(3)
    parameters = MixtureParameters(FAMILIES["full"], np.ones(1), np.zeros((1, 3)), sigma[None])
    try:
        found = conditionals(parameters, np.array([0, 1]), np.array([2]))
    except np.linalg.LinAlgError:
        return
    assert np.all(found.variances >= 0)
