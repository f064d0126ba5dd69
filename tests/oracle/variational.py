"""What a variational bound is the expectation of: by drawing parameters, and in one dimension by quadrature.

Nothing here knows of digamma functions or of divergences in closed form.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln
from scipy.stats import beta, dirichlet, gamma, norm, wishart

from gmm_dask.mixture.variational import Dirichlet


def log_ratios(rng, prior, posterior, rows, assigned, n):
    """log p(rows, assignments, parameters) - log q(assignments, parameters) for n draws of the parameters from q, (n,).

    `assigned`: responsibilities (k, rows), over which the mean is taken.
    """
    k, d = posterior.means.shape
    log_weights, ratios = weight_draws(rng, prior.weights, posterior.weights, n)
    ratios += log_weights @ assigned.sum(axis=1) - (assigned * np.log(assigned)).sum()
    prior_scale = np.linalg.inv(prior.family.dense(prior.covariance, 1, d)[0])
    for j, covariance in enumerate(posterior.family.dense(posterior.covariances, k, d)):
        q = wishart(posterior.degrees_of_freedom[j], np.linalg.inv(covariance * posterior.degrees_of_freedom[j]))
        precisions = q.rvs(size=n, random_state=rng)
        along = np.moveaxis(precisions, 0, -1)
        ratios += wishart.logpdf(along, prior.degrees_of_freedom, prior_scale) - q.logpdf(along)
        roots = np.linalg.cholesky(np.linalg.inv(precisions) / posterior.mean_precisions[j])
        means = posterior.means[j] + (roots @ rng.normal(size=(n, d, 1)))[:, :, 0]
        ratios += log_normal(means, prior.mean, prior.mean_precision * precisions)
        ratios -= log_normal(means, posterior.means[j], posterior.mean_precisions[j] * precisions)
        for row, share in zip(rows, assigned[j], strict=True):
            ratios += share * log_normal(row, means, precisions)
    return ratios


def log_normal(z, mean, precisions):
    """Log densities for precision matrices (n, d, d)."""
    offsets = np.broadcast_to(z - mean, precisions.shape[:2])
    _, log_determinants = np.linalg.slogdet(precisions / (2 * np.pi))
    return 0.5 * (log_determinants - np.einsum("na,nab,nb->n", offsets, precisions, offsets))


def weight_draws(rng, prior, posterior, n):
    """Log weights (n, k) from the posterior, and by how much the prior's log density is above the posterior's, (n,)."""
    if isinstance(posterior, Dirichlet):
        drawn = rng.dirichlet(posterior.concentration, size=n)
        ratios = dirichlet.logpdf(drawn.T, prior.concentration) - dirichlet.logpdf(drawn.T, posterior.concentration)
        return np.log(drawn), ratios
    drawn = rng.beta(posterior.taken, posterior.left, size=(n, len(posterior.left)))
    ratios = beta.logpdf(drawn, prior.taken, prior.left) - beta.logpdf(drawn, posterior.taken, posterior.left)
    rest = np.cumsum(np.log1p(-drawn), axis=1)[:, :-1]
    return np.log(drawn) + np.column_stack([np.zeros(n), rest]), ratios.sum(axis=1)


STEP = 0.01
GRID = np.arange(-40, 40, STEP)
"""For functions that are smooth and vanish towards both ends, sums are as good as integrals."""


def joint_by_quadrature(prior, posterior, column):
    """For two components over one column (n,): expected log joint densities (2, n), and the mean of log prior - log
    posterior of all parameters."""
    log_weights, difference = weights_by_quadrature(prior.weights, posterior.weights)
    joint = np.empty((2, len(column)))
    for j in range(2):
        degrees, precision_share = posterior.degrees_of_freedom[j], posterior.mean_precisions[j]
        p = gamma(prior.degrees_of_freedom / 2, scale=2 / prior.covariance[0, 0, 0])
        q = gamma(degrees / 2, scale=2 / (degrees * posterior.covariances[j, 0, 0]))
        precisions = np.exp(GRID)[:, None]
        standard, share = np.polynomial.hermite_e.hermegauss(6)  # exact to the eleventh power
        means = posterior.means[j, 0] + standard / np.sqrt(precision_share * precisions)
        mass = q.pdf(precisions) * precisions * STEP * share / share.sum()
        np.testing.assert_allclose(mass.sum(), 1, atol=1e-12)
        of_prior = p.logpdf(precisions) + _log_normal(means, prior.mean[0], prior.mean_precision * precisions)
        of_q = q.logpdf(precisions) + _log_normal(means, posterior.means[j, 0], precision_share * precisions)
        difference += (mass * (of_prior - of_q)).sum()
        joint[j] = [log_weights[j] + (mass * _log_normal(value, means, precisions)).sum() for value in column]
    return joint, difference


def _log_normal(z, mean, precision):
    return norm.logpdf(z, mean, 1 / np.sqrt(precision))


def weights_by_quadrature(prior, posterior):
    """Expected log weights of two components, and the mean of log prior - log posterior."""
    logs, difference = [], 0.0
    for before, after in zip(sticks_of(prior), sticks_of(posterior), strict=True):
        log_taken, log_left = -np.logaddexp(0, -GRID), -np.logaddexp(0, GRID)
        densities = [(a - 1) * log_taken + (b - 1) * log_left - betaln(a, b) for a, b in (before, after)]
        mass = np.exp(densities[1] + log_taken + log_left) * STEP
        np.testing.assert_allclose(mass.sum(), 1, atol=1e-12)
        logs.append((mass @ log_taken, mass @ log_left))
        difference += mass @ (densities[0] - densities[1])
    if isinstance(prior, Dirichlet):
        return logs[0], difference
    return (logs[0][0], logs[0][1] + logs[1][0]), difference


def sticks_of(weights):
    """Parameters of beta distributions; two weights that sum to one are a single stick."""
    if isinstance(weights, Dirichlet):
        return [weights.concentration]
    return np.transpose([weights.taken, weights.left])
