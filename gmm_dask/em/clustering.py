"""Hard clusters of a sample in memory, of which starts are made. Rows are columns of z (d, n), as in a block."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from gmm_dask.mixture import Float

_LLOYD_ITERATIONS = 20
_COLLINEAR = 1e-9  # of the largest eigenvalue of a correlation matrix: directions below hold rounding


def standardised(z: Float, weights: Float) -> Float:
    """Columns brought to unit variance, so that units do not matter."""
    deviations = np.sqrt(np.average((z - _mean(z, weights)) ** 2, axis=1, weights=weights))
    return z / np.where(deviations > 0, deviations, 1.0)[:, None]


def sphered(z: Float, weights: Float) -> Float:
    """Columns made uncorrelated and of unit variance: no linear map of the table matters.

    Long clusters side by side, which distances between rows do not tell apart, are round and far apart here.
    """
    z = standardised(z - _mean(z, weights), weights)
    correlations = (z * (weights / weights.sum())) @ z.T
    values, vectors = eigh(correlations)
    kept = values > _COLLINEAR * values[-1]
    directions = vectors[:, kept] * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))])[kept]
    round_: Float = (directions / np.sqrt(values[kept])).T @ z
    return round_


def plus_plus(z: Float, weights: Float, k: int, rng: np.random.Generator) -> Float:
    """(k, d) centres by greedy k-means++ (Arthur & Vassilvitskii 2007): of 2 + log k draws the one that helps most."""
    draws = 2 + int(np.log(k))
    centres = np.empty((k, z.shape[0]))
    centres[0] = z[:, _draw(weights, 1, rng)[0]]
    nearest = _squared_distances(z, centres[0])
    for index in range(1, k):
        drawn = _draw(weights * nearest, draws, rng)
        options = [np.minimum(nearest, _squared_distances(z, z[:, row])) for row in drawn]
        best = int(np.argmin([weights @ option for option in options]))
        centres[index], nearest = z[:, drawn[best]], options[best]
    return centres


def anywhere(z: Float, weights: Float, k: int, rng: np.random.Generator) -> Float:
    """(k, d) rows drawn by weight."""
    return np.ascontiguousarray(z[:, _draw(weights, k, rng)].T)


def lloyd(z: Float, weights: Float, centres: Float, iterations: int = _LLOYD_ITERATIONS) -> np.ndarray:
    """(n,) labels of k-means from these centres (Lloyd 1982); without iterations those of the nearest centre."""
    labels = _nearest(z, centres)
    for _ in range(iterations):
        centres = _centroids(z, weights, labels, centres)
        previous, labels = labels, _nearest(z, centres)
        if np.array_equal(previous, labels):
            break
    return labels


def _mean(z: Float, weights: Float) -> Float:
    mean: Float = np.average(z, axis=1, weights=weights)[:, None]
    return mean


def _draw(mass: Float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers with probability in proportion to mass; uniform where there is no mass left."""
    cumulative = np.cumsum(mass if mass.sum() > 0 else np.ones_like(mass))
    drawn = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
    chosen: np.ndarray = np.minimum(drawn, mass.size - 1)
    return chosen


def _squared_distances(z: Float, centre: Float) -> Float:
    """(n,) of rows z (d, n)."""
    result: Float = ((z - centre[:, None]) ** 2).sum(axis=0)
    return result


def _nearest(z: Float, centres: Float) -> np.ndarray:
    """(n,) number of the nearest of centres (k, d): that with the largest z . c - |c|^2 / 2."""
    affinities = centres @ z - 0.5 * (centres**2).sum(axis=1)[:, None]
    labels, highest = np.zeros(z.shape[1], np.int64), affinities[0]
    for number in range(1, len(centres)):
        labels[affinities[number] > highest] = number
        highest = np.maximum(highest, affinities[number])
    return labels


def _centroids(z: Float, weights: Float, labels: np.ndarray, centres: Float) -> Float:
    """(k, d) weighted means of the clusters; a cluster without rows keeps its centre."""
    membership = (labels == np.arange(len(centres))[:, None]) * weights
    mass = membership.sum(axis=1)[:, None]
    return np.where(mass > 0, (membership @ z.T) / np.maximum(mass, np.finfo(float).tiny), centres)
