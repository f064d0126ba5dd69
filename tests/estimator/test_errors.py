"""What is refused, in which words."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from gmm_dask import GaussianMixture
from gmm_dask.mixture import SingularCovarianceError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 0}, "'n_components' parameter"),
        ({"covariance_type": "round"}, "'covariance_type' parameter"),
        ({"tol": -1}, "'tol' parameter"),
        ({"init_params": "zeros"}, "'init_params' parameter"),
        ({"client": 8786}, "'client' parameter"),
        ({"weights_init": [1.0]}, r"'weights' should have the shape of \(2,\), but got \(1,\)"),
        (
            {"weights_init": [2.0, -1.0]},
            r"'weights' should be in the range \[0, 1\].* lie between -1.00000 and 2.00000",
        ),
        ({"weights_init": [0.5, 0.6]}, r"'weights' should be normalized, but got sum\(weights\) = 1.10000"),
        ({"means_init": np.zeros((2, 2))}, r"'means' should have the shape of \(2, 3\), but got \(2, 2\)"),
        ({"means_init": np.full((2, 3), np.nan)}, "Input means contains NaN"),
        ({"precisions_init": np.eye(3)}, r"'full precision' should have the shape of \(2, 3, 3\), but got \(3, 3\)"),
        ({"precisions_init": -np.ones((2, 3)), "covariance_type": "diag"}, "'diag precision' should be positive"),
        ({"precisions_init": [1.0, 0.0], "covariance_type": "spherical"}, "'spherical precision' should be positive"),
        ({"precisions_init": np.triu(np.ones((3, 3))), "covariance_type": "tied"}, "should be symmetric"),
        ({"precisions_init": -np.stack([np.eye(3)] * 2)}, "positive-definite"),
    ],
)
def test_parameters(X, settings, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**{"n_components": 2} | settings).fit(X)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "Input X contains NaN"), (np.inf, "infinit")])
@pytest.mark.parametrize("form", ["array", "Dask array", "Dask frame", "path"])
def test_values_that_are_not_there(X, tmp_path, client, form, value, message):
    spoilt = X.copy()
    spoilt[700, 1] = value
    frame = pd.DataFrame(spoilt, columns=["a", "b", "c"])
    frame.to_parquet(tmp_path / "rows.parquet")
    rows = {
        "array": spoilt,
        "Dask array": da.from_array(spoilt, chunks=(300, 3)),
        "Dask frame": dd.from_pandas(frame, npartitions=3),
        "path": tmp_path / "rows.parquet",
    }[form]
    model = GaussianMixture(2, random_state=0, client=client)
    with pytest.raises(ValueError, match=message):
        model.fit(rows)
    model.fit(X if "rray" in form else frame[:700])
    for method in (model.predict, model.score, model.bic):
        with pytest.raises(ValueError, match=message):
            np.asarray(method(rows))


def test_an_error_names_the_place(X):
    spoilt = X.copy()
    spoilt[700, 1] = np.nan
    with pytest.raises(ValueError, match=r"Dask array, partition.*column 'x1'.*1 have none"):
        GaussianMixture().fit(da.from_array(spoilt, chunks=(300, 3)))


def test_too_few_rows(X):
    with pytest.raises(ValueError, match="Expected n_samples >= n_components but got n_components = 5, n_samples = 4"):
        GaussianMixture(5).fit(X[:4])
    with pytest.raises(ValueError, match="Expected n_samples >= n_components"):
        GaussianMixture(5).fit(da.from_array(X[:4]))


def test_other_columns_than_in_the_fit(X):
    model = GaussianMixture(2, random_state=0).fit(X)
    for rows in (X[:, :2], da.from_array(X[:, :2])):
        for method in (model.predict, model.predict_proba, model.score_samples, model.score, model.bic):
            with pytest.raises(ValueError, match="X has 2 features, but GaussianMixture is expecting 3"):
                method(rows)


def test_shapes_that_are_no_table(X):
    model = GaussianMixture().fit(X)
    for rows in (X[:, 0], da.from_array(X[:, 0]), dd.from_pandas(pd.Series(X[:, 0]), npartitions=2)):
        with pytest.raises(ValueError, match=r"2D|2 dimensions|two"):
            model.predict(rows)
        with pytest.raises(ValueError, match=r"2D|2 dimensions|two|Series"):
            GaussianMixture().fit(rows)


def test_text_columns(X, client):
    frame = pd.DataFrame({"a": ["x", "y"] * 5})
    with pytest.raises(ValueError, match="could not convert string"):
        GaussianMixture().fit(frame)
    with pytest.raises(ValueError, match=r"column 'a'.*string"):
        GaussianMixture(client=client).fit(dd.from_pandas(frame, npartitions=1))


def test_nothing_before_fit(X):
    for call in (
        lambda model: model.predict(X),
        lambda model: model.score_samples(da.from_array(X)),
        lambda model: model.bic(X),
        lambda model: model.sample(),
    ):
        with pytest.raises(NotFittedError):
            call(GaussianMixture())


def test_no_samples(X):
    with pytest.raises(ValueError, match="Invalid value for 'n_samples': 0"):
        GaussianMixture().fit(X).sample(0)


def test_iterations_that_did_not_suffice(X):
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        model = GaussianMixture(3, max_iter=1, random_state=0).fit(X)
    assert model.converged_ is False
    assert model.n_iter_ == 1


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_singular_covariances(covariance_type):
    with pytest.raises(SingularCovarianceError, match="reg_covar"):
        GaussianMixture(covariance_type=covariance_type, reg_covar=0).fit(np.ones((10, 2)))


def test_a_warm_start_of_another_shape(X):
    model = GaussianMixture(2, warm_start=True, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"warm_start=True continues .*\(2, 3\).*expected .*\(3, 3\)"):
        model.set_params(n_components=3).fit(X)
