"""Transforms: the way there and back, the density they carry, and the automatic choice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.table.columns import Float, numeric
from gmm_dask.table.profile import ColumnProfile, profile_batch
from gmm_dask.table.transforms import KINDS, Identity, Log1p, Transform, YeoJohnson, choose

SEED = 20260301


SHAPES: dict[str, Callable[[np.random.Generator, int], Float]] = {
    "normal": lambda rng, n: rng.normal(10, 3, n),
    "lognormal": lambda rng, n: np.expm1(rng.normal(3, 1, n).clip(0)),
    "gamma": lambda rng, n: rng.gamma(1.5, size=n),
    "both signs": lambda rng, n: np.sinh(rng.normal(0.5, 1, n)),
    "left": lambda rng, n: -rng.gamma(1.5, size=n),
    "zeros": lambda rng, n: rng.exponential(size=n) * (rng.random(n) < 0.3),
    "tiny": lambda rng, n: rng.gamma(1.5, size=n) * 1e-12,
    "huge": lambda rng, n: rng.lognormal(2, 1, n) * 1e150,
    "offset": lambda rng, n: rng.gamma(0.5, size=n) + 1e9,
    # Normal under power -1, whose range ends at 1: next to it lies 1e9, which that power could not bring back.
    "saturating": lambda rng, n: 1 / (1 - np.append(rng.normal(0.5, 0.15, n - 1).clip(0, 0.99), 1 - 1e-9)) - 1,
    "wide": lambda rng, n: rng.lognormal(10, 6, n),
}


def profile(values: Float) -> ColumnProfile:
    return profile_batch(pa.table({"x": values}), first_row=0, seed=SEED, sample_rows=10)["x"]


def chosen(kind: str, values: Float) -> Transform:
    return choose(kind, profile(values), values)


def draws(shape: str, n: int = 5000) -> Float:
    rng = np.random.default_rng(SEED)
    return np.asarray(SHAPES[shape](rng, n))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (shape, kind)
        for shape in SHAPES
        for kind in ("auto", *KINDS)
        if kind != "log1p" or shape not in ("normal", "both signs", "left")
    ],
)
def test_there_and_back_on_the_observed_range(shape: str, kind: str) -> None:
    values = draws(shape)
    transform = chosen(kind, values)
    z = transform.forward(values)
    assert np.isfinite(z).all()
    # Logarithms lose some digits of an offset, measured in its own ulps.
    allowed = 1e-9 * np.ptp(values) + 64 * np.spacing(np.abs(values).max())
    assert np.max(np.abs(transform.inverse(z) - values)) <= allowed
    assert np.all(np.diff(transform.forward(np.sort(values))) >= 0)


@given(
    hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e9, 1e9), unique=True),
    st.sampled_from(["auto", "none", "standardise", "yeo-johnson"]),
)
def test_there_and_back_for_any_values(values: Float, kind: str) -> None:
    transform = chosen(kind, values)
    back = transform.inverse(transform.forward(values))
    assert np.max(np.abs(back - values)) <= 1e-9 * np.ptp(values) + 64 * np.spacing(np.abs(values).max())
    assert np.isfinite(transform.inverse(np.array([-1e300, -40.0, 40.0, 1e300]))).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", ["lognormal", "gamma"])
def test_the_jacobian_makes_a_density_of_a_density(kind: str, shape: str) -> None:
    """The density of x, integrated over the observed range, is the probability of that range."""
    values = draws(shape)
    transform = chosen(kind, values)
    x = np.linspace(values.min(), np.quantile(values, 0.9), 200_001)
    density = scipy.stats.norm.pdf(transform.forward(x)) * np.exp(transform.log_jacobian(x))
    first, last = scipy.stats.norm.cdf(transform.forward(x[[0, -1]]))
    assert np.trapezoid(density, x) == pytest.approx(last - first, rel=1e-6)


def test_none_only_shifts() -> None:
    transform = chosen("none", draws("offset"))
    assert transform.scale == 1.0
    assert transform.shift == pytest.approx(draws("offset").mean())
    assert transform.affine
    np.testing.assert_array_equal(transform.log_jacobian(np.array([1.0, 5.0])), [0.0, 0.0])


@pytest.mark.parametrize("kind", ["standardise", "log1p", "yeo-johnson"])
def test_the_others_standardise(kind: str) -> None:
    values = draws("lognormal")
    z = chosen(kind, values).forward(values)
    assert z.mean() == pytest.approx(0, abs=1e-9)
    assert z.std() == pytest.approx(1, rel=1e-9)


def test_missing_values_stay_missing() -> None:
    values = draws("gamma")
    values[::3] = np.nan
    for kind in KINDS:
        transform = chosen(kind, values)
        for verb in (transform.forward, transform.inverse, transform.log_jacobian):
            np.testing.assert_array_equal(np.isnan(verb(values)), np.isnan(values))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ("normal", "standardise"),
        ("lognormal", "log1p"),
        ("gamma", "yeo-johnson"),
        ("both signs", "yeo-johnson"),
        ("left", "yeo-johnson"),
        ("huge", "log1p"),
        ("tiny", "standardise"),  # 1 + x is as good as 1: the curves are straight there
        ("offset", "standardise"),
    ],
)
def test_the_automatic_choice(shape: str, kind: str) -> None:
    values = draws(shape)
    assert chosen("auto", values).kind == kind


@pytest.mark.parametrize("shape", SHAPES)
def test_the_automatic_choice_never_adds_skewness(shape: str) -> None:
    values = draws(shape)
    before = scipy.stats.skew(values / np.abs(values).max())
    after = scipy.stats.skew(chosen("auto", values).forward(values))
    assert abs(after) <= abs(before) + 1e-6


def test_no_curve_helps_values_of_two_kinds() -> None:
    """Skewness of two values depends on their shares alone, so nothing can lower it."""
    assert chosen("auto", np.repeat([1.0, 5.0], [90, 10])).kind == "standardise"


@pytest.mark.parametrize("shape", ["lognormal", "gamma", "both signs", "left"])
def test_the_power_is_the_maximum_likelihood_of_scipy(shape: str) -> None:
    values = draws(shape)
    curve = chosen("yeo-johnson", values).curve
    assert isinstance(curve, YeoJohnson)
    assert curve.power == pytest.approx(scipy.stats.yeojohnson_normmax(values), abs=1e-4)


def test_a_power_that_could_not_be_undone_is_not_taken() -> None:
    """A power of -2 makes one value of all these; the likelihood alone, as rounding leaves it, would like that best."""
    values = draws("offset")
    assert len(np.unique(YeoJohnson(-2).forward(values))) == 1
    transform = chosen("yeo-johnson", values)
    assert len(np.unique(transform.forward(values))) > 0.9 * len(np.unique(values))


def test_log1p_refuses_what_it_is_not_defined_for() -> None:
    with pytest.raises(BadInputError, match=r"column 'x': .*-1\.5.*above -1"):
        chosen("log1p", np.array([-1.5, 0.0, 3.0]))
    transform = chosen("log1p", np.array([-0.5, 0.0, 3.0]))
    with pytest.raises(BadInputError, match=r"part 2: 1 of 3 values.*first is -1\.0"):
        transform.forward(np.array([0.0, -1.0, np.nan]), "part 2")


def test_an_unknown_kind_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean 'standardise'"):
        chosen("standardize", draws("normal"))


def test_a_sample_without_values_falls_back_on_the_extremes() -> None:
    column = profile(draws("gamma"))
    for kind in ("auto", *KINDS):
        transform = choose(kind, column, np.full(5, np.nan))
        assert np.isfinite(transform.forward(draws("gamma"))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_column_keeps_a_positive_scale(kind: str) -> None:
    transform = chosen(kind, np.full(10, 3.0))
    assert transform.forward(np.array([3.0])) == 0
    assert transform.scale == 1


@pytest.mark.parametrize("kind", KINDS)
def test_json_keeps_every_bit(kind: str) -> None:
    transform = chosen(kind, draws("gamma"))
    assert Transform.from_json(json.loads(json.dumps(transform.to_json(), allow_nan=False))) == transform


def test_json_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadInputError, match="cube root"):
        Transform.from_json({"kind": "cube root", "shift": 0, "scale": 1, "lowest": 0, "highest": 1})


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_must_be_positive(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        Transform("standardise", Identity(), 0.0, scale, 0.0, 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_in_source_units_is_that_of_draws(kind: str) -> None:
    values = draws("gamma")
    transform = chosen(kind, values)
    z = np.random.default_rng(SEED).normal(0.2, 0.3, 400_000)
    found = transform.mean_of_inverse(np.array([0.2]), np.array([0.09]))
    assert found[0] == pytest.approx(transform.inverse(z).mean(), rel=1e-2)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mean_through_a_curve_stays_in_the_range_observed(shape: str) -> None:
    transform = chosen("yeo-johnson", draws(shape))
    found = transform.mean_of_inverse(np.linspace(-50, 50, 21)[:, None], np.array([0.0, 1.0, 100.0]))
    assert found.shape == (21, 3)
    assert np.all((found >= transform.lowest) & (found <= transform.highest))


@pytest.mark.parametrize("kind", ["none", "standardise"])
def test_a_mean_through_an_affine_transform_is_exact_everywhere(kind: str) -> None:
    transform = chosen(kind, draws("gamma"))
    far = np.array([-50.0, 50.0])
    np.testing.assert_array_equal(transform.mean_of_inverse(far, np.ones(2)), transform.inverse(far))


def test_inverse_beyond_the_range_of_the_curve_is_the_nearest_extreme() -> None:
    transform = Transform("yeo-johnson", YeoJohnson(-0.5), 1.0, 0.2, 0.0, 300.0)
    assert transform.inverse(np.array([10.0])) == 300.0
    assert Transform("log1p", Log1p(), 0.0, 1.0, 0.0, 7.0).inverse(np.array([1e4])) == 7.0


def test_movies_budget_is_made_nearly_symmetric(shared_data: Path) -> None:
    table = pq.read_table(shared_data / "movies.parquet", columns=["budget"])
    found = profile_batch(table, first_row=0, seed=SEED, sample_rows=20_000)
    transform = choose("auto", found["budget"], numeric(found.sample.table, "budget"))
    z = transform.forward(numeric(table, "budget"))
    assert transform.kind in ("log1p", "yeo-johnson")
    assert found["budget"].skewness > 2
    assert abs(scipy.stats.skew(z, nan_policy="omit")) < 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_an_amount_that_is_mostly_zero_is_not_bent_out_of_shape(share: float) -> None:
    """No curve moves a point mass: sent back, the bent column would have another mean altogether."""
    rng = np.random.default_rng(SEED)
    amounts = np.where(rng.random(5000) < share, 0.0, np.expm1(rng.normal(6, 1, 5000)))
    transform = chosen("auto", amounts)
    z = rng.normal(size=100_000)
    back = np.clip(transform.inverse(z), amounts.min(), amounts.max())
    assert abs(back.mean() - amounts.mean()) < 0.5 * amounts.std()
    assert 0.5 < back.std() / amounts.std() < 2
