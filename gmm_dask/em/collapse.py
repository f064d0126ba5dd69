"""Recognising a component that has collapsed onto a spike."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigvalsh

from gmm_dask.mixture import Float, MixtureParameters, SufficientStatistics

SPIKE = 20.0
"""A component is a spike where its variance in some direction is below this many times the regularisation's share of
the whole table's variance in that direction."""

FEWEST_ROWS = 2.0
"""A component that holds less than this many rows (of average weight) describes no group."""


def has_collapsed(parameters: MixtureParameters, statistics: SufficientStatistics, regularisation: Float) -> bool:
    """Whether a component holds almost no rows, or has almost no variance in a direction in which the table has some.

    Without regularisation the yardstick is the rounding of float64. Columns that are collinear in the whole table are
    no sign of collapse: the comparison is with the table's covariance in the same direction.
    """
    if parameters.n_components == 1:
        return False
    if statistics.counts.min() * statistics.n_rows < FEWEST_ROWS * statistics.weight:
        return True
    total = _total_covariance(parameters)
    share = float(np.mean(regularisation / np.diagonal(total)))
    least = SPIKE * max(share, float(np.finfo(np.float64).eps))
    dense = parameters.dense_covariances()
    return any(_smallest_ratio(covariance, total) < least for covariance in dense)


def _total_covariance(parameters: MixtureParameters) -> Float:
    """Covariance of the mixture as a whole: within plus between components."""
    centre = parameters.weights @ parameters.means
    offsets = parameters.means - centre
    between: Float = (parameters.weights[:, None] * offsets).T @ offsets
    within: Float = np.einsum("k,kab->ab", parameters.weights, parameters.dense_covariances())
    return within + between


def _smallest_ratio(covariance: Float, total: Float) -> float:
    """Least variance of a component relative to the table's, over all directions (generalised eigenvalue)."""
    scale = 1 / np.sqrt(np.diagonal(total))
    scaled = scale[:, None] * total * scale
    floor = 1e-12 * np.eye(scale.size)  # columns collinear to rounding must not make the yardstick singular
    return float(eigvalsh(scale[:, None] * covariance * scale, scaled + floor, subset_by_index=[0, 0])[0])
