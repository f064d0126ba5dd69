"""From source units to model units and back, column by column: z = (g(x) - shift) / scale.

The Jacobian |dz/dx| is carried along, so that densities and criteria of differently transformed tables compare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from gmm_dask.errors import BadInputError, UsageError, did_you_mean
from gmm_dask.table.columns import Float, place
from gmm_dask.table.curves import Curve, Identity, Log1p, YeoJohnson
from gmm_dask.table.profile import ColumnProfile
from gmm_dask.table.sketches import Moments

__all__ = ["KINDS", "Curve", "Identity", "Log1p", "Transform", "YeoJohnson", "choose"]

KINDS = ("none", "standardise", "log1p", "yeo-johnson")

_SKEWED = 1.0
_NOTICEABLE = 0.1  # differences in skewness below this one do not show in a histogram
_NEAR_MEAN, _NEAR_SD = 0.25, 1.5  # how far, in sd and as a factor, moments may be off after the way there and back


def _standard_normal() -> tuple[Float, Float]:
    """Nodes and weights of E[f(Z)] for Z ~ N(0, 1) by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return nodes, weights / weights.sum()


_QUADRATURE = _standard_normal()


@dataclass(frozen=True)
class Transform:
    """The way of one column into model units and back.

    `shift` and `scale` are in units of g; `lowest` and `highest` are the extremes observed, in source units. All verbs
    work elementwise on arrays of any shape, and NaN stays NaN.
    """

    kind: str
    curve: Curve
    shift: float
    scale: float
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise ValueError(f"the scale of a transform is {self.scale}; expected a positive number")

    @property
    def affine(self) -> bool:
        """Whether z is a linear function of x: Gaussian in model units is then Gaussian in source units."""
        return isinstance(self.curve, Identity)

    def forward(self, x: Float, where: str = "") -> Float:
        """z of x. Raises `BadInputError`, at `where`, for a value outside the domain of g."""
        is_outside = x <= self.curve.above
        if np.any(is_outside):
            count, above = np.count_nonzero(is_outside), self.curve.above
            raise BadInputError(
                f"{count} of {x.size} values are not above {above:g}, the first is {x[is_outside][0]}",
                expected=f"values above {above:g} for the transform {self.kind}",
                where=where,
                advice="Choose another transform for the column: standardise or yeo-johnson.",
            )
        return (self.curve.forward(x) - self.shift) / self.scale

    def inverse(self, z: Float) -> Float:
        """x of z. Where there is none, beyond the range of g, the extreme observed on that side: always finite."""
        with np.errstate(over="ignore"):
            x = self.curve.inverse(z * self.scale + self.shift)
        return np.nan_to_num(x, nan=np.nan, posinf=self.highest, neginf=self.lowest)

    def log_jacobian(self, x: Float) -> Float:
        """log |dz/dx| at x."""
        return self.curve.log_slope(x) - math.log(self.scale)

    def mean_of_inverse(self, mean: Float, variance: Float) -> Float:
        """The mean in source units of Z ~ N(mean, variance), which are in model units.

        Exact for affine transforms; for others held to the range observed, beyond which a curve is not to be trusted.
        """
        sd = np.sqrt(variance) * self.scale
        with np.errstate(over="ignore"):  # affine transforms of huge values do not look at the variance
            spread = sd * sd
        bounds = () if self.affine else (self.lowest, self.highest)
        return self.curve.mean_of_inverse(mean * self.scale + self.shift, spread, *bounds)

    def to_json(self) -> dict[str, Any]:
        """JSON types only; floats survive exactly."""
        record = {name: getattr(self, name) for name in ("kind", "shift", "scale", "lowest", "highest")}
        return record | ({"power": self.curve.power} if isinstance(self.curve, YeoJohnson) else {})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Transform:
        """The inverse of `to_json`."""
        kind = record["kind"]
        if kind not in KINDS:
            raise BadInputError(f"there is no transform {kind!r}", expected=f"one of {', '.join(KINDS)}")
        curve: Curve = Identity()
        if kind == "log1p":
            curve = Log1p()
        elif kind == "yeo-johnson":
            curve = YeoJohnson(record["power"])
        return cls(kind, curve, *(record[name] for name in ("shift", "scale", "lowest", "highest")))


def choose(kind: str, profile: ColumnProfile, sample: Float) -> Transform:
    """The transform of a numeric column: of the `kind` given, or the one that the data suggest for "auto".

    `sample` (m,) holds values of the column in source units, NaN for missing ones. "auto" standardises a column of
    absolute skewness below 1. Else log1p (unless there are negative values) is taken if it lowers the skewness of the
    sample by 0.1, and Yeo-Johnson if it lowers it by another 0.1; either only if a Gaussian sent back through it has
    about the mean and sd of the sample (to a quarter of an sd, and a factor of 1.5). Shift and scale are mean and sd
    of g: over the whole table for affine kinds, over the sample for the others.

    Raises `UsageError` for an unknown kind and `BadInputError` for log1p of values of -1 or less.
    """
    if kind not in ("auto", *KINDS):
        raise UsageError(f"there is no transform {kind!r}", advice=did_you_mean(kind, ("auto", *KINDS)))
    if kind == "none":
        # A shift changes no density and saves digits; a scale would change what regularisation means.
        return _transform(kind, Identity(), profile, profile.mean, 1.0)
    if kind == "standardise":
        return _transform(kind, Identity(), profile, profile.mean, profile.sd)
    values = _known_values(profile, sample)
    if kind == "log1p":
        return _fitted(kind, Log1p(), profile, values)
    if kind == "yeo-johnson":
        return _fitted(kind, YeoJohnson(_likeliest_power(profile, values)), profile, values)
    return _automatic(profile, values)


