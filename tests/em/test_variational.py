"""Variational Bayes against scikit-learn, and its bound against numbers that owe nothing to the formulas."""

import numpy as np
import pytest
from scipy.stats import multivariate_t
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

from gmm_dask.em import Outcome, Starts, Stopping, VariationalBayes, parameters_from_responsibilities, run
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import (
    FAMILIES,
    Block,
    MixtureParameters,
    compile_candidates,
    log_joint,
    prior_of_table,
    sweep_block,
    table_moments,
)
from gmm_dask.mixture.variational import WEIGHT_DISTRIBUTIONS, Dirichlet
from tests.mixtures import random_mixture, sample_rows
from tests.oracle.variational import joint_by_quadrature, log_ratios

SCIKIT_LEARN = ["full", "tied", "diag", "spherical"]
GIVEN = {
    "weight_concentration_prior": 2.5,
    "mean_precision_prior": 0.3,
    "mean_prior": [1.0, -1.0, 0.5],
    "degrees_of_freedom_prior": 4.5,
}
COVARIANCE_PRIORS = {
    "full": [[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]],
    "tied": [[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]],
    "diag": [2.0, 1.0, 3.0],
    "spherical": 1.7,
}


def block_of(rows, weights=None):
    return Block(np.ascontiguousarray(rows.T), weights)


def sweep_over(rows, weights=None):
    return lambda candidates: sweep_block(compile_candidates(candidates), block_of(rows, weights))


def moments_of(family, rows, weights=None):
    """The table's mean and covariance, by a sweep of one component about the first row."""
    unit = family.estimate(np.ones(1), np.ones((1, 1, 1)) * np.eye(rows.shape[1]))
    if family.features.name == "SQUARES":
        unit = family.estimate(np.ones(1), np.ones((1, rows.shape[1])))
    (statistics,) = sweep_over(rows, weights)([MixtureParameters(family, np.ones(1), rows[:1], unit)])
    return table_moments(statistics)


def shares(rng, n, k):
    drawn = rng.uniform(size=(n, k))
    return drawn / drawn.sum(axis=1, keepdims=True)


def hard_clusters(rows, k):
    """scikit-learn's start by k-means for random_state 0, as responsibilities (n, k)."""
    labels = KMeans(n_clusters=k, n_init=1, random_state=np.random.RandomState(0)).fit(rows).labels_
    return (labels[:, None] == np.arange(k)).astype(float)


def problem(family, kind, rows, k, *, weights=None, regularisation=0.0, responsibilities=None, **given):
    """An estimation with the table's prior, and a start from responsibilities (n, k)."""
    prior = prior_of_table(family, k, *moments_of(family, rows, weights), weight_concentration_prior_type=kind, **given)
    regularisation = np.full(rows.shape[1], regularisation)
    if responsibilities is None:
        responsibilities = shares(np.random.RandomState(0), len(rows), k)
    block = block_of(rows, weights)
    parameters = parameters_from_responsibilities(block, responsibilities.T, family, regularisation)
    return VariationalBayes(prior, regularisation), prior.given_parameters(parameters, block.weight)


def iterations(estimation, posterior, sweep, n):
    """scikit-learn's: the posterior after each M-step, and the lower bound there."""
    for _ in range(n):
        (statistics,) = sweep([posterior])
        bound = estimation.bound_after_step(posterior, statistics)
        posterior = estimation.step(statistics, posterior)
        yield posterior, bound


def assert_is_theirs(posterior, theirs, rtol=1e-8):
    close = {"rtol": rtol, "atol": rtol}
    mixture, weights = posterior.parameters(), posterior.weights
    np.testing.assert_allclose(mixture.weights, theirs.weights_, **close)
    np.testing.assert_allclose(mixture.means, theirs.means_, **close)
    np.testing.assert_allclose(mixture.covariances, theirs.covariances_, **close)
    np.testing.assert_allclose(posterior.mean_precisions, theirs.mean_precision_, **close)
    np.testing.assert_allclose(
        posterior.degrees_of_freedom, np.broadcast_to(theirs.degrees_of_freedom_, len(mixture.weights)), **close
    )
    found = weights.concentration if isinstance(weights, Dirichlet) else np.stack([weights.taken, weights.left])
    np.testing.assert_allclose(found, np.asarray(theirs.weight_concentration_), **close)


