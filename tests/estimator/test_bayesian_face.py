"""Variational Bayes: rows in every form, float32, what is refused, among scikit-learn's tools."""

import copy
import pickle

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gmm_dask import BayesianGaussianMixture
from gmm_dask.mixture import FAMILIES

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


def test_every_form_of_table_gives_the_same_bits(X, tmp_path, client):
    rows = np.tile(X, (20, 1)) + np.random.default_rng(0).normal(size=(18_000, 3)) / 10
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    frame.to_parquet(tmp_path / "rows.parquet")
    here = fitted(rows, 5, tol=1.0)
    fits = {}
    for form, there in {
        "array": da.from_array(rows, chunks=(9_000, 2)),
        "frame": dd.from_pandas(frame, npartitions=2),
        "path": tmp_path / "rows.parquet",
        "Polars": pl.DataFrame(frame),
        "pandas": frame,
    }.items():
        model = fits[form] = fitted(there, 5, tol=1.0, client=client)
        assert_same_fit(model, here)
        assert_allclose(model.score(there), here.score(rows), rtol=1e-12)
        assert_allclose(np.asarray(model.predict_proba(there)), here.predict_proba(rows), atol=1e-10)
    for name in ARRAYS:
        assert_array_equal(getattr(fits["frame"], name), getattr(fits["array"], name))
    assert isinstance(fits["array"].predict(da.from_array(rows, chunks=(9_000, 2))), da.Array)


@pytest.mark.parametrize(
    ("covariance_type", "kind"),
    [*((name, "dirichlet_process") for name in FAMILIES), ("full", "dirichlet_distribution")],
)
def test_float32(X, covariance_type, kind):
    rows = (np.round(X * 64) / 64 + 1e4).astype(np.float32)
    settings = {"covariance_type": covariance_type, "weight_concentration_prior_type": kind, "tol": 1.0}
    single, double = fitted(rows, **settings), fitted(rows.astype(np.float64), **settings)
    assert_same_fit(single, double, 1e-6)
    assert_allclose(single.score_samples(rows), double.score_samples(rows), rtol=1e-5)
    for name in ("means_", "covariances_", "precisions_", "mean_precision_"):  # scikit-learn's are float64, too
        assert getattr(single, name).dtype == np.float64
    assert single.predict_proba(rows).dtype == single.score_samples(rows).dtype == np.float64
    again = copy.deepcopy(single).set_params(warm_start=True, max_iter=1).fit(rows)
    expected = copy.deepcopy(double).set_params(warm_start=True, max_iter=1).fit(rows.astype(np.float64))
    assert_allclose(again.lower_bound_, expected.lower_bound_, rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight_concentration_prior": 0}, "'weight_concentration_prior' parameter"),
        ({"weight_concentration_prior_type": "dirichlet"}, "'weight_concentration_prior_type' parameter"),
        ({"mean_precision_prior": -1}, "'mean_precision_prior' parameter"),
        ({"mean_prior": [1.0]}, r"'means' should have the shape of \(3,\), but got \(1,\)"),
        ({"mean_prior": [np.nan, 0, 0]}, "Input means contains NaN"),
        ({"degrees_of_freedom_prior": 2.0}, "'degrees_of_freedom_prior' should be greater than 2, but got 2.000"),
        ({"covariance_prior": 2.0}, r"'full covariance_prior' should have the shape of \(3, 3\), but got \(1,\)"),
        ({"covariance_prior": -np.eye(3)}, "'full covariance_prior' should be symmetric, positive-definite"),
        ({"covariance_prior": np.eye(3), "covariance_type": "VEI"}, r"VEI covariance_prior.*shape of \(3,\)"),
        ({"covariance_prior": [1.0, -1.0, 1.0], "covariance_type": "diag"}, "'diag covariance_prior' should be posi"),
        ({"covariance_prior": -1.0, "covariance_type": "spherical"}, "'covariance_prior' parameter"),
        ({"covariance_prior": [1.0, 2.0], "covariance_type": "spherical"}, r"shape of \(1,\), but got \(2,\)"),
        ({"client": 8786}, "'client' parameter"),
    ],
)
def test_parameters(X, settings, message):
    with pytest.raises(ValueError, match=message):
        fitted(X, 2, **settings)


@pytest.mark.parametrize(
    "changed", [{"n_components": 3}, {"weight_concentration_prior_type": "dirichlet_distribution"}]
)
def test_a_warm_start_of_another_shape(X, changed):
    model = fitted(X, 2, warm_start=True)
    with pytest.raises(ValueError, match=r"warm_start=True continues .*weight_concentration_ .*expected .*start anew"):
        model.set_params(**changed).fit(X)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "weight_concentration_",
            (np.ones(2), np.zeros(2)),
            "weight_concentration_ should be greater than 0, but is 0",
        ),
        ("mean_precision_", np.array([1.0, -1.0]), "mean_precision_ should be greater than 0"),
        ("degrees_of_freedom_", np.array([3.0, 2.0]), "degrees_of_freedom_ should be greater than 2"),
        ("mean_precision_", np.ones(3), r"mean_precision_ has the shape \(3,\); expected \(2,\)"),
    ],
)
def test_attributes_set_by_hand_that_describe_nothing(X, name, value, message):
    model = fitted(X, 2)
    setattr(model, name, value)
    with pytest.raises(ValueError, match=message):
        model.predict(X)


def test_attributes_set_by_hand_count(X):
    model = fitted(X.astype(np.float32), 2)
    labels = model.predict(X)
    for name in ("weights_", "means_", "covariances_", "mean_precision_", "degrees_of_freedom_"):
        setattr(model, name, getattr(model, name)[::-1])
    model.weight_concentration_ = tuple(2.0 * model.mean_precision_ for _ in range(2))  # a stick for each, alike
    assert_array_equal(model.predict(X), 1 - labels)


def test_nothing_before_fit(X):
    with pytest.raises(NotFittedError):
        BayesianGaussianMixture().predict(X)
    for name in ("bic", "aic"):  # scikit-learn's has none
        assert not hasattr(BayesianGaussianMixture(), name)


def test_among_scikit_learns_tools(X, client):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), BayesianGaussianMixture(n_components=5, random_state=0)),
        {"bayesiangaussianmixture__covariance_type": ["full", "spherical"]},
        cv=3,
    )
    assert search.fit(X).best_params_ == {"bayesiangaussianmixture__covariance_type": "full"}
    model = fitted(X)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
    assert_array_equal(model.fit_predict(X), model.predict(X))
    assert pickle.loads(pickle.dumps(BayesianGaussianMixture(client=client))).client == client.scheduler.address


def test_verbose_tells_the_bound_that_is_an_attribute(X, capsys):
    model = fitted(X, verbose=2, verbose_interval=1)
    lines = capsys.readouterr().out.splitlines()
    assert f"lower bound {model.lower_bounds_[0]:.5f}, " in lines[0]
    assert f"lower bound {model.lower_bound_:.5f}, " in lines[-1]
