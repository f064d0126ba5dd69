"""The variational posterior of a Gaussian mixture, as a value that can be swept.

q(weights) prod_k N(mu_k | m_k, (beta_k Lambda_k)^-1) Wishart(Lambda_k | nu_k, W_k)   (Bishop 2006, 10.55 and 10.59)

The scale matrices are kept as Sigma_k = (nu_k W_k)^-1, the inverse of the expected precision matrix, in the shape of a
covariance family. An expected log joint density is then c_k - |U_k'(z - m_k)|^2 / 2 with U_k U_k' = Sigma_k^-1: a sweep
needs nothing else, and its `log_likelihood` is the sum of the log normalisers of the responsibilities (10.46, 10.49).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma, multigammaln

from gmm_dask.mixture.covariance import CovarianceFamily, Factors
from gmm_dask.mixture.features import Float
from gmm_dask.mixture.parameters import MixtureParameters
from gmm_dask.mixture.statistics import SufficientStatistics
from gmm_dask.mixture.terms import Terms
from gmm_dask.mixture.variational.weights import WeightDistribution

SWITCHED_OFF_BELOW = 1.0
"""A component that is expected to hold less than one row describes nothing in the table."""


@dataclass(frozen=True)
class MixturePosterior:
    """What is known of a mixture's parameters.

    `means` (k, d), about the origin of z; `mean_precisions` (k,): beta; `degrees_of_freedom` (k,): nu, more than d - 1,
    all alike where the family `is_shared`; `covariances` in the family's shape: the inverses of the expected precision
    matrices.
    """

    family: CovarianceFamily
    weights: WeightDistribution
    means: Float
    mean_precisions: Float
    degrees_of_freedom: Float
    covariances: Float

    def __post_init__(self) -> None:
        k, d = self.means.shape
        found = self.mean_precisions.shape, self.degrees_of_freedom.shape, self.covariances.shape
        if found != (expected := ((k,), (k,), self.family.shape(k, d))):
            raise ValueError(
                f"a {self.family.name} posterior with means {self.means.shape} has mean precisions, degrees of freedom "
                f"and covariances of shapes {found}; expected {expected}"
            )

    @property
    def n_components(self) -> int:
        return int(self.means.shape[0])

    @property
    def n_columns(self) -> int:
        return int(self.means.shape[1])

    def factors(self) -> Factors:
        """Roots of the expected precision matrices. Raises `SingularCovarianceError`."""
        return self.family.factors(self.covariances, *self.means.shape)

    def terms(self) -> Terms:
        """What a sweep needs. Raises `SingularCovarianceError`."""
        factors, d = self.factors(), self.n_columns
        log_determinants = self.log_scale_determinants(factors) + self.expected_log_wishart()
        spread = log_determinants - d / self.mean_precisions - d * np.log(2 * np.pi)
        constants = self.weights.expected_logs() + 0.5 * spread
        variances = np.diagonal(self.family.dense(self.covariances, *self.means.shape), axis1=1, axis2=2)
        return Terms(self.family.features, self.family.is_shared, self.means, factors.roots, constants, variances)

    def log_scale_determinants(self, factors: Factors) -> Float:
        """(k,) log |W_k|."""
        logs: Float = 2 * factors.log_roots - self.n_columns * np.log(self.degrees_of_freedom)
        return logs

    def expected_log_wishart(self) -> Float:
        """(k,) what the expected log |Lambda_k| has above log |W_k| (Bishop 10.65)."""
        d, degrees = self.n_columns, self.degrees_of_freedom
        logs: Float = digamma((degrees[:, None] - np.arange(d)) / 2).sum(axis=1) + d * np.log(2)
        return logs

    def log_normaliser(self) -> float:
        """Logs of the normalisers of all factors, summed, without powers of pi. Raises `SingularCovarianceError`.

        With the entropy of the responsibilities that gave this posterior it is scikit-learn's `lower_bound_`.
        """
        d, degrees = self.n_columns, self.degrees_of_freedom
        wishart = 0.5 * degrees * (self.log_scale_determinants(self.factors()) + d * np.log(2))
        gammas = multigammaln(degrees / 2, d) - d * (d - 1) / 4 * np.log(np.pi)
        gaussian = -0.5 * d * np.log(self.mean_precisions)
        return self.weights.log_normaliser() + float((wishart + gammas + gaussian).sum())

    def assignment_entropy(self, statistics: SufficientStatistics) -> float:
        """The entropy of the responsibilities, - sum of w r log r, from the statistics of this posterior.

        log r is the log joint density less the log normaliser, and sums of both are known.
        """
        terms, counts = self.terms(), statistics.counts
        offsets, scatters = statistics.means() - terms.means, statistics.scatters()
        if terms.roots.ndim == 2:
            distances = ((scatters + offsets**2) * terms.roots**2).sum(axis=1)
        else:
            about = scatters + offsets[:, :, None] * offsets[:, None, :]
            distances = (terms.roots * (about @ terms.roots)).sum(axis=(1, 2))
        return statistics.log_likelihood - float(counts @ (terms.constants - 0.5 * distances))

    def parameters(self) -> MixtureParameters:
        """The mixture that scikit-learn reports: expected weights and means, and the `covariances` of the posterior."""
        return MixtureParameters(self.family, self.weights.expected(), self.means, self.covariances)

    def effective(
        self, statistics: SufficientStatistics, below: float = SWITCHED_OFF_BELOW
    ) -> tuple[MixtureParameters, np.ndarray]:
        """The mixture without the components that are switched off, and (k,) which these are.

        Off is what holds less than `below` rows by weight, as `statistics` of this posterior say; the largest component
        stays in any case. The weights of the others are scaled to sum to one.
        """
        off = statistics.counts < min(below, float(statistics.counts.max()))
        kept = self.parameters().ordered(np.flatnonzero(~off))
        return replace(kept, weights=kept.weights / kept.weights.sum()), off