def three_clusters(rng, n=600, d=3):
    return sample_rows(rng, random_mixture(rng, FAMILIES["full"], 3, d), n)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
@pytest.mark.parametrize("is_given", [False, True])
def test_every_iterate_is_scikit_learns(name, kind, is_given):
    rows = three_clusters(np.random.default_rng(7))
    given = GIVEN | {"covariance_prior": COVARIANCE_PRIORS[name]} if is_given else {}
    estimation, start = problem(FAMILIES[name], kind, rows, 5, regularisation=1e-6, **given)
    asked = {"covariance_type": name, "weight_concentration_prior_type": kind, "init_params": "random"} | given
    for n, (posterior, bound) in enumerate(iterations(estimation, start, sweep_over(rows), 6), start=1):
        theirs = BayesianGaussianMixture(n_components=5, max_iter=n, tol=0.0, random_state=0, **asked)
        with pytest.warns(ConvergenceWarning):
            theirs.fit(rows)
        assert_is_theirs(posterior, theirs)
        assert bound == pytest.approx(theirs.lower_bound_, rel=1e-8)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_the_change_of_the_bound_stops_where_scikit_learn_stops(name, kind):
    rng = np.random.default_rng(3)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 4, 2, separation=1.5), 500)
    theirs = BayesianGaussianMixture(
        n_components=6, covariance_type=name, weight_concentration_prior_type=kind, max_iter=1000, random_state=0
    ).fit(rows)
    memberships = hard_clusters(rows, 6)
    estimation, start = problem(FAMILIES[name], kind, rows, 6, responsibilities=memberships, regularisation=1e-6)
    steps, last = [], -np.inf
    for posterior, bound in iterations(estimation, start, sweep_over(rows), 1000):
        steps.append((posterior, bound))
        if abs(bound - last) < theirs.tol:
            break
        last = bound
    assert len(steps) == theirs.n_iter_ > 10
    np.testing.assert_allclose([bound for _, bound in steps], np.ravel(theirs.lower_bounds_), rtol=1e-8)
    assert_is_theirs(steps[-1][0], theirs)
    scores = np.logaddexp.reduce(log_joint(steps[-1][0], rows.T))
    np.testing.assert_allclose(scores, theirs.score_samples(rows), rtol=1e-8)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
@pytest.mark.parametrize("seed", range(2))
def test_the_bound_never_falls(name, kind, seed):
    rng = np.random.default_rng(seed)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 4, 3, separation=1.0), 200)
    estimation, start = problem(FAMILIES[name], kind, rows, 6, responsibilities=shares(rng, 200, 6))
    (fit,) = run(sweep_over(rows), [start], estimation, Stopping(1e-9, 200))
    assert len(fit.history) > 10
    assert np.diff(fit.history).min() > -1e-12 * abs(fit.history[0])
    assert fit.flaw is None
    assert fit.outcome in (Outcome.CONVERGED, Outcome.ITERATION_LIMIT)


@pytest.mark.parametrize("name", FAMILIES)
def test_regularisation_lowers_the_bound_by_no_more_than_it_gains(name):
    rows = three_clusters(np.random.default_rng(2), n=150)
    estimation, posterior = problem(FAMILIES[name], "dirichlet_process", rows, 4, regularisation=0.3)
    for _ in range(25):
        (statistics,) = sweep_over(rows)([posterior])
        following = estimation.step(statistics, posterior)
        before, after = (
            0.5 * 0.3 * statistics.counts @ (each.terms().roots ** 2).reshape(4, -1).sum(axis=1)
            for each in (posterior, following)
        )
        gain = estimation.objective(following, sweep_over(rows)([following])[0])
        gain -= estimation.objective(posterior, statistics)
        assert gain >= after - before - 1e-9
        posterior = following


@pytest.mark.parametrize("name", SCIKIT_LEARN)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_scikit_learns_bound_is_the_exact_one_but_for_a_constant(name, kind):
    """Between the bounds before and after it, the same constant away whatever the iteration."""
    rows = three_clusters(np.random.default_rng(5), n=200)
    estimation, posterior = problem(FAMILIES[name], kind, rows, 4)
    gaps = []
    for _ in range(150):
        (statistics,) = sweep_over(rows)([posterior])
        following = estimation.step(statistics, posterior)
        before, bound = estimation.objective(posterior, statistics), estimation.bound_after_step(posterior, statistics)
        (statistics,) = sweep_over(rows)([following])
        gaps.append((before - bound, estimation.objective(following, statistics) - bound))
        posterior = following
    lower, upper = np.array(gaps).T
    assert upper.min() >= lower.max() - 1e-9
    assert upper.min() - lower.max() < 1e-2


