"""Where candidates start: hard clusters of a sample, turned into parameters by an M-step."""

from __future__ import annotations

import numpy as np

from gmm_dask.mixture import Block, CovarianceFamily, Features, Float, MixtureParameters, SufficientStatistics, m_step

_LLOYD_ITERATIONS = 20
_STREAM = 1  # the stage number of starts in seed sequences


def start_labels(block: Block, k: int, *, seed: int, attempt: int) -> np.ndarray:
    """(n,) hard cluster of each row of a sample: k-means++ seeds, on even attempts followed by Lloyd iterations.

    Columns are brought to unit variance first, so that units do not matter. The random stream derives from (seed, k,
    attempt) alone.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, _STREAM, k, attempt]))
    deviations = block.z.std(axis=1)
    z = block.z / np.where(deviations > 0, deviations, 1.0)[:, None]
    weights = np.ones(block.n_rows) if block.weights is None else block.weights
    centres = _plus_plus(z, weights, k, rng)
    labels = _nearest(z, centres)
    for _ in range(_LLOYD_ITERATIONS if attempt % 2 == 0 else 0):
        centres = _centroids(z, weights, labels, centres)
        previous, labels = labels, _nearest(z, centres)
        if np.array_equal(previous, labels):
            break
    return labels


def parameters_from_responsibilities(
    block: Block, responsibilities: Float, family: CovarianceFamily, regularisation: Float
) -> MixtureParameters:
    """The M-step for given responsibilities (k, n)."""
    weighted = responsibilities if block.weights is None else responsibilities * block.weights
    centres = (weighted @ block.z.T) / np.maximum(weighted.sum(axis=1), np.finfo(float).tiny)[:, None]
    moments = np.stack([_moments(family.features, block.z, r, c) for r, c in zip(weighted, centres, strict=True)])
    statistics = SufficientStatistics(family.features, moments, centres, 0.0, 0.0, block.weight, block.n_rows)
    return m_step(statistics, family, regularisation)


def parameters_from_labels(
    block: Block, labels: np.ndarray, k: int, family: CovarianceFamily, regularisation: Float
) -> MixtureParameters:
    """The M-step for hard clusters (n,)."""
    return parameters_from_responsibilities(
        block, (labels == np.arange(k)[:, None]).astype(np.float64), family, regularisation
    )


def _moments(features: Features, z: Float, weights: Float, centre: Float) -> Float:
    """Packed weighted moments about a centre, in the order of `Features`; rows of weight 0 take no time."""
    if not weights.all():
        taken = np.flatnonzero(weights)
        z, weights = z[:, taken], weights[taken]
    deviation = z - centre[:, None]
    weighted = deviation * weights
    if features is Features.SQUARES:
        second = (weighted * deviation).sum(axis=1)
    else:
        a, b = np.triu_indices(z.shape[0])
        second = (weighted @ deviation.T)[a, b]
    return np.concatenate([second, weighted.sum(axis=1), [weights.sum()]])


def _plus_plus(z: Float, weights: Float, k: int, rng: np.random.Generator) -> Float:
    """Greedy k-means++ (Arthur & Vassilvitskii 2007): of 2 + log k draws each time, the one that helps most. (k, d)"""
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
