"""scikit-learn's starting points: the same rows and the same random numbers give the same start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from gmm_dask.em import parameters_from_responsibilities
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import Block, CovarianceFamily, Float, MixtureParameters


def start(
    method: str, block: Block, k: int, family: CovarianceFamily, regularisation: Float, rng: np.random.RandomState
) -> MixtureParameters:
    """One start from all rows of a block, by a value of `init_params`. `rng` moves on as it does in scikit-learn.

    As there, weights are shares of all rows; where single rows make the components they do not sum to one, until
    the first M-step. Raises BadInputError for fewer rows of positive weight than components.
    """
    block = _rows_that_count(block, k)
    responsibilities = _RESPONSIBILITIES[method](block, k, rng)
    mass = float((responsibilities if block.weights is None else responsibilities * block.weights).sum())
    parameters = parameters_from_responsibilities(block, responsibilities, family, regularisation)
    return replace(parameters, weights=parameters.weights * (mass / block.weight))


def _rows_that_count(block: Block, k: int) -> Block:
    """The block without its rows of weight zero."""
    if block.weights is not None and not block.weights.all():
        there = block.weights > 0
        block = Block(np.ascontiguousarray(block.z[:, there]), block.weights[there])
    if block.n_rows < k:
        raise BadInputError(
            f"{block.n_rows} rows of positive weight were found to start {k} components from",
            expected="at least as many rows as components",
            advice="Ask for fewer components, or leave out rows of weight zero.",
        )
    return block


def _by_kmeans(block: Block, k: int, rng: np.random.RandomState) -> Float:
    # Sums over threads come in no fixed order: with one, equal seeds give equal bits.
    with threadpool_limits(limits=1):
        clusters = KMeans(k, n_init=1, random_state=rng).fit(_as_rows(block), sample_weight=block.weights)
    return (clusters.labels_ == np.arange(k)[:, None]).astype(np.float64)


def _by_plus_plus(block: Block, k: int, rng: np.random.RandomState) -> Float:
    with threadpool_limits(limits=1):
        _, chosen = kmeans_plusplus(_as_rows(block), k, sample_weight=block.weights, random_state=rng)
    return _single_rows(block, chosen)


def _by_random_rows(block: Block, k: int, rng: np.random.RandomState) -> Float:
    shares = None if block.weights is None else block.weights / block.weights.sum()
    return _single_rows(block, rng.choice(block.n_rows, size=k, replace=False, p=shares))


def _by_chance(block: Block, k: int, rng: np.random.RandomState) -> Float:
    drawn = rng.uniform(size=(block.n_rows, k))
    return np.ascontiguousarray((drawn / drawn.sum(axis=1, keepdims=True)).T)


_RESPONSIBILITIES = {
    "kmeans": _by_kmeans,
    "k-means++": _by_plus_plus,
    "random_from_data": _by_random_rows,
    "random": _by_chance,
}


def _single_rows(block: Block, chosen: np.ndarray) -> Float:
    """Responsibilities (k, n) of components that each hold one row, once whatever the row's weight."""
    responsibilities = np.zeros((len(chosen), block.n_rows))
    responsibilities[np.arange(len(chosen)), chosen] = 1.0 if block.weights is None else 1 / block.weights[chosen]
    return responsibilities


def _as_rows(block: Block) -> Float:
    return np.ascontiguousarray(block.z.T)