@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_with_one_component_the_bound_is_the_evidence(kind):
    """The posterior is exact then. The evidence is a product of Student's t densities, row given the rows before it
    (Murphy 2007, "Conjugate Bayesian analysis of the Gaussian distribution"), and of the shares of the first stick."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(30, 2)) @ [[1.0, 0.4], [0.0, 0.7]] + [3.0, -1.0]
    estimation, start = problem(FAMILIES["full"], kind, rows, 1, **of_two_columns("full"))
    (statistics,) = sweep_over(rows)([start])
    prior, evidence = estimation.prior, 0.0
    mean, kappa, nu, scale = prior.mean, prior.mean_precision, prior.degrees_of_freedom, prior.covariance[0]
    for seen, row in enumerate(rows):
        evidence += multivariate_t.logpdf(row, mean, scale * (kappa + 1) / (kappa * (nu - 1)), df=nu - 1)
        scale = scale + kappa / (kappa + 1) * np.outer(row - mean, row - mean)
        mean, kappa, nu = (kappa * mean + row) / (kappa + 1), kappa + 1, nu + 1
        if kind == "dirichlet_process":
            evidence += np.log((1 + seen) / (1 + seen + GIVEN["weight_concentration_prior"]))
    assert estimation.objective(start, statistics) == pytest.approx(evidence, rel=1e-12)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_the_bound_is_the_mean_of_what_it_bounds(name, kind):
    """log p(rows, assignments, parameters) - log q(assignments, parameters), over draws of the parameters from q."""
    rng = np.random.default_rng(1)
    rows = three_clusters(rng, n=40, d=2)
    estimation, posterior = problem(FAMILIES[name], kind, rows, 2, **of_two_columns(name))
    (statistics,) = sweep_over(rows)([posterior])
    joint = log_joint(posterior, rows.T)
    assigned = np.exp(joint - joint.max(axis=0))
    assigned /= assigned.sum(axis=0)
    ratios = log_ratios(rng, estimation.prior, posterior, rows, assigned, 6000)
    error = ratios.std() / np.sqrt(len(ratios))
    assert error < 0.08
    assert estimation.objective(posterior, statistics) == pytest.approx(ratios.mean(), abs=4 * error)


def of_two_columns(name):
    covariance = np.array(COVARIANCE_PRIORS[name])
    return GIVEN | {"mean_prior": [1.0, -1.0], "covariance_prior": covariance[(slice(2),) * covariance.ndim]}


@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_in_one_dimension_the_bound_is_what_quadrature_makes_of_it(kind):
    rng = np.random.default_rng(4)
    rows = np.concatenate([rng.normal(-1, 1, 12), rng.normal(3, 0.5, 9)])[:, None]
    given = {"weight_concentration_prior": 1.5, "mean_precision_prior": 0.7, "degrees_of_freedom_prior": 3.0}
    estimation, start = problem(FAMILIES["full"], kind, rows, 2, covariance_prior=[[0.8]], **given)
    posterior = estimation.step(sweep_over(rows)([start])[0], start)
    (statistics,) = sweep_over(rows)([posterior])
    joint, difference = joint_by_quadrature(estimation.prior, posterior, rows[:, 0])
    np.testing.assert_allclose(log_joint(posterior, rows.T), joint, rtol=1e-10)
    bound = np.logaddexp(*joint).sum() + difference
    assert estimation.objective(posterior, statistics) == pytest.approx(bound, rel=1e-10)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_weight_two_is_the_row_twice_and_weight_zero_is_no_row(name, kind):
    rng = np.random.default_rng(9)
    rows, times = three_clusters(rng, n=150), rng.integers(0, 3, 150)
    responsibilities = shares(rng, 150, 4)
    ends = []
    for each, repeats, weights in ((rows, 1, times.astype(float)), (np.repeat(rows, times, axis=0), times, None)):
        estimation, start = problem(
            FAMILIES[name],
            kind,
            each,
            4,
            weights=weights,
            responsibilities=np.repeat(responsibilities, repeats, axis=0),
        )
        (fit,) = run(sweep_over(each, weights), [start], estimation, Stopping(0.0, 12))
        ends.append(fit)
    weighted, repeated = ends
    np.testing.assert_allclose(weighted.history, repeated.history, rtol=1e-10)
    for field in ("means", "mean_precisions", "degrees_of_freedom", "covariances"):
        left, right = (getattr(fit.parameters, field) for fit in ends)
        np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_an_offset_moves_means_and_nothing_else(name, kind):
    rng = np.random.default_rng(6)
    rows, offset = three_clusters(rng, n=300), np.array([1e5, -3e4, 10.0])
    fits = []
    for each in (rows, rows + offset):
        estimation, start = problem(FAMILIES[name], kind, each, 4)
        fits += run(sweep_over(each), [start], estimation, Stopping(0.0, 15))
    here, there = fits
    np.testing.assert_allclose(there.parameters.means - offset, here.parameters.means, atol=1e-7)
    np.testing.assert_allclose(there.parameters.covariances, here.parameters.covariances, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(there.parameters.mean_precisions, here.parameters.mean_precisions, rtol=1e-7)
    np.testing.assert_allclose(there.history, here.history, rtol=1e-8)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
@pytest.mark.parametrize("kind", WEIGHT_DISTRIBUTIONS)
def test_surplus_components_are_switched_off(name, kind):
    """Ten components for three clear clusters, from hard clusters: three are left, the same mixture as of three."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [12.0, 0.0], [0.0, 12.0]])
    rows = np.repeat(centres, [150, 250, 200], axis=0) + rng.normal(size=(600, 2))
    labels = Starts.of(block_of(rows), [10], seed=0).labels(10, attempt=1)
    memberships = (labels[:, None] == np.arange(10)).astype(float)
    given = {"weight_concentration_prior": 1e-3, "mean_precision_prior": 1e-2}
    estimation, start = problem(FAMILIES[name], kind, rows, 10, responsibilities=memberships, **given)
    (fit,) = run(sweep_over(rows), [start], estimation, Stopping(1e-10, 2000))
    mixture, off = fit.parameters.effective(fit.statistics)
    assert fit.flaw is None
    assert off.sum() == 7
    assert mixture.n_components == 3
    assert mixture.weights.sum() == pytest.approx(1, abs=1e-14)
    order = np.argsort(mixture.weights)
    np.testing.assert_allclose(mixture.weights[order], np.array([150, 200, 250]) / 600, atol=1e-2)
    np.testing.assert_allclose(mixture.means[order], centres[[0, 2, 1]], atol=0.3)
    (statistics,) = sweep_over(rows)([mixture])
    np.testing.assert_allclose(np.sort(statistics.counts), [150, 200, 250], atol=0.5)


