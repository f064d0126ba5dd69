"""The verbs of a covariance family: how k covariance matrices are tied, stored, estimated and factored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gmm_dask.mixture.covariance.factors import Factors
from gmm_dask.mixture.covariance.structure import Structure
from gmm_dask.mixture.features import Features, Float


@dataclass(frozen=True)
class CovarianceFamily(ABC):
    """One of the families of `FAMILIES`. Concrete classes are final: each is a way of storing matrices."""

    name: str
    """As in scikit-learn where it has the family, else the letters of the structure, as in mclust."""
    structure: Structure

    features: ClassVar[Features]
    is_shared: ClassVar[bool] = False
    """Whether one dense matrix serves all components, so that a sweep multiplies rows with it once."""

    def n_parameters(self, k: int, d: int) -> int:
        """Free parameters in the covariances."""
        return self.structure.n_parameters(k, d)

    def is_determined(self, rows: Float, d: int) -> bool:
        """Whether components that hold so many rows (k,) give enough to estimate the covariances of d columns."""
        return self.structure.is_determined(rows, d)

    @abstractmethod
    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """The shape in which covariances of this family are stored."""

    @abstractmethod
    def estimate(self, counts: Float, scatters: Float, previous: Float | None = None) -> Float:
        """The M-step: maximum-likelihood covariances of components that hold `counts` (k,) rows.

        `scatters`: second moments about each component's mean, (k, d, d), or for squares their diagonals (k, d).
        `previous`: covariances of this family to go on from, where there is no closed form; the likelihood does not
        fall below theirs. Scatters that are covariances of this family come back as they are.

        Where there is no maximum, because scatters are singular, some component gets a matrix of zeros or one that is
        singular itself: `factors` says so.
        """

    @abstractmethod
    def dense(self, covariances: Float, k: int, d: int) -> Float:
        """All k matrices in full, (k, d, d)."""

    @abstractmethod
    def marginal(self, covariances: Float, columns: np.ndarray) -> tuple[CovarianceFamily, Float]:
        """Covariances over some of the columns, and a family that holds them.

        That is seldom this one: equal volumes, say, are not equal in fewer columns.
        """

    @abstractmethod
    def factors(self, covariances: Float, k: int, d: int) -> Factors:
        """Roots of the precision matrices. Raises `SingularCovarianceError`."""

    def take(self, covariances: Float, order: np.ndarray) -> Float:
        """Covariances of the components in another order."""
        return covariances if self.is_shared else covariances[order]
