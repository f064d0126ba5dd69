"""Rows drawn from a mixture, by scikit-learn's random numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_dask.mixture import Features, Float, MixtureParameters


def draw(parameters: MixtureParameters, n: int, rng: np.random.RandomState) -> tuple[Float, NDArray[np.int64]]:
    """Rows (n, d) and the component (n,) of each, component by component."""
    counts = rng.multinomial(n, parameters.weights)
    cases = zip(parameters.means, parameters.dense_covariances(), counts, strict=True)
    if parameters.family.features is Features.SQUARES:
        d = parameters.n_columns
        drawn = [mean + rng.standard_normal((m, d)) * np.sqrt(np.diagonal(cov)) for mean, cov, m in cases]
    else:
        drawn = [rng.multivariate_normal(mean, covariance, int(count)) for mean, covariance, count in cases]
    return np.concatenate(drawn), np.repeat(np.arange(len(counts)), counts)
