"""Clusters by merging many small ones, two at a time, for the least loss of likelihood.

Model-based agglomeration (Banfield & Raftery 1993; Fraley 1998) for Gaussians of any covariance matrix, begun not from
single rows but from small k-means clusters, so that its cost does not grow with the rows: it needs only the number,
mean and scatter of each. One hierarchy serves all numbers of clusters. It finds long and crossing clusters that
distances to centres cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmm_dask.em.clustering import lloyd, plus_plus
from gmm_dask.mixture import Float

_MANY, _MOST, _LLOYD_ITERATIONS = 60, 100, 10


@dataclass(frozen=True)
class Hierarchy:
    """`labels` (n,): the small cluster of each row. `merges`: pairs (a, b), a < b, of which b goes into a, in order."""

    labels: np.ndarray
    n_small: int
    merges: tuple[tuple[int, int], ...]

    def cut(self, k: int) -> np.ndarray:
        """(n,) labels of k clusters; of fewer where there are not so many small ones."""
        belongs = np.arange(self.n_small)
        for a, b in self.merges[: max(self.n_small - k, 0)]:
            belongs[belongs == b] = a
        _, numbers = np.unique(belongs, return_inverse=True)
        cut: np.ndarray = numbers[self.labels]
        return cut


def agglomerated(z: Float, weights: Float, ks: Sequence[int], rng: np.random.Generator) -> Hierarchy:
    """The hierarchy of rows z (d, n), which are best sphered, to be cut at any of `ks`."""
    n_small = min(max(_MANY, 3 * max(ks)), max(_MOST, max(ks)), z.shape[1])
    labels = lloyd(z, weights, plus_plus(z, weights, n_small, rng), _LLOYD_ITERATIONS)
    _, labels = np.unique(labels, return_inverse=True)  # clusters that lost all rows leave no number behind
    clusters = _Clusters.of(z, weights, labels)
    merges = clusters.merged_down_to(min(ks))
    return Hierarchy(labels, len(clusters.counts), tuple(merges))


@dataclass(frozen=True)
class _Clusters:
    """Counts (m,), means (m, d) and scatters about them (m, d, d) of clusters; `prior` (d, d) is added to scatters for
    `prior_count` rows, so that few rows have a covariance matrix too."""

    counts: Float
    means: Float
    scatters: Float
    prior: Float
    prior_count: float

    @classmethod
    def of(cls, z: Float, weights: Float, labels: np.ndarray) -> _Clusters:
        m, d = int(labels.max()) + 1, z.shape[0]
        membership = (labels == np.arange(m)[:, None]) * weights
        counts: Float = membership.sum(axis=1)
        means: Float = membership @ z.T / counts[:, None]
        scatters = np.empty((m, d, d))
        for cluster in range(m):
            rows = labels == cluster
            deviations = z[:, rows] - means[cluster][:, None]
            scatters[cluster] = (deviations * weights[rows]) @ deviations.T
        prior = scatters.sum(axis=0) / counts.sum() + 1e-9 * np.eye(d)
        return cls(counts, means, scatters, prior, d + 2.0)

    def merged_down_to(self, k: int) -> list[tuple[int, int]]:
        """The merges, each of the pair that loses least log-likelihood of rows and labels together."""
        counts, means, scatters = self.counts.copy(), self.means.copy(), self.scatters.copy()
        alive = np.ones(len(counts), bool)
        own = self._log_likelihoods(counts, scatters)
        losses = np.full((len(counts), len(counts)), np.inf)
        for a in range(len(counts) - 1):
            losses[a, a + 1 :] = self._losses(a, np.arange(a + 1, len(counts)), counts, means, scatters, own)
        merges = []
        for _ in range(len(counts) - k):
            a, b = (int(place) for place in np.unravel_index(losses.argmin(), losses.shape))
            merges.append((a, b))
            counts[a], means[a], scatters[a] = (each[0] for each in _joined(a, np.array([b]), counts, means, scatters))
            own[a] = self._log_likelihoods(counts[a : a + 1], scatters[a : a + 1])[0]
            alive[b] = False
            losses[b], losses[:, b] = np.inf, np.inf
            others = np.flatnonzero(alive & (np.arange(len(counts)) != a))
            found = self._losses(a, others, counts, means, scatters, own)
            losses[np.minimum(a, others), np.maximum(a, others)] = found
        return merges

    def _losses(self, a: int, others: np.ndarray, counts: Float, means: Float, scatters: Float, own: Float) -> Float:
        together, _, within = _joined(a, others, counts, means, scatters)
        lost: Float = own[a] + own[others] - self._log_likelihoods(together, within)
        return lost

    def _log_likelihoods(self, counts: Float, scatters: Float) -> Float:
        """(m,) classification log-likelihoods, less constants: n log n - n log|Sigma| / 2."""
        covariances = (scatters + self.prior_count * self.prior) / (counts + self.prior_count)[:, None, None]
        values: Float = counts * (np.log(counts) - 0.5 * np.linalg.slogdet(covariances)[1])
        return values


def _joined(a: int, others: np.ndarray, counts: Float, means: Float, scatters: Float) -> tuple[Float, Float, Float]:
    """Counts, means and scatters of cluster a joined with each of the others."""
    together = counts[a] + counts[others]
    apart = means[others] - means[a]
    middle = means[a] + (counts[others] / together)[:, None] * apart
    between = (counts[a] * counts[others] / together)[:, None, None] * apart[:, :, None] * apart[:, None, :]
    return together, middle, scatters[a] + scatters[others] + between
