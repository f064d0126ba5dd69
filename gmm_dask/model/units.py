"""One model's mixture in the units of another, so that their components can be compared.

Where a column's curve is the same in both, model units differ by shift and scale, and a Gaussian stays one. Elsewhere a
component becomes the Gaussian of the same mean and covariance, that of H_a(X_a) for jointly standard normal X: with the
Hermite coefficients e_aj = E[H_a(X_a) He_j(X_a)] / sqrt(j!), by Gauss-Hermite quadrature, Cov(H_a, H_b) = sum_j>0 e_aj
e_bj r_ab^j for the correlation r_ab (Mehler's formula; Kibble 1945, "An extension of a theorem of Mehler's on Hermite
polynomials").
"""

from __future__ import annotations

import math

import numpy as np

from gmm_dask.errors import UsageError
from gmm_dask.mixture import Float, MixtureParameters, family_named
from gmm_dask.model.mixture_model import MixtureModel
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.transforms import Transform

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_DEGREE = 8
_POLYNOMIALS = np.stack(
    [np.polynomial.hermite_e.HermiteE.basis(j)(_NODES) / math.sqrt(math.factorial(j)) for j in range(_DEGREE + 1)]
)
"""(j, nodes) of variance one under the standard normal."""


def require_same_columns(columns: list[str], model: MixtureModel, name: str) -> None:
    """Raise UsageError unless `model`, which is the user's `name`, models these columns, in whatever order."""
    missing, other = set(columns) - set(model.columns), set(model.columns) - set(columns)
    if missing or other:
        differ = [f"without {sorted(missing)}" if missing else "", f"with {sorted(other)} besides" if other else ""]
        raise UsageError(
            f"the model given as {name} has other columns: {' and '.join(filter(None, differ))}",
            expected=f"a model of {sorted(columns)}",
            advice="Segments of other columns cannot be the same; name the columns to model, or leave that model out.",
        )


def in_units_of(model: MixtureModel, other: MixtureModel) -> MixtureParameters:
    """The mixture of `model` with the columns, in the order and model units, of `other`.

    Raises UsageError where they model different columns. For transforms of another curve it is a Gaussian of the same
    moments, and values outside the range that a curve was fitted to are held to that range.
    """
    require_same_columns(other.columns, model, "the one before")
    order = np.array([model.columns.index(name) for name in other.columns])
    mixture = model.parameters.marginal(order)
    transforms = [model.preparation.transforms[index][1] for index in order]
    ways = list(zip(transforms, _transforms(other.preparation), strict=True))
    return mixture if all(_is_same(*way) for way in ways) else _carried(mixture, ways)


def _transforms(preparation: Preparation) -> list[Transform]:
    return [transform for _, transform in preparation.transforms]


def _is_same(here: Transform, there: Transform) -> bool:
    return (here.curve, here.shift, here.scale) == (there.curve, there.shift, there.scale)


def _carried(mixture: MixtureParameters, ways: list[tuple[Transform, Transform]]) -> MixtureParameters:
    """A mixture of dense matrices, of the moments that the components have there."""
    covariances = mixture.dense_covariances()
    sds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    z = mixture.means[:, :, None] + sds[:, :, None] * _NODES
    values = np.stack([_between(*way, z[:, column]) for column, way in enumerate(ways)], axis=1)
    coefficients = values @ (_WEIGHTS * _POLYNOMIALS).T  # (k, d, j)
    means = coefficients[:, :, 0]
    correlations = covariances / (sds[:, :, None] * sds[:, None, :])
    carried = np.zeros_like(correlations)
    for j in range(1, _DEGREE + 1):
        carried += coefficients[:, :, None, j] * coefficients[:, None, :, j] * correlations**j
    diagonal = np.arange(len(ways))  # known exactly, where the series has an end
    carried[:, diagonal, diagonal] = ((values - means[:, :, None]) ** 2) @ _WEIGHTS
    return MixtureParameters(family_named("full"), mixture.weights, means, carried)


def _between(here: Transform, there: Transform, z: Float) -> Float:
    """Values in model units of `there`, of values z in those of `here`."""
    if here.curve == there.curve:
        return (z * here.scale + (here.shift - there.shift)) / there.scale
    x = np.clip(here.inverse(z), here.lowest, here.highest)
    if there.curve.above > -math.inf:
        x = np.maximum(x, there.lowest)
    return there.forward(x)