def test_the_largest_component_is_never_switched_off():
    rows = np.random.default_rng(0).normal(size=(5, 2))
    _, start = problem(FAMILIES["full"], "dirichlet_process", rows, 3)
    (statistics,) = sweep_over(rows)([start])
    mixture, off = start.effective(statistics, below=1e9)
    assert mixture.n_components == 1
    assert not off[statistics.counts.argmax()]


def test_posteriors_and_parameters_share_a_sweep():
    rows = three_clusters(np.random.default_rng(8), n=100)
    estimation, posterior = problem(FAMILIES["full"], "dirichlet_process", rows, 3)
    candidates = [posterior, posterior.parameters(), estimation.step(sweep_over(rows)([posterior])[0], posterior)]
    for candidate, together in zip(candidates, sweep_over(rows)(candidates), strict=True):
        (alone,) = sweep_over(rows)([candidate])
        np.testing.assert_allclose(together.moments, alone.moments, rtol=1e-11, atol=1e-11)
        assert together.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-13)


def test_a_singular_covariance_prior_is_told_as_such():
    """A constant column: the default prior has no density, and the bound would be minus infinity."""
    rows = np.column_stack([np.random.default_rng(0).normal(size=50), np.ones(50)])
    estimation, start = problem(FAMILIES["full"], "dirichlet_process", rows, 2, regularisation=1e-6)
    with pytest.raises(BadInputError, match="covariance prior is not positive definite"):
        run(sweep_over(rows), [start], estimation, Stopping(1e-6, 10))
