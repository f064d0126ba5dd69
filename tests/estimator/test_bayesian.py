"""Variational Bayes through the estimator: components switched off, the pass for the prior, starts, weights."""

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from gmm_dask import BayesianGaussianMixture
from gmm_dask.engine import TableSweep
from gmm_dask.mixture import FAMILIES, log_joint

SCIKIT_LEARNS = ["full", "tied", "diag", "spherical"]
CASES = [
    *((name, "dirichlet_process") for name in FAMILIES),
    *((name, "dirichlet_distribution") for name in SCIKIT_LEARNS),
]
ARRAYS = [
    "weights_", "means_", "covariances_", "weight_concentration_", "mean_precision_", "degrees_of_freedom_",
    "mean_prior_", "covariance_prior_", "lower_bounds_",
]  # fmt: skip


def fitted(X, k=4, **settings):
    weights = settings.pop("sample_weight", None)
    settings = {"random_state": 0, "max_iter": 1_000} | settings
    return BayesianGaussianMixture(n_components=k, **settings).fit(X, sample_weight=weights)


def assert_same_fit(a, b, tolerance=1e-8):
    assert a.n_iter_ == b.n_iter_
    for name in ARRAYS:
        assert_allclose(getattr(a, name), getattr(b, name), rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(("covariance_type", "kind"), CASES)
def test_surplus_components_are_switched_off(covariance_type, kind):
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [12.0, 0.0], [0.0, 12.0]])
    truth = np.repeat([0, 1, 2], [150, 250, 200])
    X = centres[truth] + rng.normal(size=(600, 2))
    settings = {"weight_concentration_prior_type": kind, "weight_concentration_prior": 1e-3}
    model = fitted(X, 10, covariance_type=covariance_type, mean_precision_prior=1e-2, tol=1e-9, **settings)
    assert model.converged_
    labels = model.predict(X)
    kept = np.unique(labels)
    assert len(kept) == 3
    assert (model.weights_ < 2e-3).sum() == 7
    order = kept[np.argsort(model.weights_[kept])]
    assert_allclose(model.weights_[order], np.array([150, 200, 250]) / 600, atol=0.01)
    assert_allclose(model.means_[order], centres[[0, 2, 1]], atol=0.3)
    assert_array_equal(labels, order[[0, 2, 1]][truth])


