"""Where candidates start: hard clusters of a sample, turned into parameters by an M-step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmm_dask.em.agglomeration import Hierarchy, agglomerated
from gmm_dask.em.clustering import anywhere, lloyd, plus_plus, sphered, standardised
from gmm_dask.mixture import Block, CovarianceFamily, Features, Float, MixtureParameters, SufficientStatistics, m_step

_STREAM = 1  # the stage number of starts in seed sequences


@dataclass(frozen=True)
class Starts:
    """Hard clusters of a sample: the first attempt by agglomeration, the others from k-means++ and by chance, in turn
    in each of several coordinates.

    `spaces`: the sample's rows (d, n) sphered, standardised, and as they are (which families of one scale need).
    """

    spaces: tuple[Float, ...]
    weights: Float
    hierarchy: Hierarchy
    seed: int

    @classmethod
    def of(cls, block: Block, ks: Sequence[int], seed: int) -> Starts:
        """Starts for any of `ks` clusters of a sample in memory. The random streams derive from the seed alone."""
        z, weights = block.dense(), np.ones(block.n_rows) if block.weights is None else block.weights
        round_ = sphered(z, weights)
        hierarchy = agglomerated(round_, weights, ks, np.random.default_rng(np.random.SeedSequence([seed, _STREAM])))
        return cls((round_, standardised(z, weights), z), weights, hierarchy, seed)

    def labels(self, k: int, attempt: int) -> np.ndarray:
        """(n,) cluster of each row."""
        if attempt == 0:
            return self.hierarchy.cut(k)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, _STREAM, k, attempt]))
        manner, space = divmod(attempt - 1, len(self.spaces))
        z = self.spaces[space]
        match manner % 3:
            case 0:
                return lloyd(z, self.weights, plus_plus(z, self.weights, k, rng))
            case 1:
                return lloyd(z, self.weights, plus_plus(z, self.weights, k, rng), iterations=0)
            case _:
                return lloyd(z, self.weights, anywhere(z, self.weights, k, rng), iterations=0)


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
