"""The prior, the posterior and the distributions of weights: defaults, limits, what is refused."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.mixture import (
    FAMILIES,
    Block,
    Features,
    MixturePosterior,
    compile_candidates,
    m_step,
    prior_of_table,
    sweep_block,
    table_moments,
)
from gmm_dask.mixture.variational import WEIGHT_DISTRIBUTIONS, Dirichlet, StickBreaking, weight_distribution_named
from tests.mixtures import random_mixture, sample_rows

SCIKIT_LEARN = ["full", "tied", "diag", "spherical"]


def sweep(candidate, rows, weights=None):
    (statistics,) = sweep_block(compile_candidates([candidate]), Block(np.ascontiguousarray(rows.T), weights))
    return statistics


def table_of(name, n=200, seed=0):
    """Rows (n, 3), and their statistics under a mixture, of the features that the family needs."""
    rng = np.random.default_rng(seed)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 3, 3), n)
    family = FAMILIES["full" if FAMILIES[name].features is Features.QUADRATIC else "diag"]
    return rows, sweep(random_mixture(rng, family, 3, 3), rows)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
def test_the_default_prior_is_scikit_learns(name):
    rows, statistics = table_of(name)
    prior = prior_of_table(FAMILIES[name], 4, *table_moments(statistics))
    theirs = BayesianGaussianMixture(n_components=4, covariance_type=name, max_iter=1)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(rows)
    np.testing.assert_allclose(prior.mean, theirs.mean_prior_, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.squeeze(prior.covariance), theirs.covariance_prior_, rtol=1e-10, atol=1e-12)
    assert prior.mean_precision == theirs.mean_precision_prior_
    assert prior.degrees_of_freedom == theirs.degrees_of_freedom_prior_
    np.testing.assert_array_equal(prior.weights.left, theirs.weight_concentration_prior_)


@pytest.mark.parametrize("name", ["full", "diag"])
def test_moments_of_the_table_count_a_row_of_weight_two_twice(name):
    rng = np.random.default_rng(1)
    rows, times = rng.normal(size=(50, 3)) + np.array([5.0, 0.0, -2.0]), rng.integers(0, 4, 50)
    mean, covariance = table_moments(sweep(random_mixture(rng, FAMILIES[name], 2, 3), rows, times.astype(float)))
    exact = np.cov(rows.T, fweights=times)
    np.testing.assert_allclose(mean, np.average(rows, axis=0, weights=times), rtol=1e-12)
    np.testing.assert_allclose(covariance, exact if name == "full" else np.diagonal(exact), rtol=1e-10, atol=1e-12)


def test_one_row_has_no_covariance_matrix():
    mixture = random_mixture(np.random.default_rng(0), FAMILIES["full"], 1, 2)
    with pytest.raises(BadInputError, match="weights sum to 1 have no covariance matrix"):
        table_moments(sweep(mixture, np.zeros((10, 2)), np.full(10, 0.1)))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_without_rows_the_posterior_is_the_prior(name, kind):
    _, statistics = table_of(name)
    prior = prior_of_table(FAMILIES[name], 3, *table_moments(statistics), weight_concentration_prior_type=kind)
    mixture = m_step(statistics, FAMILIES[name], np.zeros(3))
    nothing = prior.given_parameters(mixture, weight=0.0)
    assert prior.divergence(nothing) == pytest.approx(0, abs=1e-10)
    np.testing.assert_array_equal(nothing.means, np.tile(prior.mean, (3, 1)))
    expected = np.tile(prior.family.dense(prior.covariance, 1, 3) / prior.degrees_of_freedom, (3, 1, 1))
    np.testing.assert_allclose(nothing.family.dense(nothing.covariances, 3, 3), expected, rtol=1e-9, atol=1e-12)
    assert prior.divergence(prior.given_parameters(mixture, weight=10.0)) > 1


@pytest.mark.parametrize("name", SCIKIT_LEARN)
def test_the_parameters_of_an_m_step_give_what_its_statistics_give(name):
    _, statistics = table_of(name)
    prior, regularisation = prior_of_table(FAMILIES[name], 3, *table_moments(statistics)), np.array([0.1, 0.2, 0.3])
    straight = prior.given(statistics, regularisation)
    around = prior.given_parameters(m_step(statistics, FAMILIES[name], regularisation), statistics.weight)
    for field in ("means", "mean_precisions", "degrees_of_freedom", "covariances"):
        np.testing.assert_allclose(getattr(around, field), getattr(straight, field), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(around.weights.left, straight.weights.left, rtol=1e-12)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_with_many_rows_the_posterior_is_the_mixture_of_greatest_likelihood(name, kind):
    _, statistics = table_of(name)
    prior = prior_of_table(FAMILIES[name], 3, *table_moments(statistics), weight_concentration_prior_type=kind)
    mixture = m_step(statistics, FAMILIES[name], np.zeros(3))
    posterior = prior.given_parameters(mixture, weight=1e9)
    pairs = {
        ("weights", "means", "covariances"): (posterior.parameters(), mixture),
        ("means", "roots", "constants", "variances"): (posterior.terms(), mixture.terms()),
    }
    for fields, (found, expected) in pairs.items():
        for field in fields:
            np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=1e-6, atol=1e-6)


def test_sticks_of_zero_rows_leave_the_rest_to_those_behind():
    sticks = StickBreaking.symmetric(4, 2.0).given(np.array([5.0, 0.0, 3.0, 1.0]))
    np.testing.assert_array_equal(sticks.taken, [6.0, 1.0, 4.0, 2.0])
    np.testing.assert_array_equal(sticks.left, [6.0, 6.0, 3.0, 2.0])
    assert sticks.expected().sum() == pytest.approx(1)
    assert np.exp(sticks.expected_logs()).sum() < 1


def test_components_switched_off_are_left_out():
    family = FAMILIES["tied"]
    counts = np.array([30.0, 0.2, 19.0, 0.0])
    posterior = MixturePosterior(
        family,
        Dirichlet.symmetric(4, 1e-9).given(counts),
        np.arange(8.0).reshape(4, 2),
        counts + 1,
        np.full(4, 14.0),
        np.eye(2),
    )
    statistics = sweep(posterior, np.zeros((1, 2)))
    statistics.moments[:, -1] = counts
    mixture, off = posterior.effective(statistics)
    np.testing.assert_array_equal(off, [False, True, False, True])
    np.testing.assert_allclose(mixture.weights, [30 / 49, 19 / 49], rtol=1e-9)
    np.testing.assert_array_equal(mixture.means, [[0.0, 1.0], [4.0, 5.0]])
    np.testing.assert_array_equal(mixture.covariances, np.eye(2))
    _, off = posterior.effective(statistics, below=0.1)
    np.testing.assert_array_equal(off, [False, False, False, True])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weight_concentration_prior": 0.0}, "weight concentration prior is 0.0; expected a positive number"),
        ({"weight_concentration_prior": np.nan}, "weight concentration prior is nan"),
        ({"mean_precision_prior": -1.0}, "mean precision prior is -1.0; expected a positive number"),
        ({"mean_prior": [0.0, 0.0]}, "do not go together"),
        ({"degrees_of_freedom_prior": 2.0}, "degrees of freedom prior is 2.0 for 3 columns; expected a number greater"),
        ({"covariance_prior": np.ones(3)}, r"shape \(3,\); expected shape \(3, 3\) for full"),
        ({"covariance_prior": np.ones((3, 3))}, "covariance prior is not positive definite"),
        ({"weight_concentration_prior_type": "dirichlet_proces"}, "Did you mean 'dirichlet_process'"),
    ],
)
def test_what_is_no_prior_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        prior_of_table(FAMILIES["full"], 2, np.zeros(3), np.eye(3), **given)


def test_shapes_that_do_not_go_together_are_refused():
    prior = prior_of_table(FAMILIES["full"], 2, np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match="full posterior with means"):
        MixturePosterior(prior.family, prior.weights, np.zeros((2, 3)), np.ones(2), np.full(2, 4.0), np.eye(3))
    assert weight_distribution_named("dirichlet_distribution") is Dirichlet
