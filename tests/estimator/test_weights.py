"""A row of weight 2 is the row twice, one of weight 0 is none."""

import pickle

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gmm_dask import GaussianMixture
from gmm_dask.estimator.weighted import with_weights
from gmm_dask.table.source import open_source

TYPES = ["full", "tied", "diag", "spherical"]


@pytest.fixture(scope="module")
def counts(X):
    return np.random.default_rng(1).integers(0, 4, size=len(X))


def assert_same_fit(a, b):
    assert a.n_iter_ == b.n_iter_
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_weights_stand_for_repeated_rows(X, counts, covariance_type, init_params):
    settings = {"covariance_type": covariance_type, "init_params": init_params, "random_state": 0}
    repeated = GaussianMixture(3, **settings).fit(np.repeat(X, counts, axis=0))
    assert_same_fit(GaussianMixture(3, **settings).fit(X, sample_weight=counts), repeated)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_weights_stand_for_repeated_rows_from_a_given_start(X, counts, covariance_type):
    first = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    start = {"weights_init": first.weights_, "means_init": first.means_, "precisions_init": first.precisions_}
    repeated = GaussianMixture(3, covariance_type=covariance_type, **start).fit(np.repeat(X, counts, axis=0))
    weighted = GaussianMixture(3, covariance_type=covariance_type, **start).fit(X, sample_weight=counts)
    assert_same_fit(weighted, repeated)


@pytest.mark.parametrize("init_params", ["random", "random_from_data"])
def test_rows_of_weight_zero_are_not_there(X, init_params):
    weights = np.repeat([1.0, 0.0], [300, 600])
    settings = {"init_params": init_params, "random_state": 0, "max_iter": 500}
    model = GaussianMixture(2, **settings).fit(X, sample_weight=weights)
    alone = GaussianMixture(2, **settings).fit(X[:300], sample_weight=np.ones(300))
    assert_same_fit(model, alone)


def test_rows_of_weight_zero_cost_no_digits_however_far_they_are(X):
    far, weights = np.concatenate([X, np.full((3, 3), 1e14)]), np.repeat([1.0, 0.0], [900, 3])
    model = GaussianMixture(3, random_state=0).fit(far, sample_weight=weights)
    assert_same_fit(model, GaussianMixture(3, random_state=0).fit(X, sample_weight=weights[:900]))


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++"])
@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("weight", [1 / 900, 0.25, 1.0])
def test_equal_weights_change_nothing(X, weight, covariance_type, init_params):
    settings = {"covariance_type": covariance_type, "init_params": init_params, "random_state": 0, "tol": 1e-9}
    plain = GaussianMixture(3, max_iter=1000, **settings).fit(X)
    weighted = GaussianMixture(3, max_iter=1000, **settings).fit(X, sample_weight=np.full(len(X), weight))
    assert_allclose(weighted.lower_bound_, plain.lower_bound_, rtol=1e-6)
    assert_allclose(weighted.means_, plain.means_, rtol=1e-3)


def test_weights_of_collections(X, counts, client):
    plain = GaussianMixture(3, random_state=0).fit(X, sample_weight=counts)
    for weights in (counts, da.from_array(counts, chunks=100)):
        model = GaussianMixture(3, random_state=0, client=client)
        assert_same_fit(model.fit(da.from_array(X, chunks=(200, 3)), sample_weight=weights), plain)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"sample_weight.shape == \(3,\), expected \(900,\)"),
        (np.full(900, -1.0), "Negative values"),
        (np.full(900, np.nan), "NaN"),
        (np.zeros(900), "at least one non-zero"),
        (np.eye(1, 900)[0], r"Expected n_samples >= n_components but got n_components = 2, n_samples = 1"),
    ],
)
def test_weights_that_cannot_be_meant(X, weights, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2).fit(X, sample_weight=weights)


def test_a_table_with_weights_is_a_table():
    plain = open_source(np.arange(12.0).reshape(6, 2))
    table = with_weights(plain, np.arange(6.0))
    assert table.schema.names == ["x0", "x1", "sample_weight"]
    assert table.fingerprint != with_weights(plain, np.ones(6)).fingerprint
    part = pickle.loads(pickle.dumps(table.narrowed(2, 5)))
    assert_array_equal(part.read(1, 3, ["sample_weight", "x1"]), [[3.0, 7.0], [4.0, 9.0]])
    assert_array_equal(part.read(0, 1, ["sample_weight"])["sample_weight"], [2.0])
    assert with_weights(table, np.ones(6)).weight == "sample_weight_"
