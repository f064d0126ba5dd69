"""Merging components into clusters by entropy: what a pass over the rows has to find, and what follows from it.

Several components may describe one cluster that is not Gaussian. Clusters that rows are in doubt between are merged,
two at a time: the two whose merging takes most from the entropy of the assignment, until one is left (Baudry, Raftery,
Celeux, Lo & Gottardo 2010, "Combining mixture components for clustering", Journal of Computational and Graphical
Statistics 19:332-353, section 3). The density stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from gmm_dask.mixture.features import Float

Labels = NDArray[np.int64]

NOTHING_TO_MERGE = 1e-3
"""Entropy per row, in nats, below which no cluster is in doubt: an elbow among such numbers is one of rounding."""

_AT_A_TIME = 4096  # rows whose responsibilities stay in the caches while all pairs are looked at


@dataclass(frozen=True)
class Ambiguity:
    """How much rows are in doubt among k clusters: a commutative monoid over disjoint sets of rows, under `merge`.

    With t_ic the probability that row i belongs to cluster c: `entropy` is -sum_i w_i sum_c t_ic log t_ic in nats.
    `falls` (m, k): by how much it falls if the a-th of m clusters is merged with cluster c (of no meaning for itself).
    `sizes` (k,): the weight of the rows that most likely belong to each cluster.
    """

    entropy: float
    falls: Float
    sizes: Float

    def merge(self, other: Ambiguity) -> Ambiguity:
        """That of both sets of rows together."""
        return Ambiguity(self.entropy + other.entropy, self.falls + other.falls, self.sizes + other.sizes)


def ambiguity(responsibilities: Float, weights: Float | None, labels: Labels, of: Sequence[int]) -> Ambiguity:
    """The ambiguity of n rows, from responsibilities (K, n) and row weights (n,), all ones where there are none.

    `labels` (K,): the cluster of each component, 0 to k - 1. `of`: the m clusters whose merging is looked into.
    """
    k, n = int(labels.max()) + 1, responsibilities.shape[1]
    total = Ambiguity(0.0, np.zeros((len(of), k)), np.zeros(k))
    for start in range(0, n, _AT_A_TIME):
        rows = slice(start, min(start + _AT_A_TIME, n))
        mass = np.ones(rows.stop - start) if weights is None else weights[rows]
        total = total.merge(_of_few(_summed(responsibilities[:, rows], labels, k), mass, of))
    return total


def _of_few(t: Float, weights: Float, of: Sequence[int]) -> Ambiguity:
    """The same from the probabilities of clusters (k, n)."""
    alone = xlogy(t, t)
    own = alone @ weights
    falls = np.stack([_together(t, a) @ weights - own - own[a] for a in of])
    sizes: Float = np.bincount(t.argmax(axis=0), weights, minlength=len(t)).astype(np.float64)
    return Ambiguity(-float(own.sum()), falls, sizes)


def _together(t: Float, a: int) -> Float:
    """(k, n) t log t for each cluster with cluster a."""
    both: Float = t + t[a]
    xlogy(both, both, out=both)
    return both


def _summed(responsibilities: Float, labels: Labels, k: int) -> Float:
    """(k, n) responsibilities of clusters."""
    summed = np.zeros((k, responsibilities.shape[1]))
    for label, row in zip(labels, responsibilities, strict=True):
        summed[label] += row
    return summed


@dataclass(frozen=True)
class Clusters:
    """K components as k clusters, numbered by the first of their components.

    `labels` (K,): the cluster of each component. `entropy`: of the assignment of all rows, in nats. `sizes` (k,): the
    weight of the rows that most likely belong to each. `joined`: the two of k + 1 clusters that were merged into the
    first of them to come here; None where every component is a cluster.
    """

    labels: Labels
    entropy: float
    sizes: Float
    joined: tuple[int, int] | None = None

    @property
    def n_clusters(self) -> int:
        return len(self.sizes)


@dataclass(frozen=True)
class Hierarchy:
    """All merged solutions, from one cluster up to one per component."""

    levels: tuple[Clusters, ...]

    @property
    def entropies(self) -> Float:
        """(K,), of 1 to K clusters."""
        return np.array([level.entropy for level in self.levels])

    @property
    def suggested(self) -> int:
        """The number of clusters at the elbow of the entropy; all components where there is no doubt to speak of."""
        per_row = self.levels[-1].entropy / self.levels[0].sizes[0]
        return len(self.levels) if per_row < NOTHING_TO_MERGE else elbow(self.entropies)


def merged_by_entropy(n_components: int, observe: Callable[[Labels, Sequence[int]], Ambiguity]) -> Hierarchy:
    """Merge components two by two until one cluster is left. `observe`: a pass over all rows, as `ambiguity`.

    Takes K - 1 passes (at least one): the first looks into every pair of components, each later one into the pairs of
    the cluster that was made last. A tie goes to the first pair.
    """
    seen = observe(np.arange(n_components), range(n_components))
    falls, levels = seen.falls, [Clusters(np.arange(n_components), seen.entropy, seen.sizes)]
    while (k := levels[-1].n_clusters - 1) > 0:
        upper = np.where(np.triu(np.ones(falls.shape, bool), 1), falls, -np.inf)
        a, b = (int(i) for i in np.unravel_index(upper.argmax(), upper.shape))
        labels = _joined(levels[-1].labels, a, b)
        falls = np.delete(np.delete(falls, b, axis=0), b, axis=1)
        if k == 1:
            levels.append(Clusters(labels, 0.0, seen.sizes.sum(keepdims=True), (a, b)))
            break
        seen = observe(labels, [a])
        falls[a] = falls[:, a] = seen.falls[0]
        levels.append(Clusters(labels, seen.entropy, seen.sizes, (a, b)))
    return Hierarchy(tuple(reversed(levels)))


def _joined(labels: Labels, a: int, b: int) -> Labels:
    """Labels with cluster b taken into cluster a < b."""
    joined = np.where(labels == b, a, labels)
    return joined - (joined > b)


def elbow(values: Float) -> int:
    """Where 1 to K values bend: two straight lines that share this point fit them best (least squares, the smallest
    such point; Baudry et al. 2010, section 4). K itself for fewer than three values."""
    k = len(values)
    if k < 3:
        return k
    x = np.arange(1.0, k + 1)
    return min(range(2, k), key=lambda at: _misfit(x[:at], values[:at]) + _misfit(x[at - 1 :], values[at - 1 :]))


def _misfit(x: Float, y: Float) -> float:
    """The squared residuals of the best straight line through two points or more."""
    u, v = x - x.mean(), y - y.mean()
    residuals = v - (u @ v) / (u @ u) * u
    return float(residuals @ residuals)
