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
    rows = (block.z / np.where(deviations > 0, deviations, 1.0)[:, None]).T
    weights = np.ones(block.n_rows) if block.weights is None else block.weights
    centres = _plus_plus(rows, weights, k, rng)
    labels = _nearest(rows, centres)
    for _ in range(_LLOYD_ITERATIONS if attempt % 2 == 0 else 0):
        centres = _centroids(rows, weights, labels, centres)
        previous, labels = labels, _nearest(rows, centres)
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
    """Packed weighted moments about a centre, in the order of `Features`."""
    deviation = z - centre[:, None]
    weighted = deviation * weights
    if features is Features.SQUARES:
        second = (weighted * deviation).sum(axis=1)
    else:
        a, b = np.triu_indices(z.shape[0])
        second = (weighted @ deviation.T)[a, b]
    return np.concatenate([second, weighted.sum(axis=1), [weights.sum()]])


def _plus_plus(rows: Float, weights: Float, k: int, rng: np.random.Generator) -> Float:
    """Greedy k-means++ (Arthur & Vassilvitskii 2007): of 2 + log k draws each time, the one that helps most."""
    draws = 2 + int(np.log(k))
    centres = np.empty((k, rows.shape[1]))
    centres[0] = rows[_draw(weights, 1, rng)[0]]
    nearest = _squared_distances(rows, centres[0])
    for index in range(1, k):
        drawn = _draw(weights * nearest, draws, rng)
        options = [np.minimum(nearest, _squared_distances(rows, rows[row])) for row in drawn]
        best = int(np.argmin([weights @ option for option in options]))
        centres[index], nearest = rows[drawn[best]], options[best]
    return centres


def _draw(mass: Float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers with probability in proportion to mass; uniform where there is no mass left."""
    cumulative = np.cumsum(mass if mass.sum() > 0 else np.ones_like(mass))
    drawn = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
    chosen: np.ndarray = np.minimum(drawn, mass.size - 1)
    return chosen


def _squared_distances(rows: Float, centre: Float) -> Float:
    result: Float = ((rows - centre) ** 2).sum(axis=1)
    return result


def _nearest(rows: Float, centres: Float) -> np.ndarray:
    labels: np.ndarray = np.argmin(np.stack([_squared_distances(rows, centre) for centre in centres]), axis=0)
    return labels


def _centroids(rows: Float, weights: Float, labels: np.ndarray, centres: Float) -> Float:
    """Weighted means of the clusters; a cluster without rows keeps its centre."""
    k = centres.shape[0]
    mass = np.bincount(labels, weights, minlength=k)
    sums = np.stack([np.bincount(labels, weights * column, minlength=k) for column in rows.T], axis=1)
    return np.where(mass[:, None] > 0, sums / np.maximum(mass, np.finfo(float).tiny)[:, None], centres)
