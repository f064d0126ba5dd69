"""Random mixtures and rows from them, for tests."""

from __future__ import annotations

import numpy as np

from gmm_dask.mixture import MixtureParameters


def random_mixture(rng, family, k, d, *, separation=3.0):
    """Well-conditioned random parameters of a family."""
    factors = rng.normal(size=(k, d, d)) / np.sqrt(d)
    dense = factors @ factors.transpose(0, 2, 1) + 0.3 * np.eye(d)
    covariances = {
        "full": dense,
        "tied": dense[0],
        "diag": np.diagonal(dense, axis1=1, axis2=2).copy(),
        "spherical": np.diagonal(dense, axis1=1, axis2=2).mean(axis=1),
    }[family.name]
    weights = rng.dirichlet(np.full(k, 5.0))
    return MixtureParameters(family, weights, separation * rng.normal(size=(k, d)), covariances)


def sample_rows(rng, parameters, n):
    """(n, d) rows drawn from the mixture."""
    labels = rng.choice(parameters.n_components, size=n, p=parameters.weights)
    roots = np.linalg.cholesky(parameters.dense_covariances())
    noise = rng.normal(size=(n, parameters.n_columns))
    return parameters.means[labels] + np.einsum("nab,nb->na", roots[labels], noise)
