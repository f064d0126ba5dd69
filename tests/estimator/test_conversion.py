"""From scikit-learn's estimator and back: nothing is lost, and both say the same of rows."""

import copy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import mixture
from sklearn.exceptions import NotFittedError

import gmm_dask
from gmm_dask import BayesianGaussianMixture, GaussianMixture
from gmm_dask.errors import UsageError

TYPES = ["full", "tied", "diag", "spherical"]
BAYESIAN = {"n_components": 4, "n_init": 2, "random_state": 0, "max_iter": 500}
KINDS = ["dirichlet_process", "dirichlet_distribution"]


def assert_same_state(a, b):
    """The same parameters and attributes: types, shapes and bits."""
    states = [{**estimator.get_params(), **fitted(estimator)} for estimator in (a, b)]
    for state in states:
        state.pop("client", None)
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        other = states[1][name]
        assert type(value) is type(other), name
        if isinstance(value, np.random.RandomState):
            value, other = value.get_state()[1], other.get_state()[1]
        assert_array_equal(value, other, strict=isinstance(value, np.ndarray), err_msg=name)


def fitted(estimator):
    return {name: value for name, value in vars(estimator).items() if name.endswith("_")}


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_fitted_one_comes_and_goes_and_says_the_same(X, covariance_type):
    theirs = mixture.GaussianMixture(3, covariance_type=covariance_type, n_init=2, random_state=0).fit(X)
    ours = GaussianMixture.from_sklearn(theirs)
    assert_same_state(ours, theirs)
    assert_same_state(ours.to_sklearn(), theirs)
    assert type(ours.to_sklearn()) is mixture.GaussianMixture
    assert_array_equal(ours.predict(X), theirs.predict(X))
    for name in ("predict_proba", "score_samples", "score", "bic", "aic"):
        assert_allclose(getattr(ours, name)(X), getattr(theirs, name)(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_one_of_ours_goes_and_comes_and_says_the_same(X, covariance_type):
    ours = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(pd.DataFrame(X, columns=[*"abc"]))
    theirs = ours.to_sklearn()
    assert_same_state(theirs, ours)
    assert_same_state(GaussianMixture.from_sklearn(theirs), ours)
    rows = pd.DataFrame(X, columns=[*"abc"])
    for name in ("predict_proba", "score_samples", "score", "bic", "aic"):
        assert_allclose(getattr(theirs, name)(rows), getattr(ours, name)(rows), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_bayesian_one_comes_and_goes_and_says_the_same(X, covariance_type, kind):
    settings = BAYESIAN | {"covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    theirs = mixture.BayesianGaussianMixture(mean_prior=[1, 2, 3], **settings).fit(X)
    ours = BayesianGaussianMixture.from_sklearn(theirs)
    assert_same_state(ours, theirs)
    assert_same_state(ours.to_sklearn(), theirs)
    assert type(ours.to_sklearn()) is mixture.BayesianGaussianMixture
    assert_array_equal(ours.predict(X), theirs.predict(X))
    for name in ("predict_proba", "score_samples", "score"):
        assert_allclose(getattr(ours, name)(X), getattr(theirs, name)(X), rtol=1e-12, atol=1e-12)
    assert ours.set_params(warm_start=True).fit(X).n_iter_ == 1  # the bound it came with is understood
    assert ours.converged_ is True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_bayesian_one_of_ours_goes_and_comes_and_says_the_same(X, covariance_type, kind):
    settings = BAYESIAN | {"covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    ours = BayesianGaussianMixture(**settings).fit(X)
    theirs = ours.to_sklearn()
    assert_same_state(theirs, ours)
    assert_same_state(BayesianGaussianMixture.from_sklearn(theirs), ours)
    for name in ("predict_proba", "score_samples", "score"):
        assert_allclose(getattr(theirs, name)(X), getattr(ours, name)(X), rtol=1e-12, atol=1e-12)
    assert theirs.set_params(warm_start=True).fit(X).n_iter_ == 1


@pytest.mark.parametrize("name", ["GaussianMixture", "BayesianGaussianMixture"])
def test_float32_attributes_stay_as_they_are(X, name):
    theirs = getattr(mixture, name)(n_components=2, random_state=0).fit(X.astype(np.float32))
    assert_same_state(getattr(gmm_dask, name).from_sklearn(theirs).to_sklearn(), theirs)


def test_parameters_of_an_unfitted_one(X):
    state = np.random.RandomState(3)
    theirs = mixture.GaussianMixture(2, tol=0.1, means_init=[[0, 0, 0], [1, 1, 1]], random_state=state)
    ours = GaussianMixture.from_sklearn(theirs)
    assert_same_state(ours, theirs)
    assert_same_state(ours.to_sklearn(), theirs)
    assert ours.random_state is not state  # drawing from one leaves the other as it is
    with pytest.raises(NotFittedError):
        ours.predict(X)


def test_a_fit_goes_on_from_what_came(X):
    theirs = mixture.GaussianMixture(3, warm_start=True, random_state=0).fit(X)
    ours = GaussianMixture.from_sklearn(theirs).fit(X)
    theirs.fit(X)
    assert ours.n_iter_ == theirs.n_iter_ == 1
    assert_allclose(ours.means_, theirs.means_, rtol=1e-9)


def test_attributes_of_a_posterior_must_be_all_there(X):
    theirs = mixture.BayesianGaussianMixture(random_state=0).fit(X)
    del theirs.mean_precision_
    with pytest.raises(UsageError, match=r"no mean_precision_; expected all of weights_, .*, degrees_of_freedom_"):
        BayesianGaussianMixture.from_sklearn(theirs)


def test_attributes_are_copies(X):
    theirs = mixture.GaussianMixture(2, random_state=0).fit(X)
    ours, before = GaussianMixture.from_sklearn(theirs), copy.deepcopy(theirs)
    ours.means_[:] = 0
    assert_same_state(theirs, before)


def test_the_client_stays_here():
    assert (
        GaussianMixture(client="tcp://127.0.0.1:8786").to_sklearn().get_params()
        == mixture.GaussianMixture().get_params()
    )


def test_what_scikit_learn_has_no_name_for():
    with pytest.raises(UsageError, match=r"no covariance type 'VVE'; expected one of full, tied, diag, spherical"):
        GaussianMixture(covariance_type="VVE").to_sklearn()


def test_what_is_no_mixture_of_scikit_learns():
    with pytest.raises(UsageError, match="a BayesianGaussianMixture; expected an instance of sklearn"):
        GaussianMixture.from_sklearn(mixture.BayesianGaussianMixture())


def test_parameters_of_a_later_scikit_learn():
    class Later(mixture.GaussianMixture):
        def __init__(self, n_components=1, *, shrinkage=0.5):
            self.n_components, self.shrinkage = n_components, shrinkage

    with pytest.raises(UsageError, match="no parameter 'shrinkage'"):
        GaussianMixture.from_sklearn(Later())


def test_attributes_set_by_hand_must_be_all_there():
    theirs = mixture.GaussianMixture(1)
    theirs.weights_, theirs.means_, theirs.precisions_cholesky_ = np.ones(1), np.zeros((1, 2)), np.eye(2)[None]
    with pytest.raises(UsageError, match="no covariances_; expected all of weights_, means_, covariances_"):
        GaussianMixture.from_sklearn(theirs)
    theirs.covariances_ = np.eye(2)[None]
    ours = GaussianMixture.from_sklearn(theirs)
    assert_allclose(ours.score_samples([[0.0, 0.0]]), -np.log(2 * np.pi))
