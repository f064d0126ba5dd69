"""The same random_state gives the fit that scikit-learn gives, number by number."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import mixture

from gmm_dask import GaussianMixture

TYPES = ["full", "tied", "diag", "spherical"]
STARTS = ["kmeans", "k-means++", "random", "random_from_data"]


def both(X, k, **settings):
    return mixture.GaussianMixture(k, **settings).fit(X), GaussianMixture(k, **settings).fit(X)


def assert_agreement(theirs, ours, tolerance=1e-9):
    assert (ours.n_iter_, ours.converged_) == (theirs.n_iter_, theirs.converged_)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        expected = getattr(theirs, name)
        assert_allclose(getattr(ours, name), expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    assert_allclose(ours.lower_bound_, theirs.lower_bound_, rtol=tolerance)
    # scikit-learn's diagonal variances of single rows carry rounding errors of 1e-8 of reg_covar
    assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init_params", STARTS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_fit_predict_and_criteria(X, covariance_type, init_params):
    theirs, ours = both(X, 3, covariance_type=covariance_type, init_params=init_params, random_state=1)
    assert_agreement(theirs, ours)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-9)
    for name in ("score", "bic", "aic"):
        assert_allclose(getattr(ours, name)(X), getattr(theirs, name)(X), rtol=1e-11)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init_params", ["k-means++", "random", "random_from_data"])
def test_the_best_of_several_starts(X, init_params):
    # Two iterations leave these starts apart (k-means ends in one place): of equal optima, rounding would choose.
    assert_agreement(*both(X, 3, init_params=init_params, n_init=4, max_iter=2, random_state=1))


@pytest.mark.parametrize("max_iter", [0, 1, 2, 3])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_parameters_are_those_after_the_last_iteration(X, max_iter):
    theirs, ours = both(X, 3, max_iter=max_iter, init_params="random_from_data", n_init=2, random_state=3)
    assert_agreement(theirs, ours)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("tol", [0, 1e-8, 1e-2, 10])
def test_the_tolerance_means_the_same(X, tol):
    assert_agreement(*both(X, 2, tol=tol, max_iter=60, init_params="random", random_state=0), tolerance=1e-7)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_regularisation_is_in_the_units_of_the_rows(X, covariance_type):
    assert_agreement(*both(X, 2, reg_covar=0.5, covariance_type=covariance_type, random_state=0))


@pytest.mark.parametrize(
    "given", [("weights_init", "means_init", "precisions_init"), ("means_init",), ("weights_init",)]
)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_given_starts(X, covariance_type, given):
    last = mixture.GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X[::4])
    start = {"weights_init": last.weights_, "means_init": last.means_, "precisions_init": last.precisions_}
    settings = {name: start[name] for name in given}
    assert_agreement(*both(X, 2, covariance_type=covariance_type, random_state=2, **settings))


def test_one_component_and_one_column(X):
    assert_agreement(*both(X, 1))
    assert_agreement(*both(X[:, :1], 2, random_state=0))


def test_integers(X):
    assert_agreement(*both((10 * X).astype(int), 2, random_state=0))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("covariance_type", TYPES)
def test_warm_start_goes_on_where_it_stopped(X, covariance_type):
    settings = {"covariance_type": covariance_type, "warm_start": True, "random_state": 4, "tol": 1e-4}
    theirs, ours = mixture.GaussianMixture(3, **settings), GaussianMixture(3, **settings)
    for max_iter in (2, 1, 1, 2, 200, 200):
        assert_agreement(theirs.set_params(max_iter=max_iter).fit(X), ours.set_params(max_iter=max_iter).fit(X))
    assert (ours.n_iter_, ours.converged_) == (1, True)  # it had converged before


@pytest.mark.parametrize("covariance_type", TYPES)
def test_samples_come_by_the_same_random_numbers(X, covariance_type):
    theirs, ours = both(X, 2, covariance_type=covariance_type, random_state=0)
    expected, labels = theirs.sample(200)
    for _ in range(2):  # an integer seed repeats itself
        drawn, components = ours.sample(200)
        assert_allclose(drawn, expected, atol=1e-7)
        assert_array_equal(components, labels)


def test_samples_move_a_generator_on(X):
    model = GaussianMixture(2, random_state=np.random.RandomState(0)).fit(X)
    assert not np.array_equal(model.sample(10)[0], model.sample(10)[0])


@pytest.mark.parametrize("covariance_type", TYPES)
def test_an_offset_costs_no_digits(X, covariance_type):
    settings = {"covariance_type": covariance_type, "random_state": 0}
    here, there = GaussianMixture(3, **settings).fit(X), GaussianMixture(3, **settings).fit(X + 1e6)
    assert there.n_iter_ == here.n_iter_
    assert_allclose(there.means_ - 1e6, here.means_, atol=1e-7)
    assert_allclose(there.covariances_, here.covariances_, rtol=1e-6, atol=1e-7)
    assert_allclose(there.score_samples(X + 1e6), here.score_samples(X), atol=1e-6)
    assert_allclose(there.bic(X + 1e6), here.bic(X), rtol=1e-9)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_huge_offset_costs_variances_no_digits(X, covariance_type):
    # Of the rows as they are with the offset: their mean, taken away, leaves differences that float64 holds exactly.
    deviations = (X + 1e9) - (X[0] + 1e9)
    model = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0).fit(X + 1e9)
    dense = model._mixture_about(np.zeros(3)).dense_covariances()[0]
    assert_allclose(np.trace(dense), deviations.var(axis=0).sum(), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init_params", STARTS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_huge_offset_is_survived(X, covariance_type, init_params):
    model = GaussianMixture(2, covariance_type=covariance_type, init_params=init_params, random_state=0)
    assert np.isfinite(model.fit(X + 1e9).score(X + 1e9))
