"""The prior of a Gaussian mixture, and the posterior that rows turn it into.

weights ~ Dirichlet or stick breaking; for every component Lambda_k ~ Wishart(nu_0, C_0^-1) and
mu_k | Lambda_k ~ N(m_0, (beta_0 Lambda_k)^-1)   (Bishop 2006, 10.39 and 10.40; the Wishart's scale matrix is C_0^-1).

A covariance family constrains the scale matrices of the posterior, and nothing else. Without a constraint the Wishart
that is best for given responsibilities has n_k = nu_0 + N_k degrees of freedom and the scale matrix V_k^-1,

    V_k = C_0 + N_k S_k + beta_0 N_k / (beta_0 + N_k) (x_k - m_0)(x_k - m_0)'                             (10.62, 10.63)

With Sigma_k = (nu_k W_k)^-1, Kullback-Leibler divergences of Wishart(nu_k, W_k) from these sum to a constant and

    sum_k n_k / 2 (log |Sigma_k| + tr(V_k / n_k Sigma_k^-1))  +  sum_k h_k(nu_k)

The first sum is what a family's M-step makes least, for components that hold n_k rows with scatters V_k / n_k. The
slope of h_k is (nu - n_k) times the positive sum_i psi'((nu - i) / 2) / 4 - d / (2 nu), i = 0 ... d - 1, so it is least
at n_k; and where one number serves all components, at the mean of the n_k. So the family's `estimate` is an exact step
of coordinate ascent where it is an exact M-step, and no step down where it improves on the matrices before. For full,
tied, diag and spherical this comes to scikit-learn's updates, and tells what they are of: `tied` of k matrices whose
posteriors are one, not of one matrix; `diag` and `spherical` of Wishart distributions, not of gamma distributions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import multigammaln

from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.mixture.covariance import CovarianceFamily, Factors, SingularCovarianceError
from gmm_dask.mixture.features import Features, Float
from gmm_dask.mixture.parameters import MixtureParameters
from gmm_dask.mixture.statistics import SufficientStatistics
from gmm_dask.mixture.variational.posterior import MixturePosterior
from gmm_dask.mixture.variational.weights import WeightDistribution


@dataclass(frozen=True)
class MixturePrior:
    """What is believed of a mixture's parameters before any row is seen.

    `mean` (d,): m_0, about the origin of z; `mean_precision`: beta_0, in rows; `degrees_of_freedom`: nu_0, more than
    d - 1; `covariance`: C_0, in the family's shape for one component. Raises UsageError for values that are no prior.
    """

    family: CovarianceFamily
    weights: WeightDistribution
    mean: Float
    mean_precision: float
    degrees_of_freedom: float
    covariance: Float

    def __post_init__(self) -> None:
        d = self.mean.size
        if self.mean.shape != (d,) or self.covariance.shape != (expected := self.family.shape(1, d)):
            raise UsageError(
                f"mean prior {self.mean.shape} and covariance prior {self.covariance.shape} do not go together",
                expected=f"shapes (d,) and {self.family.name}'s for one component: {expected} for d = {d}",
            )
        if not (self.mean_precision > 0 and np.isfinite(self.mean_precision)):
            raise UsageError(f"the mean precision prior is {self.mean_precision}", expected="a positive number")
        if not (self.degrees_of_freedom > d - 1 and np.isfinite(self.degrees_of_freedom)):
            raise UsageError(
                f"the degrees of freedom prior is {self.degrees_of_freedom} for {d} columns",
                expected=f"a number greater than {d - 1}",
            )

    def given(
        self, statistics: SufficientStatistics, regularisation: Float, previous: Float | None = None
    ) -> MixturePosterior:
        """The posterior for the responsibilities behind `statistics`.

        `regularisation` (d,) is added to the diagonals of the components' second moments, as scikit-learn does.
        `previous`: covariances to go on from, where the family has no closed form.
        """
        scatters = statistics.scatters()
        scatters = scatters + (np.diag(regularisation) if scatters.ndim == 3 else regularisation)
        return self._posterior(statistics.counts, statistics.means(), scatters, previous)

    def given_parameters(self, parameters: MixtureParameters, weight: float) -> MixturePosterior:
        """The posterior as though `weight` rows had had the moments of this mixture's components: where fits start.

        For full, tied, diag and spherical the parameters of an M-step become what its statistics would.
        """
        scatters = parameters.dense_covariances()
        if self.family.features is Features.SQUARES:
            scatters = np.diagonal(scatters, axis1=1, axis2=2)
        return self._posterior(weight * parameters.weights, parameters.means, scatters, None)

    def divergence(self, posterior: MixturePosterior) -> float:
        """Kullback-Leibler divergence of the posterior from this prior: what the evidence lower bound pays.

        Raises BadInputError where this prior's covariance matrix is singular, and so its density improper.
        """
        d, nu_0, beta_0 = self.mean.size, self.degrees_of_freedom, self.mean_precision
        nu, own, factors = posterior.degrees_of_freedom, self._factors(), posterior.factors()
        precisions, offsets = factors.precisions(), posterior.means - self.mean
        if precisions.ndim == 2:
            traces, distances = precisions @ self._scale(), (offsets**2 * precisions).sum(axis=1)
        else:
            traces = (precisions * self._scale()).sum(axis=(1, 2))
            distances = ((offsets[:, None, :] @ factors.roots)[:, 0] ** 2).sum(axis=1)
        ratios = beta_0 / posterior.mean_precisions
        gaussian = 0.5 * (d * (ratios - 1 - np.log(ratios)) + beta_0 * distances)
        wishart = (
            0.5 * (nu - nu_0) * (posterior.expected_log_wishart() - d * np.log(2))
            - 0.5 * nu_0 * (posterior.log_scale_determinants(factors) - 2 * own.log_roots[0])
            + 0.5 * (traces - nu * d)
            + multigammaln(nu_0 / 2, d)
            - multigammaln(nu / 2, d)
        )
        return posterior.weights.divergence(self.weights) + float((gaussian + wishart).sum())

    def _posterior(self, counts: Float, means: Float, scatters: Float, previous: Float | None) -> MixturePosterior:
        """From counts (k,), means (k, d) and second moments about them, (k, d, d) or for squares (k, d)."""
        mean_precisions = self.mean_precision + counts
        offsets, shrinkage = means - self.mean, counts * self.mean_precision / mean_precisions
        outer = offsets**2 if scatters.ndim == 2 else offsets[:, :, None] * offsets[:, None, :]
        degrees = self.degrees_of_freedom + counts
        if self.family.is_shared:  # one matrix, one posterior
            degrees = np.full_like(degrees, degrees.mean())
        one_each = (-1,) + (1,) * (scatters.ndim - 1)
        totals = self._scale() + counts.reshape(one_each) * scatters + shrinkage.reshape(one_each) * outer
        return MixturePosterior(
            self.family,
            self.weights.given(counts),
            self.mean + (counts / mean_precisions)[:, None] * offsets,
            mean_precisions,
            degrees,
            self.family.estimate(degrees, totals / degrees.reshape(one_each), previous),
        )

    def _scale(self) -> Float:
        """C_0 as scatters are: (d, d), or its diagonal (d,) for squares."""
        dense: Float = self.family.dense(self.covariance, 1, self.mean.size)[0]
        return np.diagonal(dense) if self.family.features is Features.SQUARES else dense

    def _factors(self) -> Factors:
        try:
            return self.family.factors(self.covariance, 1, self.mean.size)
        except SingularCovarianceError as error:
            raise BadInputError(
                "the covariance prior is not positive definite",
                advice="Leave out constant columns and those that others determine, or give another covariance_prior.",
            ) from error