@pytest.mark.parametrize(("covariance_type", "kind"), CASES)
def test_the_bound_does_not_fall(X, covariance_type, kind):
    settings = {"covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    model = fitted(X[::3], reg_covar=0, tol=0.05, init_params="k-means++", **settings)
    assert model.converged_
    assert np.diff(model.lower_bounds_).min() > -1e-10 * abs(model.lower_bound_)
    assert model.covariance_prior_.shape == FAMILIES[covariance_type].shape(1, 3)[covariance_type != "tied" :]
    assert model.precisions_.shape == model.covariances_.shape == FAMILIES[covariance_type].shape(4, 3)


def test_rows_are_scored_by_expected_log_densities(X):
    model = fitted(X)
    posterior = model._fitted_about(np.zeros(3))
    joint = log_joint(posterior, X.T)
    assert_allclose(model.score_samples(X), np.logaddexp.reduce(joint), rtol=1e-9)
    plain = np.logaddexp.reduce(log_joint(posterior.parameters(), X.T))
    assert (model.score_samples(X) < plain).all()


SWEPT = {
    "nothing given": ({}, 1),
    "a mean": ({"mean_prior": [0.0, 0.0, 0.0]}, 1),
    "a covariance matrix": ({"covariance_prior": np.eye(3)}, 1),
    "both": ({"mean_prior": [0.0, 0.0, 0.0], "covariance_prior": np.eye(3)}, 0),
}


@pytest.mark.parametrize("given", SWEPT)
def test_the_prior_takes_one_pass_more(X, monkeypatch, given):
    sweeps = []

    def counted(engine, shards):
        sweep = TableSweep(engine, shards)

        def count(candidates):
            sweeps.append(sum(len(candidate.means) for candidate in candidates))
            return sweep(candidates)

        return count

    monkeypatch.setattr("gmm_dask.estimator.training.TableSweep", counted)
    settings, more = SWEPT[given]
    model = fitted(X, n_init=2, **settings)
    assert sweeps[:more] == [1] * more
    assert sweeps[more:][: model.n_iter_][0] == 8  # both starts in one pass
    assert min(sweeps[more:]) >= 4
    assert len(sweeps) >= model.n_iter_ + more


def test_a_prior_that_is_given_is_an_attribute_as_it_is(X):
    given = {"mean_prior": [0.1, 0.2, 0.3], "covariance_prior": np.cov(X.T), "degrees_of_freedom_prior": 3.3}
    model = fitted(X + 1e6, tol=10, **given)
    for name, value in given.items():
        assert_array_equal(getattr(model, f"{name}_"), value)


def test_a_column_of_one_value_leaves_empty_components_a_little_width(X):
    # The default prior has none there: without the trace of a row that each component has, theirs would go to zero.
    model = fitted(np.column_stack([X, np.full(900, 0.1)]), 20)
    assert model.converged_
    assert model.covariance_prior_[-1, -1] < 1e-30
    assert_allclose(model.covariances_[:, -1, -1].min(), 1e-6 * 10 * np.finfo(float).eps / 4, rtol=0.01)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_start_from_a_sample_is_the_posterior_of_the_sample(X, client, monkeypatch, init_params):
    monkeypatch.setattr("gmm_dask.estimator.training.START_ROWS", 90)
    model = fitted(da.from_array(X, chunks=(300, 3)), init_params=init_params, max_iter=0, client=client)
    held = 90 if init_params in ("kmeans", "random") else 4  # single rows are components, as in scikit-learn
    assert_allclose((model.mean_precision_ - 1).sum(), held)
    assert_allclose((model.degrees_of_freedom_ - 3).sum(), held)
    assert_allclose(model.mean_prior_, X.mean(axis=0))  # the prior is that of all rows


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_weights_stand_for_repeated_rows(X, covariance_type):
    counts = np.random.default_rng(1).integers(0, 4, size=len(X))
    settings = {"covariance_type": covariance_type, "tol": 1.0}
    weighted, repeated = fitted(X, sample_weight=counts, **settings), fitted(np.repeat(X, counts, axis=0), **settings)
    assert_same_fit(weighted, repeated, 1e-6 if covariance_type in ("EVE", "VVE") else 1e-8)  # axes found by iteration


def test_rows_of_weight_zero_are_not_there_however_far_they_are(X):
    weights = np.repeat([1.0, 0.0], [900, 3])
    for dtype, tolerance in ((np.float64, 1e-9), (np.float32, 1e-5)):
        rows = (np.concatenate([X, np.full((3, 3), 1e12)]) + 1e3).astype(dtype)
        for init_params in ("kmeans", "random_from_data"):
            settings = {"init_params": init_params, "covariance_type": "tied"}
            model = fitted(rows, sample_weight=weights, **settings)
            assert_same_fit(model, fitted(rows[:900], sample_weight=weights[:900], **settings), tolerance)


def test_weights_that_count_no_rows(X):
    few = np.full(900, 1 / 900)
    with pytest.raises(ValueError, match=r"weights sum to 1 have no covariance matrix.*give mean_prior and covariance"):
        fitted(X, sample_weight=few)
    model = fitted(X, sample_weight=few, mean_prior=X.mean(axis=0), covariance_prior=np.cov(X.T))
    assert_allclose(model.mean_precision_.sum(), 4 + 1)


def test_where_all_come_to_be_singular_the_start_is_kept():
    # Two columns that are one: so is the prior, and the first step has nothing else left.
    column = np.random.default_rng(0).normal(1, 1, size=50)
    settings = {"covariance_type": "tied", "reg_covar": 0, "init_params": "random_from_data"}
    with pytest.warns(ConvergenceWarning, match="became singular in iteration 1"):
        model = fitted(np.column_stack([column, column]), 2, **settings)
    assert (model.n_iter_, model.converged_, model.lower_bounds_, model.lower_bound_) == (0, False, [], -np.inf)
