"""The estimator among scikit-learn's tools."""

import copy
import pickle

import numpy as np
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from gmm_dask import BayesianGaussianMixture, GaussianMixture


def expected_to_fail(estimator):
    if estimator.n_components == 1:
        return {}
    reason = "the check changes the order of rows, and with it which rows equal random numbers choose as starts"
    return {"check_sample_weight_equivalence_on_dense_data": reason}


@parametrize_with_checks(
    [
        GaussianMixture(),
        GaussianMixture(2, covariance_type="diag", init_params="k-means++"),
        BayesianGaussianMixture(),
        BayesianGaussianMixture(n_components=2, covariance_type="tied", init_params="random"),
    ],
    expected_failed_checks=expected_to_fail,
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_attributes_after_a_fit(X):
    model = GaussianMixture(2, random_state=0).fit(X)
    assert model.weights_.shape == (2,)
    assert model.means_.shape == (2, 3)
    assert (model.n_features_in_, hasattr(model, "feature_names_in_")) == (3, False)
    assert len(model.lower_bounds_) == model.n_iter_ > 1
    assert model.lower_bounds_[-1] == model.lower_bound_
    assert isinstance(model.n_iter_, int)
    assert model.converged_ is True


def test_fit_predict_is_fit_then_predict(X):
    model = GaussianMixture(3, random_state=0)
    assert_array_equal(model.fit_predict(X), model.predict(X))


def test_parameters_are_kept_as_given(X):
    means = [[0, 0, 0], [1, 1, 1]]
    model = GaussianMixture(2, means_init=means)
    model.fit(X)
    assert model.get_params()["means_init"] is means
    assert model.set_params(tol=0.5).tol == 0.5


def test_pipeline_and_grid_search(X):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), GaussianMixture(random_state=0)),
        {"gaussianmixture__n_components": [1, 3], "gaussianmixture__covariance_type": ["full", "spherical"]},
        cv=3,
    )
    search.fit(X)
    assert search.best_params_ == {"gaussianmixture__n_components": 3, "gaussianmixture__covariance_type": "full"}
    assert search.predict(X).shape == (900,)


def test_a_fitted_model_pickles(X):
    model = GaussianMixture(2, random_state=0).fit(X)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_array_equal(twin.predict_proba(X), model.predict_proba(X))


def test_clones_share_the_client_and_pickles_its_address(client):
    with sklearn.config_context(enable_metadata_routing=True):
        model = GaussianMixture(2, client=client).set_fit_request(sample_weight=True)
    twin = clone(model)
    assert twin.client is client
    assert twin.n_components == 2
    assert twin._metadata_request.fit.requests == {"sample_weight": True}
    assert pickle.loads(pickle.dumps(model)).client == client.scheduler.address


def test_verbose_tells_how_far_it_is(X, capsys):
    GaussianMixture(2, verbose=2, verbose_interval=1, n_init=2, random_state=0).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1: 2 of 2 initializations running, lower bound -")
    assert ": 0 of 2 initializations running" in lines[-1]


def test_the_same_state_gives_the_same_bits(X):
    a, b = (GaussianMixture(3, random_state=np.random.RandomState(7)).fit(X) for _ in range(2))
    assert_array_equal(a.means_, b.means_)
