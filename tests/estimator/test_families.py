"""Every covariance family that there is: shapes, starts, sampling. Number by number see test_agreement."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gmm_dask import GaussianMixture
from gmm_dask.mixture import FAMILIES, Features

FREE = {"full", "tied", "diag", "spherical"}
"""Whatever fits into the shape in which these store matrices is of these families."""


@pytest.fixture(params=FAMILIES)
def settings(request):
    return {"covariance_type": request.param, "max_iter": 1_000, "random_state": 0}


@pytest.fixture
def model(X, settings):
    return GaussianMixture(3, **settings).fit(X)


def test_precisions_are_stored_as_covariances_are(model):
    roots, precisions, covariances = model.precisions_cholesky_, model.precisions_, model.covariances_
    assert roots.shape == precisions.shape == covariances.shape
    if FAMILIES[model.covariance_type].features is Features.QUADRATIC:
        assert_allclose(roots @ np.swapaxes(roots, -1, -2), precisions, rtol=1e-9, atol=1e-12)
        assert_allclose(precisions @ covariances, np.broadcast_to(np.eye(3), roots.shape), atol=1e-9)
    else:
        assert_allclose(roots**2, precisions, rtol=1e-12)
        assert_allclose(precisions * covariances, 1, rtol=1e-12)


def test_its_own_end_is_a_start(X, settings, model):
    given = {"weights_init": model.weights_, "means_init": model.means_, "precisions_init": model.precisions_}
    again = GaussianMixture(3, **settings, **given).fit(X)
    assert again.lower_bound_ >= model.lower_bound_ - 1e-9
    assert again.converged_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_goes_on(X, settings):
    whole = GaussianMixture(3, **settings | {"max_iter": 6, "tol": 0}).fit(X)
    parts = GaussianMixture(3, **settings | {"max_iter": 2, "tol": 0, "warm_start": True})
    for _ in range(3):
        parts.fit(X)
    assert_allclose(parts.lower_bound_, whole.lower_bound_, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init_params", ["k-means++", "random", "random_from_data"])
def test_starts_of_every_kind(X, settings, init_params):
    model = GaussianMixture(3, **settings | {"max_iter": 20}, init_params=init_params, n_init=2).fit(X)
    bounds = np.array(model.lower_bounds_)
    assert (np.diff(bounds) > -1e-5 * np.abs(bounds[1:])).all()  # reg_covar costs a little


def test_samples_have_the_covariances(model):
    rows, components = model.sample(30_000)
    dense = model._mixture_about(np.zeros(3)).dense_covariances()
    for component, covariance in enumerate(dense):
        scale = np.sqrt(np.diagonal(covariance))
        found = np.cov(rows[components == component].T)
        assert_allclose(found / np.outer(scale, scale), covariance / np.outer(scale, scale), atol=0.06)


def test_more_parameters_cost_more(X, model):
    score = model.score(X) * len(X)
    n_parameters = 2 + 9 + FAMILIES[model.covariance_type].n_parameters(3, 3)
    assert_allclose(model.aic(X), -2 * score + 2 * n_parameters, rtol=1e-12)
    assert_allclose(model.bic(X), -2 * score + np.log(len(X)) * n_parameters, rtol=1e-12)


@pytest.mark.parametrize("covariance_type", [name for name in FAMILIES if name not in FREE])
def test_precisions_of_another_family_are_no_start(X, covariance_type):
    shape = FAMILIES[covariance_type].shape(3, 3)
    sizes = np.random.default_rng(0).uniform(0.5, 2, size=(3, 3))  # of every component and column another one
    given = sizes if len(shape) == 2 else np.stack([rotated(np.diag(row), angle) for angle, row in enumerate(sizes)])
    with pytest.raises(ValueError, match=f"should be those of covariance_type='{covariance_type}'"):
        GaussianMixture(3, covariance_type=covariance_type, precisions_init=given).fit(X)


def rotated(matrix, angle):
    """The matrix turned in the plane of the first two columns."""
    turn = np.eye(3)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ matrix @ turn.T


def test_the_bits_are_the_same_again(X, settings, model):
    again = GaussianMixture(3, **settings).fit(X)
    assert_array_equal(again.covariances_, model.covariances_)
