"""Variational Bayes: the same random_state gives the fit that scikit-learn gives, number by number."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import mixture
from threadpoolctl import threadpool_limits

from gmm_dask import BayesianGaussianMixture

TYPES = ["full", "tied", "diag", "spherical"]
KINDS = ["dirichlet_process", "dirichlet_distribution"]
STARTS = ["kmeans", "k-means++", "random", "random_from_data"]
GIVEN = {
    "weight_concentration_prior": 2.5,
    "mean_precision_prior": 0.3,
    "mean_prior": [1, 12, -1],
    "degrees_of_freedom_prior": 4.5,
}
COVARIANCE_PRIORS = {
    "full": [[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]],
    "tied": [[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]],
    "diag": np.array([2.0, 1.0, 3.0]),
    "spherical": 1.7,
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """For scikit-learn's small products several threads take many times as long as one."""
    with threadpool_limits(1):
        yield


def both(X, k=5, **settings):
    settings = {"n_components": k, "random_state": 1} | settings
    return mixture.BayesianGaussianMixture(**settings).fit(X), BayesianGaussianMixture(**settings).fit(X)


def assert_agreement(theirs, ours, tolerance=1e-9):
    """All attributes that there are: shapes and numbers, of bounds the numbers."""
    expected, found = ({name: each for name, each in vars(one).items() if name.endswith("_")} for one in (theirs, ours))
    assert found.keys() == expected.keys()
    for name in ("n_iter_", "converged_"):
        assert found.pop(name) == expected.pop(name)
    for name in ("lower_bound_", "lower_bounds_"):
        # For tied matrices scikit-learn's are arrays of length one.
        assert_allclose(found.pop(name), np.reshape(expected[name], np.shape(expected.pop(name))[:1]), rtol=tolerance)
    for name, value in expected.items():
        assert np.shape(found[name]) == np.shape(value), name
        size = np.abs(np.asarray(value, float)).max()
        assert_allclose(found[name], value, rtol=tolerance, atol=tolerance * size, err_msg=name)


@pytest.mark.parametrize("init_params", STARTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_fit_and_predict(X, covariance_type, kind, init_params):
    settings = {"covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    theirs, ours = both(X, init_params=init_params, **settings)
    assert_agreement(theirs, ours)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-9)
    assert_allclose(ours.score(X), theirs.score(X), rtol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_prior_that_is_given(X, covariance_type, kind):
    given = GIVEN | {"covariance_prior": COVARIANCE_PRIORS[covariance_type]}
    theirs, ours = both(X, covariance_type=covariance_type, weight_concentration_prior_type=kind, **given)
    assert_agreement(theirs, ours)


@pytest.mark.parametrize("given", [{"mean_prior": [1, 12, -1]}, {"covariance_prior": COVARIANCE_PRIORS["full"]}])
def test_the_rows_say_what_is_not_given(X, given):
    assert_agreement(*both(X, **given))


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_best_of_several_starts(X, covariance_type):
    assert_agreement(*both(X, covariance_type=covariance_type, init_params="random_from_data", n_init=4, max_iter=2))


@pytest.mark.parametrize("max_iter", [0, 1, 2, 3])
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++"])
def test_parameters_are_those_after_the_last_iteration(X, max_iter, init_params):
    assert_agreement(*both(X, max_iter=max_iter, init_params=init_params, covariance_type="tied", n_init=2))


@pytest.mark.parametrize("tol", [0, 1e-6, 0.1, 100])
def test_the_tolerance_is_on_the_total(X, tol):
    assert_agreement(*both(X, tol=tol, max_iter=150), tolerance=1e-8)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_regularisation_is_in_the_units_of_the_rows(X, covariance_type):
    assert_agreement(*both(X, reg_covar=0.5, covariance_type=covariance_type))


def test_one_component_and_one_column(X):
    assert_agreement(*both(X, 1))
    assert_agreement(*both(X[:, :1], 3))


def test_integers(X):
    assert_agreement(*both((10 * X).astype(int), 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_warm_start_goes_on_where_it_stopped(X, covariance_type, kind):
    settings = {"n_components": 4, "covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    settings |= {"warm_start": True, "random_state": 4}
    theirs, ours = mixture.BayesianGaussianMixture(**settings), BayesianGaussianMixture(**settings)
    for rows, max_iter in ((X, 2), (X, 1), (X[::2], 1), (X, 500), (X, 500)):
        assert_agreement(theirs.set_params(max_iter=max_iter).fit(rows), ours.set_params(max_iter=max_iter).fit(rows))
    assert (ours.n_iter_, ours.converged_) == (1, True)  # it had converged before


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_column_of_one_value(X, covariance_type):
    # Of the components that hold no rows reg_covar alone says how wide they are there: they decide nothing.
    rows = np.column_stack([X, np.full(900, 8.0)])
    theirs, ours = both(rows, 10, covariance_type=covariance_type, max_iter=500)
    assert ours.converged_
    assert_array_equal(ours.predict(rows), theirs.predict(rows))
    assert_allclose(ours.means_, theirs.means_, rtol=1e-5)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_samples_come_by_the_same_random_numbers(X, covariance_type):
    theirs, ours = both(X, covariance_type=covariance_type)
    (expected, labels), (drawn, components) = theirs.sample(200), ours.sample(200)
    assert_allclose(drawn, expected, atol=1e-7)
    assert_array_equal(components, labels)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_an_offset_costs_no_digits(X, covariance_type, kind):
    settings = {"n_components": 5, "covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    here, there = (BayesianGaussianMixture(random_state=0, **settings).fit(X + offset) for offset in (0, 1e6))
    assert there.n_iter_ == here.n_iter_
    assert_allclose(there.means_ - 1e6, here.means_, atol=1e-7)
    assert_allclose(there.mean_prior_ - 1e6, here.mean_prior_, atol=1e-8)
    for name in ("covariances_", "covariance_prior_", "mean_precision_", "degrees_of_freedom_", "lower_bound_"):
        assert_allclose(getattr(there, name), getattr(here, name), rtol=1e-6, atol=1e-7)
    assert_allclose(there.score_samples(X + 1e6), here.score_samples(X), atol=1e-6)