def _automatic(profile: ColumnProfile, values: Float) -> Transform:
    straight = choose("standardise", profile, values)
    if abs(profile.skewness) < _SKEWED:
        return straight
    # From the simplest on: a less simple transform has to be noticeably better.
    best = straight
    for kind in ("log1p", "yeo-johnson") if straight.lowest >= 0 else ("yeo-johnson",):
        bent = choose(kind, profile, values)
        noticeable = _skewness_left(bent, values) < _skewness_left(best, values) - _NOTICEABLE
        if noticeable and _gives_moments_back(bent, values):
            best = bent
    return best


def _gives_moments_back(transform: Transform, values: Float) -> bool:
    """Whether a Gaussian in model units has about the mean and sd of the values in source units.

    It has not where many values are the same, such as the zeros of an amount, or where the tail is not the curve's:
    then what is imputed or drawn through the curve would be far off.
    """
    nodes, weights = _QUADRATURE
    back = np.clip(transform.inverse(nodes), transform.lowest, transform.highest)
    mean = float(back @ weights)
    sd = math.sqrt(float((back - mean) ** 2 @ weights))
    given = Moments.of(values)
    return abs(mean - given.mean) < _NEAR_MEAN * given.sd and 1 / _NEAR_SD < sd / given.sd < _NEAR_SD


def _skewness_left(transform: Transform, values: Float) -> float:
    return abs(Moments.of(transform.forward(values)).skewness)


def _known_values(profile: ColumnProfile, sample: Float) -> Float:
    """The known values of the sample; the column's two extremes where the sample does not have two different ones."""
    known = sample[~np.isnan(sample)]
    if known.size and known.min() < known.max():
        return known
    return np.array([profile.minimum, profile.maximum], dtype=np.float64)


def _fitted(kind: str, curve: Curve, profile: ColumnProfile, values: Float) -> Transform:
    """Standardised after bending."""
    unit = _transform(kind, curve, profile, 0.0, 1.0)
    unit.forward(np.array([unit.lowest]), place("", profile.name))  # refuses what the curve is not defined for
    moments = Moments.of(unit.forward(values))
    return _transform(kind, curve, profile, moments.mean, moments.sd)


def _transform(kind: str, curve: Curve, profile: ColumnProfile, shift: float, scale: float) -> Transform:
    if profile.minimum is None or profile.maximum is None:
        raise BadInputError("there are no numbers to transform", where=place("", profile.name))
    return Transform(kind, curve, shift, scale or 1.0, float(profile.minimum), float(profile.maximum))


def _likeliest_power(profile: ColumnProfile, values: Float) -> float:
    """The maximum-likelihood power of Yeo & Johnson (2000), eq. 3.1, among those in [-2, 4] that can be undone.

    An extreme power squeezes large values so close together that rounding merges them, which would also pass for a
    likelihood without bound. Towards power 1, where the curve is straight, every curve can be undone.
    """
    observed = np.append(values, [profile.minimum, profile.maximum])
    lower = next((power for power in np.linspace(-2, 1, 25) if _can_be_undone(YeoJohnson(power), observed)), 1.0)
    upper = next((power for power in np.linspace(4, 1, 25) if _can_be_undone(YeoJohnson(power), observed)), 1.0)
    if lower == upper:
        return 1.0

    def cost(power: float) -> float:
        curve = YeoJohnson(power)
        sd = Moments.of(curve.forward(values)).sd
        return math.log(sd) - float(curve.log_slope(values).mean()) if sd > 0 else math.inf

    return float(minimize_scalar(cost, bounds=(lower, upper), method="bounded", options={"xatol": 1e-6}).x)


def _can_be_undone(curve: Curve, values: Float) -> bool:
    """Whether rounding g(x) moves no x by more than 1e-10 of the range, or than the last digits of so large numbers.

    An error of eps |y| in y = g(x) is one of eps |y| / g'(x) in x. Trying it out would be at the mercy of luck.
    """
    largest, epsilon = np.max(np.abs(values)), np.finfo(np.float64).eps
    allowed = max(1e-10 * np.ptp(values), 64 * epsilon * largest)
    log_error = np.log(epsilon * np.max(np.abs(curve.forward(values)))) - np.min(curve.log_slope(values))
    return bool(log_error <= np.log(allowed))
