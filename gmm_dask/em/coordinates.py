"""Mixtures as vectors of free numbers, so that steps between them can be measured, combined and lengthened.

About a reference mixture (w, mu, Sigma = L L') the coordinates of another one are

    sqrt(w_k) log(w'_k / w_k)
    sqrt(w_k) L_k^-1 (mu'_k - mu_k)
    sqrt(2 w_k) log diag(M_k), and sqrt(w_k) M_k below the diagonal, where M_k M_k' = L_k^-1 Sigma'_k L_k'^-1

Any vector is a valid mixture. To second order half the squared length of a vector is the Kullback-Leibler divergence
between the two mixtures, rows and components taken together, in nats per row: the metric in which
expectation-maximisation is steepest ascent of the mean log-likelihood (Xu & Jordan 1996, "On convergence properties of
the EM algorithm for Gaussian mixtures"; Salakhutdinov, Roweis & Ghahramani 2003, "Optimization with EM and
expectation-conjugate-gradient"). Variances that families keep as such have sqrt(w_k / 2) log(v'_k / v_k), with as many
columns as share them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cache
from typing import cast, final

import numpy as np

from gmm_dask.mixture import Features, Float, MixtureParameters, SingularCovarianceError


@dataclass(frozen=True)
class Frame:
    """Coordinates about a reference mixture, none of whose weights is zero."""

    reference: MixtureParameters
    spreads: Spreads

    @classmethod
    def about(cls, reference: MixtureParameters) -> Frame:
        """Raises `SingularCovarianceError` where a covariance matrix is not positive definite, or a weight is zero."""
        if not reference.weights.min() > 0:
            raise SingularCovarianceError(f"component {int(reference.weights.argmin())} holds no rows")
        quadratic = reference.family.features is Features.QUADRATIC
        return cls(reference, (Matrices if quadratic else Variances).of(reference))

    def vector(self, parameters: MixtureParameters) -> Float:
        """Coordinates of a mixture of the same family. Raises `SingularCovarianceError`."""
        if not parameters.weights.min() > 0:
            raise SingularCovarianceError(f"component {int(parameters.weights.argmin())} holds no rows")
        reference, shares = self.reference, np.sqrt(self.reference.weights)
        weights = shares * np.log(parameters.weights / reference.weights)
        means = shares[:, None] * self.spreads.whitened(parameters.means - reference.means)
        return np.concatenate([weights, means.ravel(), self.spreads.encoded(parameters.covariances).ravel()])

    def parameters(self, vector: Float) -> MixtureParameters:
        """The mixture with these coordinates, brought back to its family where that ties numbers together.

        Raises `SingularCovarianceError` for one so far away that its numbers overflow.
        """
        reference, shares = self.reference, np.sqrt(self.reference.weights)
        k, d = reference.means.shape
        logs = np.log(reference.weights) + vector[:k] / shares
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        offsets = self.spreads.coloured(vector[k : k + k * d].reshape(k, d) / shares[:, None])
        with np.errstate(over="ignore", invalid="ignore"):
            covariances = self.spreads.decoded(vector[k + k * d :])
        if not np.isfinite(covariances).all():
            raise SingularCovarianceError("a covariance matrix is not finite")
        if covariances.shape == ((k, d, d) if reference.family.features is Features.QUADRATIC else (k, d)):
            covariances = reference.family.estimate(weights, covariances, reference.covariances)
        return replace(reference, weights=weights, means=reference.means + offsets, covariances=covariances)


@dataclass(frozen=True)
class Spreads(ABC):
    """Covariances as free numbers about a reference's. `roots`: of these; `shares`: of the rows that each describes."""

    roots: Float
    shares: Float

    @classmethod
    @abstractmethod
    def of(cls, reference: MixtureParameters) -> Spreads: ...

    @abstractmethod
    def whitened(self, offsets: Float) -> Float:
        """L_k^-1 times rows of offsets (k, d)."""

    @abstractmethod
    def coloured(self, offsets: Float) -> Float:
        """L_k times rows of offsets (k, d)."""

    @abstractmethod
    def encoded(self, covariances: Float) -> Float:
        """Free numbers for covariances in the family's shape. Raises `SingularCovarianceError`."""

    @abstractmethod
    def decoded(self, numbers: Float) -> Float:
        """Covariances from a flat array of free numbers."""


