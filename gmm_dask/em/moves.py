"""Ways out of a poor optimum: where two components share a cluster and one covers two, merge the two and split the one;
where one fell on a few rows, put it elsewhere.

Split-and-merge EM (Ueda, Nakano, Ghahramani & Hinton 2000, "SMEM algorithm for mixture models"), with other yardsticks:
what a merge loses is bounded from the parameters alone (Runnalls 2007, "Kullback-Leibler approach to Gaussian mixture
reduction", eq. 21), and what a split gains is measured on the rows that the component holds, cut in two by the
agglomeration that makes starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from gmm_dask.em.agglomeration import agglomerated
from gmm_dask.em.clustering import sphered
from gmm_dask.mixture import Block, Features, Float, MixtureParameters, log_joint

_MOST_ROWS = 2_000  # of a component, to be cut in two
_STREAM = 3  # the stage number of moves in seed sequences


@dataclass(frozen=True)
class Parts:
    """Gaussians with weights (m,), means (m, d) and covariance matrices (m, d, d)."""

    weights: Float
    means: Float
    covariances: Float

    def merged(self) -> Parts:
        """The one Gaussian with the same mean and covariance as all of them together."""
        weight = self.weights.sum()
        shares = self.weights / weight
        mean = shares @ self.means
        offsets = self.means - mean
        covariance = np.einsum("m,mab->ab", shares, self.covariances) + (shares[:, None] * offsets).T @ offsets
        return Parts(np.array([weight]), mean[None], covariance[None])

    def taken(self, which: list[int]) -> Parts:
        return Parts(self.weights[which], self.means[which], self.covariances[which])

    def and_(self, *others: Parts) -> Parts:
        return Parts(
            np.concatenate([self.weights, *(other.weights for other in others)]),
            np.concatenate([self.means, *(other.means for other in others)]),
            np.concatenate([self.covariances, *(other.covariances for other in others)]),
        )

    def log_volume(self) -> float:
        """sum_m w_m (log w_m - log|Sigma_m| / 2): what of the classification log-likelihood tells partitions apart."""
        return float(self.weights @ (np.log(self.weights) - 0.5 * np.linalg.slogdet(self.covariances)[1]))


def moves(
    parameters: MixtureParameters,
    block: Block,
    regularisation: Float,
    *,
    most: int,
    seed: int,
    faulty: int | None = None,
) -> list[MixtureParameters]:
    """Mixtures one move away, the most promising first.

    `block`: rows that the mixture was fitted to. `faulty`: a component that describes no group, to be taken from where
    it is and put to half of another; without one two components are merged to make room, which takes three. Random
    streams derive from the seed alone.
    """
    k = parameters.n_components
    if k < (3 if faulty is None else 2) or not parameters.weights.min() > 0:
        return []
    whole = Parts(parameters.weights, parameters.means, np.array(parameters.dense_covariances()))
    made_room = {(faulty,): 0.0} if faulty is not None else _merge_losses(whole)
    halves = _halves(whole, parameters, block, regularisation, seed)
    gains = {one: parts.log_volume() - whole.taken([one]).log_volume() for one, parts in halves.items()}
    ranked = sorted(
        ((gains[one] - loss, one, gone) for one in gains for gone, loss in made_room.items() if one not in gone),
        reverse=True,
    )
    made = []
    for _, one, gone in ranked[:most]:
        rest = whole.taken([each for each in range(k) if each != one and each not in gone])
        merged = [whole.taken([*gone]).merged()] if len(gone) > 1 else []
        made.append(_mixture(rest.and_(*merged, halves[one]), parameters))
    return made


def _merge_losses(whole: Parts) -> dict[tuple[int, ...], float]:
    """By pair of components, what merging the two loses at most."""
    pairs = {pair: whole.taken([*pair]) for pair in combinations(range(len(whole.weights)), 2)}
    return {pair: parts.log_volume() - parts.merged().log_volume() for pair, parts in pairs.items()}


def _halves(
    whole: Parts, parameters: MixtureParameters, block: Block, regularisation: Float, seed: int
) -> dict[int, Parts]:
    """Each component that holds enough rows, cut in two."""
    z = block.dense()
    weights = np.ones(block.n_rows) if block.weights is None else block.weights
    holder = log_joint(parameters, z).argmax(axis=0)
    rng = np.random.default_rng(np.random.SeedSequence([seed, _STREAM]))
    halves = {}
    for component in range(parameters.n_components):
        rows = np.flatnonzero((holder == component) & (weights > 0))
        rows = rows[:: -(-max(rows.size, 1) // _MOST_ROWS)]  # from end to end: a table may be sorted
        if rows.size < 4 * (z.shape[0] + 1):
            continue
        held, mass = z[:, rows], weights[rows]
        labels = agglomerated(sphered(held, mass), mass, [2], rng).cut(2)
        if labels.max() < 1:  # all rows alike: there are no halves
            continue
        halves[component] = _fitted(held, mass, labels, regularisation, whole.weights[component])
    return halves


def _fitted(z: Float, weights: Float, labels: np.ndarray, regularisation: Float, weight: float) -> Parts:
    """Gaussians of the clusters of rows z (d, n), which together have this weight."""
    membership = (labels == np.arange(labels.max() + 1)[:, None]) * weights
    counts = membership.sum(axis=1)
    means = membership @ z.T / counts[:, None]
    covariances = np.stack(
        [(z - mean[:, None]) * row @ (z - mean[:, None]).T for mean, row in zip(means, membership, strict=True)]
    )
    covariances = covariances / counts[:, None, None] + np.diag(regularisation)
    return Parts(weight * counts / counts.sum(), means, covariances)


def _mixture(parts: Parts, like: MixtureParameters) -> MixtureParameters:
    """The mixture of these Gaussians that the family of another one allows."""
    family, weights = like.family, parts.weights / parts.weights.sum()
    squares = family.features is Features.SQUARES
    spreads = np.diagonal(parts.covariances, axis1=1, axis2=2).copy() if squares else parts.covariances
    return MixtureParameters(family, weights, parts.means, family.estimate(weights, spreads))
