"""Covariance families: how the k covariance matrices of a mixture are tied, stored, estimated and factored.

A family is an object with a few verbs; strings are parsed once, by `family_named`. Covariances are stored in
scikit-learn's shapes: full (k, d, d), tied (d, d), diag (k, d), spherical (k,).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, cast, final

import numpy as np
from scipy.linalg.lapack import dtrtri

from gmm_dask.errors import BadInputError, UsageError, did_you_mean
from gmm_dask.mixture.features import Features, Float


class SingularCovarianceError(BadInputError):
    """A covariance matrix is not positive definite to working precision."""


def singular(component: int) -> SingularCovarianceError:
    """The error for one component."""
    return SingularCovarianceError(
        f"the covariance matrix of component {component} is not positive definite",
        advice="Raise reg_covar, or leave out a column that is constant or that others determine.",
    )


@dataclass(frozen=True)
class Factors:
    """What evaluating densities needs of k covariance matrices.

    `roots`: for quadratic families upper triangular U with precision U U', (k, d, d), as in scikit-learn's
    `precisions_cholesky_`; for the others one over the standard deviations, (k, d). `log_roots`: log det U, (k,).
    """

    roots: Float
    log_roots: Float

    def precisions(self) -> Float:
        """Precision matrices (k, d, d), or their diagonals (k, d)."""
        if self.roots.ndim == 2:
            return self.roots**2
        precisions: Float = self.roots @ self.roots.transpose(0, 2, 1)
        return precisions


class CovarianceFamily(ABC):
    """The verbs of a family. Concrete families are final and carry no state."""

    name: ClassVar[str]
    features: ClassVar[Features]
    is_shared: ClassVar[bool] = False
    """Whether all components have one covariance matrix."""

    @abstractmethod
    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """The shape in which covariances of this family are stored."""

    @abstractmethod
    def n_parameters(self, k: int, d: int) -> int:
        """Free parameters in the covariances."""

    @abstractmethod
    def is_determined(self, rows: Float, d: int) -> bool:
        """Whether components that hold so many rows (k,) give enough to estimate the covariances of d columns."""

    @abstractmethod
    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        """The M-step: maximum-likelihood covariances of components that hold `counts` (k,) rows.

        `scatters`: second moments about each component's mean, (k, d, d), or for squares their diagonals (k, d).
        `previous`: covariances to go on from, where the family has no closed form.
        """

    @abstractmethod
    def dense(self, covariances: Float, k: int, d: int) -> Float:
        """All k matrices in full, (k, d, d)."""

    @abstractmethod
    def marginal(self, covariances: Float, columns: np.ndarray) -> Float:
        """Covariances of the same family over some of the columns."""

    @abstractmethod
    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        """Roots of the precision matrices. Raises `SingularCovarianceError`."""

    def take(self, covariances: Float, order: np.ndarray) -> Float:
        """Covariances of the components in another order."""
        taken: Float = covariances[order]
        return taken


@final
class Full(CovarianceFamily):
    """Every component its own covariance matrix (mclust's VVV)."""

    name = "full"
    features = Features.QUADRATIC

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d, d)

    def n_parameters(self, k: int, d: int) -> int:
        return k * d * (d + 1) // 2

    def is_determined(self, rows: Float, d: int) -> bool:
        return bool(rows.min() > d)

    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        return scatters

    def dense(self, covariances: Float, k: int, d: int) -> Float:
        return covariances

    def marginal(self, covariances: Float, columns: np.ndarray) -> Float:
        return covariances[:, columns[:, None], columns]

    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        return _triangular_factors(covariances)


@final
class Tied(CovarianceFamily):
    """One covariance matrix for all components (mclust's EEE)."""

    name = "tied"
    features = Features.QUADRATIC
    is_shared = True

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (d, d)

    def n_parameters(self, k: int, d: int) -> int:
        return d * (d + 1) // 2

    def is_determined(self, rows: Float, d: int) -> bool:
        return bool(rows.sum() - rows.size >= d)

    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        pooled: Float = np.einsum("k,kab->ab", counts / counts.sum(), scatters)
        return pooled

    def dense(self, covariances: Float, k: int, d: int) -> Float:
        return np.broadcast_to(covariances, (k, d, d))

    def marginal(self, covariances: Float, columns: np.ndarray) -> Float:
        taken: Float = covariances[columns[:, None], columns]
        return taken

    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        one = _triangular_factors(covariances[None])
        return Factors(np.repeat(one.roots, k, axis=0), np.repeat(one.log_roots, k))

    def take(self, covariances: Float, order: np.ndarray) -> Float:
        return covariances


@final
class Diagonal(CovarianceFamily):
    """Every component its own diagonal covariance matrix (mclust's VVI)."""

    name = "diag"
    features = Features.SQUARES

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d)

    def n_parameters(self, k: int, d: int) -> int:
        return k * d

    def is_determined(self, rows: Float, d: int) -> bool:
        return bool(rows.min() > 1)

    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        return scatters

    def dense(self, covariances: Float, k: int, d: int) -> Float:
        return covariances[:, :, None] * np.eye(d)

    def marginal(self, covariances: Float, columns: np.ndarray) -> Float:
        return covariances[:, columns]

    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        return _diagonal_factors(covariances)


@final
class Spherical(CovarianceFamily):
    """Every component one variance for all columns (mclust's VII)."""

    name = "spherical"
    features = Features.SQUARES

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k,)

    def n_parameters(self, k: int, d: int) -> int:
        return k

    def is_determined(self, rows: Float, d: int) -> bool:
        return bool(rows.min() > 1)

    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        variances: Float = scatters.mean(axis=1)
        return variances

    def dense(self, covariances: Float, k: int, d: int) -> Float:
        return covariances[:, None, None] * np.eye(d)

    def marginal(self, covariances: Float, columns: np.ndarray) -> Float:
        return covariances

    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        return _diagonal_factors(np.repeat(covariances[:, None], d, axis=1))


FAMILIES: dict[str, CovarianceFamily] = {family.name: family for family in (Full(), Tied(), Diagonal(), Spherical())}


def family_named(name: str) -> CovarianceFamily:
    """The family of scikit-learn's `covariance_type`: full, tied, diag or spherical."""
    if name not in FAMILIES:
        raise UsageError(f"unknown covariance type {name!r}", advice=did_you_mean(name, FAMILIES))
    return FAMILIES[name]


def _triangular_factors(covariances: Float) -> Factors:
    roots = np.empty_like(covariances)
    for component, lower in enumerate(_cholesky(covariances)):
        inverse, _ = dtrtri(lower, lower=1)
        roots[component] = inverse.T  # zeros on the other side, as the Cholesky root has them
    diagonals = np.diagonal(roots, axis1=1, axis2=2)
    if not np.all(np.isfinite(diagonals)):
        raise singular(int(np.argmin(np.isfinite(diagonals).all(axis=1))))
    return Factors(roots, np.log(diagonals).sum(axis=1))


def _cholesky(covariances: Float) -> Float:
    """Lower triangular roots (k, d, d), all in one call where none fails."""
    try:
        return cast("Float", np.linalg.cholesky(covariances))  # numpy's own types say any floating
    except np.linalg.LinAlgError:
        for component, covariance in enumerate(covariances):
            try:
                np.linalg.cholesky(covariance)
            except np.linalg.LinAlgError:
                raise singular(component) from None
        raise


def _diagonal_factors(variances: Float) -> Factors:
    if not np.all(variances > 0):
        raise singular(int(np.argmin((variances > 0).all(axis=1))))
    return Factors(1 / np.sqrt(variances), -0.5 * np.log(variances).sum(axis=1))