@final
@dataclass(frozen=True)
class Matrices(Spreads):
    """Matrices (k, d, d) or one for all (d, d), by their triangular roots."""

    @classmethod
    def of(cls, reference: MixtureParameters) -> Matrices:
        covariances = reference.covariances
        shares = np.sqrt(reference.weights)[:, None] if covariances.ndim == 3 else np.ones(1)
        return cls(_root(covariances), shares)

    def whitened(self, offsets: Float) -> Float:
        roots = np.broadcast_to(self.roots, (*offsets.shape, offsets.shape[1]))
        whitened: Float = _solved(roots, offsets[:, :, None]).reshape(offsets.shape)
        return whitened

    def coloured(self, offsets: Float) -> Float:
        coloured: Float = (self.roots @ offsets[:, :, None]).reshape(offsets.shape)
        return coloured

    def encoded(self, covariances: Float) -> Float:
        half: Float = _solved(self.roots, covariances)
        root = _root(_solved(self.roots, _transposed(half)))
        diagonal = np.sqrt(2) * np.log(np.diagonal(root, axis1=-2, axis2=-1))
        encoded: Float = self.shares * np.concatenate([diagonal, root[..., *self._below]], axis=-1)
        return encoded

    def decoded(self, numbers: Float) -> Float:
        d = self.roots.shape[-1]
        numbers = numbers.reshape(*self.roots.shape[:-2], -1) / self.shares
        root = np.zeros_like(self.roots)
        root[..., np.arange(d), np.arange(d)] = np.exp(numbers[..., :d] / np.sqrt(2))
        root[..., *self._below] = numbers[..., d:]
        root = self.roots @ root
        product: Float = root @ _transposed(root)
        return product

    @property
    def _below(self) -> tuple[np.ndarray, np.ndarray]:
        return _below(self.roots.shape[-1])


@final
@dataclass(frozen=True)
class Variances(Spreads):
    """Variances (k, d), or one for all columns of a component (k,), by their logarithms."""

    @classmethod
    def of(cls, reference: MixtureParameters) -> Variances:
        covariances, weights = reference.covariances, reference.weights
        shares = np.sqrt(weights / 2)[:, None] if covariances.ndim == 2 else np.sqrt(reference.n_columns * weights / 2)
        return cls(np.sqrt(covariances), shares)

    def whitened(self, offsets: Float) -> Float:
        whitened: Float = offsets / self._per_column
        return whitened

    def coloured(self, offsets: Float) -> Float:
        coloured: Float = offsets * self._per_column
        return coloured

    def encoded(self, covariances: Float) -> Float:
        if not covariances.min() > 0:
            raise SingularCovarianceError("a variance is zero")
        encoded: Float = self.shares * np.log(covariances / self.roots**2)
        return encoded

    def decoded(self, numbers: Float) -> Float:
        decoded: Float = self.roots**2 * np.exp(numbers.reshape(self.roots.shape) / self.shares)
        return decoded

    @property
    def _per_column(self) -> Float:
        return self.roots if self.roots.ndim == 2 else self.roots[:, None]


def _root(matrices: Float) -> Float:
    try:
        return cast("Float", np.linalg.cholesky(matrices))  # numpy's own types say any floating
    except np.linalg.LinAlgError:
        raise SingularCovarianceError("a covariance matrix is not positive definite") from None


def _solved(matrices: Float, right: Float) -> Float:
    """matrices^-1 right."""
    return cast("Float", np.linalg.solve(matrices, right))


@cache
def _below(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each place below the diagonal."""
    return np.tril_indices(d, -1)


def _transposed(matrices: Float) -> Float:
    transposed: Float = np.swapaxes(matrices, -1, -2)
    return transposed
