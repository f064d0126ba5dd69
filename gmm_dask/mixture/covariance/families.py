"""The concrete families: a structure, and a way of storing the matrices that it allows.

Shapes in storage: matrices (k, d, d), diagonals (k, d), one matrix for all (d, d), one variance per component (k,).
"""

from __future__ import annotations

from typing import final

import numpy as np

from gmm_dask.mixture.covariance.axes import common_axes, own_axes, variances_along
from gmm_dask.mixture.covariance.factors import Factors, diagonal_factors, triangular_factors
from gmm_dask.mixture.covariance.family import CovarianceFamily
from gmm_dask.mixture.covariance.proportional import proportional
from gmm_dask.mixture.covariance.structure import Structure
from gmm_dask.mixture.covariance.volumes import equal_volumes, one_variance, pooled, unconstrained
from gmm_dask.mixture.features import Features, Float

_ESTIMATES = {
    "VV": unconstrained,
    "EV": equal_volumes,
    "VE": proportional,
    "EE": pooled,
    "EI": one_variance,
}
"""What becomes of scatters, by the letters of volume and form."""


@final
class Matrices(CovarianceFamily):
    """A dense matrix for every component."""

    features = Features.QUADRATIC

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d, d)

    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        structure, shares = self.structure, counts / counts.sum()
        estimates = _ESTIMATES[structure.volume + structure.shape]
        if structure.shape == structure.orientation:  # both are of one form, a matrix of determinant one
            return estimates(shares, scatters)
        if structure.orientation == "V":
            variances, axes = own_axes(scatters)
        else:
            axes = common_axes(structure.volume, shares, scatters, previous)
            variances = variances_along(axes, scatters)
        return _assembled(estimates(shares, variances), axes)

    def dense(self, covariances: Float, k: int, d: int) -> Float:
        return covariances

    def marginal(self, covariances: Float, columns: np.ndarray) -> tuple[CovarianceFamily, Float]:
        return FULL, covariances[:, columns[:, None], columns]

    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        return triangular_factors(covariances)


@final
class Diagonals(CovarianceFamily):
    """A diagonal for every component."""

    features = Features.SQUARES

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d)

    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        return _ESTIMATES[self.structure.volume + self.structure.shape](counts / counts.sum(), scatters)

    def dense(self, covariances: Float, k: int, d: int) -> Float:
        return covariances[:, :, None] * np.eye(d)

    def marginal(self, covariances: Float, columns: np.ndarray) -> tuple[CovarianceFamily, Float]:
        return DIAGONAL, covariances[:, columns]

    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        return diagonal_factors(covariances)


@final
class OneMatrix(CovarianceFamily):
    """One dense matrix for all components."""

    features = Features.QUADRATIC
    is_shared = True

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (d, d)

    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        mean: Float = np.einsum("k,kab->ab", counts / counts.sum(), scatters)
        return mean

    def dense(self, covariances: Float, k: int, d: int) -> Float:
        return np.broadcast_to(covariances, (k, d, d))

    def marginal(self, covariances: Float, columns: np.ndarray) -> tuple[CovarianceFamily, Float]:
        return self, covariances[columns[:, None], columns]

    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        one = triangular_factors(covariances[None])
        return Factors(np.repeat(one.roots, k, axis=0), np.repeat(one.log_roots, k))


@final
class Variances(CovarianceFamily):
    """One variance for all columns of a component."""

    features = Features.SQUARES

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k,)

    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        variances: Float = scatters.mean(axis=1)
        return variances

    def dense(self, covariances: Float, k: int, d: int) -> Float:
        return covariances[:, None, None] * np.eye(d)

    def marginal(self, covariances: Float, columns: np.ndarray) -> tuple[CovarianceFamily, Float]:
        return self, covariances

    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        return diagonal_factors(np.repeat(covariances[:, None], d, axis=1))


FULL = Matrices("full", Structure("VVV"))
DIAGONAL = Diagonals("diag", Structure("VVI"))


def _assembled(variances: Float, axes: Float) -> Float:
    """Symmetric matrices (k, d, d) of variances (k, d) along axes (k, d, d) or (d, d); zeros where one of them is."""
    regular = np.where((variances > 0).all(axis=1, keepdims=True), variances, 0.0)
    matrices = (axes * regular[:, None, :]) @ np.swapaxes(axes, -1, -2)
    assembled: Float = (matrices + matrices.transpose(0, 2, 1)) / 2
    return assembled
