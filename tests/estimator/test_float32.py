"""float32 rows are held as such, computed with in float64, and answered in float32."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gmm_dask import GaussianMixture
from gmm_dask.engine import InProcess, TableSweep
from gmm_dask.estimator.inputs import checked_rows
from gmm_dask.estimator.table import shift_of, shifted_by
from gmm_dask.mixture import FAMILIES, MixtureParameters

ARRAYS = ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


@pytest.fixture(scope="module")
def rows():
    """(4,000, 2): two groups, which float32 holds without rounding at offsets up to 1e6."""
    rng = np.random.default_rng(8)
    groups = [rng.normal(centre, 1, size=(2_000, 2)) for centre in (0, 12)]
    return np.round(rng.permutation(np.concatenate(groups)) * 16) / 16


def variances(model):
    """(k, d) whatever the covariance type, from the attributes as they are."""
    arrays = (getattr(model, name).astype(DOUBLE) for name in ("weights_", "means_", "covariances_"))
    dense = MixtureParameters(FAMILIES[model.covariance_type], *arrays).dense_covariances()
    return np.diagonal(dense, axis1=1, axis2=2)


@pytest.mark.parametrize("offset", [0, 10, 1e3, 1e6, -1e6])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_variances_are_those_of_the_rows(rows, covariance_type, offset):
    X = (rows + offset).astype(SINGLE)
    model = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0).fit(X)
    assert_allclose(variances(model).sum(), X.astype(DOUBLE).var(axis=0).sum(), rtol=1e-6)
    if covariance_type == "full":
        assert_allclose(variances(model)[0], X.astype(DOUBLE).var(axis=0), rtol=1e-6)


@pytest.mark.parametrize("offset", [0, 1e6])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_the_fit_is_that_of_the_same_rows_in_float64(rows, covariance_type, offset):
    X = (rows + offset).astype(SINGLE)
    settings = {"covariance_type": covariance_type, "random_state": 0, "tol": 1e-6, "max_iter": 300}
    single, double = GaussianMixture(2, **settings).fit(X), GaussianMixture(2, **settings).fit(X.astype(DOUBLE))
    assert single.n_iter_ == double.n_iter_
    for name in ARRAYS:
        assert (getattr(single, name).dtype, getattr(double, name).dtype) == (SINGLE, DOUBLE)
        assert_allclose(getattr(single, name), getattr(double, name), rtol=1e-6, atol=1e-7)
    assert_array_equal(single.predict(X), double.predict(X))
    assert_allclose(single.score_samples(X), double.score_samples(X), rtol=1e-6)


@pytest.mark.parametrize("form", ["array", "frame", "Dask array", "Dask frame", "path"])
def test_every_form_of_float32(rows, tmp_path, form):
    X = (rows + 1e6).astype(SINGLE)
    frame = pd.DataFrame(X, columns=["a", "b"])
    frame.to_parquet(tmp_path / "rows.parquet")
    there = {
        "array": X,
        "frame": frame,
        "Dask array": da.from_array(X, chunks=(1_000, 2)),
        "Dask frame": dd.from_pandas(frame, npartitions=3),
        "path": tmp_path / "rows.parquet",
    }[form]
    model, expected = (GaussianMixture(2, random_state=0).fit(each) for each in (there, X))
    assert model.means_.dtype == SINGLE
    assert_allclose(variances(model), variances(expected), rtol=1e-6)
    for name in ("predict_proba", "score_samples"):
        found = np.asarray(getattr(model, name)(there))
        assert found.dtype == getattr(model, name)(there).dtype == SINGLE
        assert_allclose(found, getattr(expected, name)(X), rtol=1e-5, atol=1e-6)
    assert_allclose(model.score(there), expected.score(X), rtol=1e-6)


def test_results_are_float32_where_rows_and_model_are(rows):
    X = rows.astype(SINGLE)
    single, double = GaussianMixture(2, random_state=0).fit(X), GaussianMixture(2, random_state=0).fit(rows)
    assert single.score_samples(X).dtype == SINGLE
    assert single.score_samples(rows).dtype == DOUBLE
    assert double.score_samples(X).dtype == DOUBLE
    assert single.sample(3)[0].dtype == DOUBLE
    assert single.predict(X).dtype == np.int64
    mixed = pd.DataFrame({"a": X[:, 0], "b": rows[:, 1]})
    assert GaussianMixture(random_state=0).fit(mixed).means_.dtype == DOUBLE


@pytest.mark.parametrize(("dtype", "bytes_per_row"), [(SINGLE, 8), (DOUBLE, 16)])
def test_rows_are_held_as_they_came(rows, monkeypatch, dtype, bytes_per_row):
    held = []

    def sweep(engine, shards):
        held.append(sum(block.n_bytes for shard in shards for block in shard))
        return TableSweep(engine, shards)

    monkeypatch.setattr("gmm_dask.estimator.training.TableSweep", sweep)
    GaussianMixture(2, random_state=0).fit(rows.astype(dtype))
    assert held == [len(rows) * bytes_per_row]


HARD = {
    "an offset": lambda rng: rng.normal(1e6, 1, size=500),
    "a large offset and a row far from it": lambda rng: np.append(rng.normal(1e6, 1, size=499), 0),
    "a narrow group near zero, which lies off the mean": lambda rng: np.append(1e-7 * rng.normal(size=499), 50),
    "both signs": lambda rng: rng.normal(size=500),
    "below zero": lambda rng: rng.normal(-300, 2, size=500),
    "widely different sizes": lambda rng: np.exp(10 * rng.normal(size=500)),
    "one value": lambda rng: np.full(500, 0.1),
}


@pytest.mark.parametrize("kind", HARD)
def test_no_digit_of_a_row_is_lost(kind):
    X = HARD[kind](np.random.default_rng(3)).astype(SINGLE)[:, None]
    rows = checked_rows(GaussianMixture(), X, reset=True)
    shift = shift_of(rows, InProcess())
    preparation = shifted_by(shift, rows, rows.narrow)
    block = preparation.prepare(rows.source.read(0, 500), 0, "").block
    assert block.narrow.dtype == SINGLE
    assert_array_equal(block.dense()[0] + shift[0], X[:, 0])
    assert abs(shift[0]) == pytest.approx(abs(X.mean(dtype=DOUBLE)), rel=1e-6) or shift[0] == 0


def test_a_group_next_to_a_row_far_from_it():
    near = np.random.default_rng(3).normal(1e6, 1, size=2_000).astype(SINGLE)
    X = np.append(near, np.zeros(2, SINGLE))[:, None]
    model = GaussianMixture(2, reg_covar=1e-9, random_state=0).fit(X)
    assert_allclose(variances(model)[model.weights_.argmax()], near.astype(DOUBLE).var(), rtol=1e-6)


def test_a_fit_goes_on_from_what_was_not_rounded(rows):
    X = (rows + 1e6).astype(SINGLE)
    model = GaussianMixture(2, warm_start=True, max_iter=500, tol=1e-9, random_state=0).fit(X)
    bound = model.lower_bound_
    assert model.fit(X).lower_bound_ >= bound - 1e-12


def test_attributes_set_by_hand_count(rows):
    X = rows.astype(SINGLE)
    model = GaussianMixture(2, random_state=0).fit(X)
    labels = model.predict(X)
    model.means_ = model.means_[::-1]
    model.covariances_ = model.covariances_[::-1]
    model.weights_ = model.weights_[::-1]
    assert_array_equal(model.predict(X), 1 - labels)
