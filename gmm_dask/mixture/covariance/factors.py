"""Roots of precision matrices, and the error where there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy.linalg.lapack import dtrtri

from gmm_dask.errors import BadInputError
from gmm_dask.mixture.features import Float


class SingularCovarianceError(BadInputError):
    """A covariance matrix is not positive definite to working precision."""


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


def triangular_factors(covariances: Float) -> Factors:
    """Of matrices (k, d, d). Raises `SingularCovarianceError`."""
    roots = np.empty_like(covariances)
    for component, lower in enumerate(_cholesky(covariances)):
        inverse, _ = dtrtri(lower, lower=1)
        roots[component] = inverse.T  # zeros on the other side, as the Cholesky root has them
    diagonals = np.diagonal(roots, axis1=1, axis2=2)
    if not np.all(np.isfinite(diagonals)):
        raise _singular(int(np.argmin(np.isfinite(diagonals).all(axis=1))))
    return Factors(roots, np.log(diagonals).sum(axis=1))


def diagonal_factors(variances: Float) -> Factors:
    """Of diagonals (k, d). Raises `SingularCovarianceError`."""
    if not np.all(variances > 0):
        raise _singular(int(np.argmin((variances > 0).all(axis=1))))
    return Factors(1 / np.sqrt(variances), -0.5 * np.log(variances).sum(axis=1))


def _cholesky(covariances: Float) -> Float:
    """Lower triangular roots (k, d, d), all in one call where none fails."""
    try:
        return cast("Float", np.linalg.cholesky(covariances))  # numpy's own types say any floating
    except np.linalg.LinAlgError:
        for component, covariance in enumerate(covariances):
            try:
                np.linalg.cholesky(covariance)
            except np.linalg.LinAlgError:
                raise _singular(component) from None
        raise


def _singular(component: int) -> SingularCovarianceError:
    return SingularCovarianceError(
        f"the covariance matrix of component {component} is not positive definite",
        advice="Raise reg_covar, or leave out a column that is constant or that others determine.",
    )
