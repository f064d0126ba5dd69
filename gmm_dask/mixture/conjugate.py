"""A conjugate prior that keeps covariance matrices from shrinking onto a few rows.

Fraley & Raftery 2007, "Bayesian regularization for normal mixture estimation and model-based clustering", Journal of
Classification 24:155-181: mu_k | Sigma_k ~ N(mean, Sigma_k / mean_count), and Sigma_k ~ inverse Wishart with d + 2
degrees of freedom and a scale. For families of diagonal matrices every variance has an inverse gamma distribution of
its own; for those of spheres the one variance has. The defaults are the paper's, section 3.2: mean and covariance of
the table, mean_count 0.01, and the table's spread divided among the components, scale = covariance / k^(2/d).

The paper has EII, VII, EEI, VVI, EEE and VVV. For the others the prior is that of their kind (diagonal or not), once
for each component unless the components have one covariance matrix, restricted to what the family allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmm_dask.mixture.compiled import Block
from gmm_dask.mixture.covariance import CovarianceFamily
from gmm_dask.mixture.features import Features, Float
from gmm_dask.mixture.parameters import MixtureParameters
from gmm_dask.mixture.statistics import SufficientStatistics

MEAN_COUNT = 0.01
_COLLINEAR = 1e-6  # of a column's variance, as the default of reg_covar


class _Spread(NamedTuple):
    """The prior of one component's covariance as rows would be: so many, with this sum of squares about their mean,
    (d, d), or for squares its diagonal (d,)."""

    rows: float
    squares: Float


@dataclass(frozen=True)
class ConjugatePrior:
    """Of the components of mixtures of a table with this `mean` (d,) and `covariance` (d, d)."""

    mean: Float
    covariance: Float
    mean_count: float = MEAN_COUNT

    @classmethod
    def of_rows(cls, block: Block) -> ConjugatePrior:
        """The default for a table of which these are some rows, or all; regular where columns are collinear, too."""
        z, weights = block.dense(), np.ones(block.n_rows) if block.weights is None else block.weights
        mean = np.average(z, axis=1, weights=weights)
        deviations = z - mean[:, None]
        covariance = (deviations * (weights / weights.sum())) @ deviations.T
        return cls(mean, covariance + np.diag(_COLLINEAR * np.diagonal(covariance)))

    def most_probable(self, statistics: SufficientStatistics, previous: MixtureParameters) -> MixtureParameters:
        """The M-step: parameters of greatest posterior density, in the family of `previous` (the paper's table 2)."""
        family, counts, means = previous.family, statistics.counts, statistics.means()
        k, d = means.shape
        spread = self._spread(family, k, d)
        pulled = (self.mean_count * counts / (self.mean_count + counts))[:, None]
        apart = means - self.mean
        scatters = statistics.scatters()
        if scatters.ndim == 3:
            squares = counts[:, None, None] * scatters + pulled[:, :, None] * apart[:, :, None] * apart[:, None, :]
        else:
            squares = counts[:, None] * scatters + pulled * apart**2
        together = counts + 1 + spread.rows
        mode = (squares + spread.squares) / together.reshape(-1, *[1] * (squares.ndim - 1))
        return MixtureParameters(
            family,
            counts / counts.sum(),
            (counts[:, None] * means + self.mean_count * self.mean) / (counts[:, None] + self.mean_count),
            family.estimate(together, mode, previous.covariances),
        )

    def log_density(self, parameters: MixtureParameters) -> float:
        """Of the parameters under the prior, up to a constant."""
        k, d = parameters.means.shape
        spread, factors = self._spread(parameters.family, k, d), parameters.factors()
        if factors.roots.ndim == 2:
            whitened = factors.roots * (parameters.means - self.mean)
            traces = (factors.roots**2 * spread.squares).sum(axis=1)
        else:
            whitened = np.einsum("kab,ka->kb", factors.roots, parameters.means - self.mean)
            traces = np.einsum("kac,ab,kbc->k", factors.roots, spread.squares, factors.roots, optimize=True)
        distances = self.mean_count * (whitened**2).sum(axis=1)
        return float(((spread.rows + 1) * factors.log_roots - (traces + distances) / 2).sum())

    def _spread(self, family: CovarianceFamily, k: int, d: int) -> _Spread:
        """Shared among the components where these share their covariance matrix."""
        structure, degrees = family.structure, d + 2.0
        share = 1 if "V" in structure.letters else k
        if family.features is Features.QUADRATIC:
            return _Spread((degrees + d + 1) / share, self.covariance / k ** (2 / d) / share)
        variance = np.trace(self.covariance) / d / k ** (2 / d)
        alike = d if structure.shape == "I" else 1  # of columns that one variance stands for
        return _Spread((degrees + 2) / alike / share, np.full(d, variance / alike / share))
