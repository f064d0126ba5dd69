"""Curves: inverse, slope and mean of the inverse against derivatives, integrals and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from gmm_dask.table.curves import Curve, Identity, Log1p, YeoJohnson

POWERS = [-2.0, -0.5, 0.0, 0.3, 1.0, 1.7, 2.0, 2.5, 4.0]
CURVES: list[Curve] = [Identity(), Log1p(), *map(YeoJohnson, POWERS)]
POINTS = np.array([-0.9, -1e-9, 0.0, 1e-12, 0.5, 3.0, 20.0])


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_the_inverse_undoes_the_curve(curve: Curve) -> None:
    np.testing.assert_allclose(curve.inverse(curve.forward(POINTS)), POINTS, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_the_slope_is_the_derivative(curve: Curve) -> None:
    step = 1e-6
    slope = (curve.forward(POINTS + step) - curve.forward(POINTS - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(curve.log_slope(POINTS)), slope, rtol=1e-6)


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_nan_stays_nan(curve: Curve) -> None:
    nan = np.array([np.nan])
    verbs = (curve.forward, curve.inverse, curve.log_slope, lambda x: curve.mean_of_inverse(x, np.ones(1)))
    for verb in verbs:
        assert np.isnan(verb(nan)).all()


@pytest.mark.parametrize("power", POWERS)
def test_yeo_johnson_is_that_of_scipy(power: float) -> None:
    x = np.concatenate([-POINTS, POINTS, [-300.0, 300.0]])
    np.testing.assert_allclose(YeoJohnson(power).forward(x), scipy.stats.yeojohnson(x, power), rtol=1e-9, atol=1e-15)


@given(st.floats(-2, 4), st.floats(-1e308, 1e308))
def test_the_inverse_is_never_nan_and_increases(power: float, y: float) -> None:
    curve = YeoJohnson(power)
    x, next_x = curve.inverse(np.array([y, np.nextafter(y, np.inf)]))
    assert not np.isnan(x)
    assert x <= next_x or x == pytest.approx(next_x, rel=1e-9)


def test_beyond_a_bounded_range_the_inverse_is_infinite() -> None:
    assert YeoJohnson(-0.5).inverse(np.array([1.9, 2.0, 2.1]))[1:].tolist() == [np.inf, np.inf]
    assert YeoJohnson(2.5).inverse(np.array([-1.9, -2.0, -2.1]))[1:].tolist() == [-np.inf, -np.inf]


def expected_inverse(curve: Curve, mean: float, sd: float, lowest: float, highest: float) -> float:
    """E[g^-1(Y) held to the bounds], by adaptive quadrature."""

    def integrand(y: float) -> float:
        x = np.clip(curve.inverse(np.array([y]))[0], lowest, highest)
        return float(x * scipy.stats.norm.pdf(y, mean, sd))

    edges = curve.forward(np.array([max(lowest, -1e6), min(highest, 1e6)]))
    value, _ = scipy.integrate.quad(integrand, mean - 12 * sd, mean + 12 * sd, points=edges, limit=500, epsrel=1e-10)
    return float(value)


@pytest.mark.parametrize("power", [0.0, 0.3, 0.5, 1.0, 1.7, 2.0])
@pytest.mark.parametrize(("mean", "sd"), [(2.0, 0.4), (0.1, 0.3), (-1.5, 0.5)])
def test_the_mean_of_the_inverse_is_the_integral(power: float, mean: float, sd: float) -> None:
    curve = YeoJohnson(power)
    found = curve.mean_of_inverse(np.array([mean]), np.array([sd**2]))
    np.testing.assert_allclose(found, expected_inverse(curve, mean, sd, -np.inf, np.inf), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("power", "mean", "lowest", "highest"), [(-0.5, 1.8, 0.0, 500.0), (3.0, -0.6, -50.0, 10.0)])
def test_a_bounded_range_leaves_a_sensible_mean(power: float, mean: float, lowest: float, highest: float) -> None:
    """Part of Y lies where there is no x: held to the observed range, the mean stays near the integral's."""
    curve = YeoJohnson(power)
    found = curve.mean_of_inverse(np.array([mean]), np.array([0.01]), lowest, highest)
    truth = expected_inverse(curve, mean, 0.1, lowest, highest)
    assert lowest < found[0] < highest
    assert abs(found[0] - truth) < 0.05 * (highest - lowest)


def test_the_mean_of_log1p_is_that_of_a_lognormal() -> None:
    draws = np.expm1(np.random.default_rng(20260301).normal(1.0, 0.5, 1_000_000))
    found = Log1p().mean_of_inverse(np.array([1.0]), np.array([0.25]))
    assert found == pytest.approx(draws.mean(), rel=5e-3)
    assert found == pytest.approx(scipy.stats.lognorm(0.5, scale=np.e).mean() - 1, rel=1e-12)


def test_without_variance_the_mean_is_the_inverse() -> None:
    y = np.array([-1.0, 0.0, 0.7])
    for curve in (Identity(), Log1p(), YeoJohnson(0.4), YeoJohnson(-1.0)):
        np.testing.assert_allclose(curve.mean_of_inverse(y, np.zeros(3)), curve.inverse(y), rtol=1e-12, atol=1e-15)


def test_means_and_variances_broadcast() -> None:
    found = YeoJohnson(0.4).mean_of_inverse(np.zeros((2, 3)), np.array([[0.1], [0.2]]))
    assert found.shape == (2, 3)
    assert found[0, 0] != found[1, 0]


@given(st.sampled_from(CURVES), st.floats(-1e150, 1e150), st.floats(0, 1e150))
def test_a_mean_is_never_nan_and_within_bounds(curve: Curve, mean: float, variance: float) -> None:
    found = curve.mean_of_inverse(np.array([mean]), np.array([variance]), -1e9, 1e12)
    assert -1e9 <= found[0] <= 1e12
    assert not np.isnan(curve.mean_of_inverse(np.array([mean]), np.array([variance]))).any()
