"""Random mixtures and rows from them, for tests."""

from __future__ import annotations

import numpy as np

from gmm_dask.mixture import Features, MixtureParameters


def random_matrices(rng, k, d):
    """(k, d, d) well-conditioned covariance matrices of no family in particular."""
    factors = rng.normal(size=(k, d, d)) / np.sqrt(d)
    return factors @ factors.transpose(0, 2, 1) + 0.3 * np.eye(d)


def as_scatters(family, matrices):
    """Matrices (k, d, d) as a family's M-step takes them: whole, or their diagonals (k, d)."""
    return matrices if family.features is Features.QUADRATIC else np.diagonal(matrices, axis1=1, axis2=2).copy()


def expected_log_likelihood(counts, matrices, dense):
    """What an M-step maximises, per row and but for a constant, for covariances (k, d, d), of counts (k,) and second
    moments (k, d, d)."""
    log_dets = np.linalg.slogdet(dense)[1]
    traces = np.trace(np.linalg.solve(dense, matrices), axis1=1, axis2=2)
    return -0.5 * (counts / counts.sum()) @ (log_dets + traces)


def random_mixture(rng, family, k, d, *, separation=3.0):
    """Well-conditioned random parameters of a family."""
    covariances = family.estimate(np.ones(k), as_scatters(family, random_matrices(rng, k, d)))
    weights = rng.dirichlet(np.full(k, 5.0))
    return MixtureParameters(family, weights, separation * rng.normal(size=(k, d)), covariances)


def sample_rows(rng, parameters, n):
    """(n, d) rows drawn from the mixture."""
    labels = rng.choice(parameters.n_components, size=n, p=parameters.weights)
    roots = np.linalg.cholesky(parameters.dense_covariances())
    noise = rng.normal(size=(n, parameters.n_columns))
    return parameters.means[labels] + np.einsum("nab,nb->na", roots[labels], noise)
