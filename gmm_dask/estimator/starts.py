"""scikit-learn's starting points: the same rows and the same random numbers give the same start."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from gmm_dask.em import parameters_from_labels, parameters_from_responsibilities
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import Block, CovarianceFamily, Float, MixtureParameters

Labels = NDArray[np.int64]


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
    block = rows.block
    if method == "kmeans":
        return parameters_from_labels(block, _clusters(block, k, rng), k, family, regularisation)
    if method == "random":
        drawn = rng.uniform(size=(block.n_rows, k))
        shares = drawn / drawn.sum(axis=1, keepdims=True)
        return parameters_from_responsibilities(block, shares.T, family, regularisation)
    chosen = (_plus_plus if method == "k-means++" else _anywhere)(block, k, rng)
    return _from_single_rows(rows, chosen, family, regularisation)


def _clusters(block: Block, k: int, rng: np.random.RandomState) -> Labels:
    # Sums over threads come in no fixed order: with one, equal seeds give equal bits.
    with threadpool_limits(limits=1):
        labels: Labels = KMeans(k, n_init=1, random_state=rng).fit(_as_rows(block), sample_weight=block.weights).labels_
    return labels


def _plus_plus(block: Block, k: int, rng: np.random.RandomState) -> Labels:
    with threadpool_limits(limits=1):
        _, chosen = kmeans_plusplus(_as_rows(block), k, sample_weight=block.weights, random_state=rng)
    return np.asarray(chosen)


def _anywhere(block: Block, k: int, rng: np.random.RandomState) -> Labels:
    shares = None if block.weights is None else block.weights / block.weights.sum()
    return rng.choice(block.n_rows, size=k, replace=False, p=shares)


def _as_rows(block: Block) -> Float:
    return np.ascontiguousarray(block.z.T)


def _from_single_rows(
    rows: StartRows, chosen: Labels, family: CovarianceFamily, regularisation: Float
) -> MixtureParameters:
    """What scikit-learn makes of components that hold one row each, once whatever its weight.

    Weights are shares of all rows, and do not sum to one before the first M-step. A tied covariance matrix takes in
    the second moments of the rows that no component holds, about zero; about their mean where a large offset leaves
    nothing else of them in float64.
    """
    block, k = rows.block, len(chosen)
    alone = parameters_from_responsibilities(Block(block.z[:, chosen]), np.eye(k), family, regularisation)
    alone = replace(alone, weights=alone.weights * (k / block.weight))
    if family.name != "tied":
        return alone
    unclaimed = np.ones(block.n_rows) if block.weights is None else block.weights.copy()
    unclaimed[chosen] -= 1
    for x in (block.z + rows.shift[:, None], block.z):
        covariances = alone.covariances + (x * unclaimed) @ x.T / k
        if np.linalg.eigvalsh(covariances)[0] > 0:
            break
    return replace(alone, covariances=covariances)
