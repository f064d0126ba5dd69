"""The parameters of one Gaussian mixture, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gmm_dask.mixture.covariance import CovarianceFamily, Factors
from gmm_dask.mixture.features import Float
from gmm_dask.mixture.statistics import SufficientStatistics
from gmm_dask.mixture.terms import Terms


@dataclass(frozen=True)
class MixtureParameters:
    """sum_k w_k N(z | mu_k, Sigma_k): weights (k,), means (k, d), covariances in the family's shape."""

    family: CovarianceFamily
    weights: Float
    means: Float
    covariances: Float

    def __post_init__(self) -> None:
        k, d = self.means.shape
        if self.weights.shape != (k,) or self.covariances.shape != self.family.shape(k, d):
            raise ValueError(
                f"{self.family.name} mixture with means {self.means.shape} has weights {self.weights.shape} and "
                f"covariances {self.covariances.shape}; expected {(k,)} and {self.family.shape(k, d)}"
            )

    @property
    def n_components(self) -> int:
        return int(self.means.shape[0])

    @property
    def n_columns(self) -> int:
        return int(self.means.shape[1])

    @property
    def n_parameters(self) -> int:
        """Free parameters: means, covariances and all weights but one."""
        k, d = self.means.shape
        return int(k * d + self.family.n_parameters(k, d) + k - 1)

    def factors(self) -> Factors:
        """Roots of the precision matrices. Raises `SingularCovarianceError`."""
        return self.family.factors(self.covariances, *self.means.shape)

    def terms(self) -> Terms:
        """What a sweep needs. Raises `SingularCovarianceError`."""
        factors = self.factors()
        with np.errstate(divide="ignore"):  # a weight of zero is a component that takes no rows
            log_weights = np.log(self.weights)
        constants = log_weights + factors.log_roots - 0.5 * self.n_columns * np.log(2 * np.pi)
        variances = np.diagonal(self.dense_covariances(), axis1=1, axis2=2)
        family = self.family
        return Terms(family.features, family.is_shared, self.means, factors.roots, constants, variances)

    def dense_covariances(self) -> Float:
        """(k, d, d) whatever the family."""
        return self.family.dense(self.covariances, *self.means.shape)

    def marginal(self, columns: np.ndarray) -> MixtureParameters:
        """The mixture of some of the columns (an index array): marginals of Gaussians are Gaussian.

        Its family is one that holds them, often a wider one.
        """
        family, covariances = self.family.marginal(self.covariances, columns)
        return replace(self, family=family, means=self.means[:, columns], covariances=covariances)

    def ordered(self, order: np.ndarray) -> MixtureParameters:
        """The same mixture with its components renumbered: new component i is old component order[i]."""
        return replace(
            self,
            weights=self.weights[order],
            means=self.means[order],
            covariances=self.family.take(self.covariances, order),
        )


def m_step(
    statistics: SufficientStatistics,
    family: CovarianceFamily,
    regularisation: Float,
    previous: MixtureParameters | None = None,
) -> MixtureParameters:
    """Maximum-likelihood parameters for the responsibilities behind `statistics` (Dempster, Laird & Rubin 1977).

    `regularisation` (d,) is added to the diagonals of the components' second moments. `previous`: parameters of the
    same family to go on from, where it has no closed form.
    """
    scatters = statistics.scatters()
    scatters = scatters + (np.diag(regularisation) if scatters.ndim == 3 else regularisation)
    covariances = family.estimate(statistics.counts, scatters, None if previous is None else previous.covariances)
    return MixtureParameters(family, statistics.counts / statistics.counts.sum(), statistics.means(), covariances)
