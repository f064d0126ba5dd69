"""scikit-learn's starting points: the same rows and the same random numbers give the same start."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from gmm_dask.em import parameters_from_responsibilities
from gmm_dask.engine import one_blas_thread
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import Block, CovarianceFamily, Float, MixtureParameters

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class StartRows:
    """The rows that starts are found on: a block of z = x - shift, none of weight zero, and shift (d,)."""

    block: Block
    shift: Float

    @classmethod
    def of(cls, block: Block, shift: Float, k: int) -> StartRows:
        """Leaves out rows of weight zero. Raises BadInputError if fewer than `k` are left."""
        if block.weights is not None and not block.weights.all():
            counts = block.weights > 0
            block = Block(np.ascontiguousarray(block.z[:, counts]), block.weights[counts])
        if block.n_rows < k:
            raise BadInputError(
                f"{block.n_rows} rows of positive weight were found to start {k} components from",
                expected="at least as many rows as components",
                advice="Ask for fewer components, or leave rows of weight zero out of X.",
            )
        return cls(block, shift)


def start(
    method: str, rows: StartRows, k: int, family: CovarianceFamily, regularisation: Float, rng: np.random.RandomState
) -> MixtureParameters:
    """One start by a value of `init_params`, about the shift. `rng` moves on as it does in scikit-learn."""
    # Over several threads of BLAS and OpenMP, sums come in no fixed order: over one, equal seeds give equal bits.
    with one_blas_thread(), threadpool_limits(limits=1, user_api="openmp"):
        if method in _CHOICES:
            return _from_single_rows(rows, _CHOICES[method](rows.block, k, rng), family, regularisation)
        responsibilities = _MEMBERSHIPS[method](rows.block, k, rng)
        return parameters_from_responsibilities(rows.block, responsibilities, family, regularisation)


def _by_kmeans(block: Block, k: int, rng: np.random.RandomState) -> Float:
    clusters = KMeans(k, n_init=1, random_state=rng).fit(_as_rows(block), sample_weight=block.weights)
    memberships: Float = (clusters.labels_ == np.arange(k)[:, None]).astype(np.float64)
    return memberships


def _by_chance(block: Block, k: int, rng: np.random.RandomState) -> Float:
    drawn = rng.uniform(size=(block.n_rows, k))
    shares: Float = drawn / drawn.sum(axis=1, keepdims=True)
    return shares.T


def _far_apart(block: Block, k: int, rng: np.random.RandomState) -> Indices:
    _, chosen = kmeans_plusplus(_as_rows(block), k, sample_weight=block.weights, random_state=rng)
    return np.asarray(chosen)


def _anywhere(block: Block, k: int, rng: np.random.RandomState) -> Indices:
    shares = None if block.weights is None else block.weights / block.weights.sum()
    return rng.choice(block.n_rows, size=k, replace=False, p=shares)


_MEMBERSHIPS = {"kmeans": _by_kmeans, "random": _by_chance}
"""Methods that give responsibilities (k, n) to all rows."""

_CHOICES = {"k-means++": _far_apart, "random_from_data": _anywhere}
"""Methods that choose one row for each component, by its index."""


def _as_rows(block: Block) -> Float:
    return np.ascontiguousarray(block.z.T)


def _from_single_rows(
    rows: StartRows, chosen: Indices, family: CovarianceFamily, regularisation: Float
) -> MixtureParameters:
    """What scikit-learn makes of components that hold one row each, with its weight up to 1.

    Weights are shares of all rows, and do not sum to one before the first M-step. A shared covariance matrix takes in
    the second moments of the rows that no component holds, about zero; about their mean where a large offset leaves
    nothing else of them in float64.
    """
    block = rows.block
    unclaimed = np.ones(block.n_rows) if block.weights is None else block.weights.copy()
    claimed = np.minimum(unclaimed[chosen], 1.0)
    unclaimed[chosen] -= claimed
    single = Block(block.z[:, chosen], claimed)
    alone = parameters_from_responsibilities(single, np.eye(len(chosen)), family, regularisation)
    alone = replace(alone, weights=claimed / block.weight)
    if not family.is_shared:
        return alone
    for x in (block.z + rows.shift[:, None], block.z):
        covariances = alone.covariances + (x * unclaimed) @ x.T / claimed.sum()
        if np.linalg.eigvalsh(covariances)[0] > 0:
            break
    return replace(alone, covariances=covariances)
