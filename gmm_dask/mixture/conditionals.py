"""What observed columns say about missing ones, component by component."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from gmm_dask.mixture.features import Float
from gmm_dask.mixture.parameters import MixtureParameters


@dataclass(frozen=True)
class Conditionals:
    """p(z_m | z_o, component): Gaussian with mean offsets + coefficients z_o and a covariance free of z_o.

    `offsets` (k, m), `coefficients` (k, m, o), `covariances` (k, m, m), for m missing and o observed columns.
    """

    offsets: Float
    coefficients: Float
    covariances: Float

    def means(self, z_observed: Float) -> Float:
        """(k, m, n) conditional means for rows z_o (o, n)."""
        result: Float = self.offsets[:, :, None] + self.coefficients @ z_observed
        return result

    @property
    def variances(self) -> Float:
        """(k, m) conditional variances; cancellation in nearly singular matrices does not take them below zero."""
        return np.maximum(np.diagonal(self.covariances, axis1=1, axis2=2), 0.0)


def conditionals(parameters: MixtureParameters, observed: np.ndarray, missing: np.ndarray) -> Conditionals:
    """The conditionals of `missing` given `observed` (index arrays), by the regression form of the Gaussian.

    mu_m|o = mu_m + Sigma_mo Sigma_oo^-1 (z_o - mu_o), Sigma_m|o = Sigma_mm - Sigma_mo Sigma_oo^-1 Sigma_om
    (Anderson 2003, section 2.5). With nothing observed these are the marginals.
    """
    k, o, m = parameters.n_components, observed.size, missing.size
    covariances = parameters.dense_covariances()
    coefficients, conditional = np.zeros((k, m, o)), np.empty((k, m, m))
    for component, covariance in enumerate(covariances):
        cross = covariance[np.ix_(missing, observed)]
        if o:
            factor = cho_factor(covariance[np.ix_(observed, observed)], lower=True)
            coefficients[component] = cho_solve(factor, cross.T).T
        conditional[component] = covariance[np.ix_(missing, missing)] - coefficients[component] @ cross.T
    offsets = parameters.means[:, missing] - np.einsum("kmo,ko->km", coefficients, parameters.means[:, observed])
    return Conditionals(offsets, coefficients, conditional)
