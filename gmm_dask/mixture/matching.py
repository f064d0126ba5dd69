"""Which components of one mixture are which of another: the same groups, found again on other rows.

How far two components are apart is the Bhattacharyya distance of their densities,

    D = (m1 - m2)' S^-1 (m1 - m2) / 8 + log(|S| / sqrt(|S1| |S2|)) / 2,    S = (S1 + S2) / 2

(Kailath 1967, "The divergence and Bhattacharyya distance measures in signal selection"). Like Jeffreys' divergence it
is symmetric and knows no units. Unlike it, it stays moderate where one component is narrow in a direction in which the
other is wide, as a part is beside the whole that it was split from; and it says how well rows of the two can be told
apart, so that a limit to it has a meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from gmm_dask.mixture.features import Float
from gmm_dask.mixture.parameters import MixtureParameters

TOLD_APART = 0.01
"""Components whose rows could be told apart with fewer errors than this share are not the same group."""

LIMIT = float(-0.5 * np.log(1 - (1 - 2 * TOLD_APART) ** 2))
"""The distance beyond which a pair is no match, 1.61: up to there every rule that tells equally many rows of the two
apart errs on at least (1 - sqrt(1 - exp(-2 D))) / 2 = `TOLD_APART` of them (Kailath 1967). Two components of one shape
are that far apart at 3.6 standard deviations."""


@dataclass(frozen=True)
class Matching:
    """What became of each component, by its index in the old or in the new mixture.

    `old_of`: of each new component the old one that it is, or None. `distances`: how far it is from it; NaN for none.
    `splits`: old components to the new ones that make them up, the one that is matched first. `mergers`: the same the
    other way round. `new` and `vanished` are those that neither a match nor one of these accounts for.
    """

    old_of: tuple[int | None, ...]
    distances: tuple[float, ...]
    splits: Mapping[int, tuple[int, ...]]
    mergers: Mapping[int, tuple[int, ...]]
    new: tuple[int, ...]
    vanished: tuple[int, ...]


def match(old: MixtureParameters, new: MixtureParameters) -> Matching:
    """Match the components of two mixtures over the same columns, in the same units.

    The assignment (Kuhn 1955) is the one of least total distance, where a pair beyond `LIMIT` counts as `LIMIT`: how
    far a vanished component is from a new one must not pull other pairs apart.
    """
    apart = distances(old, new)
    pairs = zip(*linear_sum_assignment(np.minimum(apart, LIMIT)), strict=True)
    new_of = {int(o): int(n) for o, n in pairs if apart[o, n] <= LIMIT}
    old_of = {n: o for o, n in new_of.items()}
    splits, mergers = _made_up(apart, old, new, new_of), _made_up(apart.T, new, old, old_of)
    found = {*old_of, *(part for parts in splits.values() for part in parts)}
    went_on = {*new_of, *(part for parts in mergers.values() for part in parts)}
    return Matching(
        old_of=tuple(old_of.get(n) for n in range(new.n_components)),
        distances=tuple(float(apart[old_of[n], n]) if n in old_of else np.nan for n in range(new.n_components)),
        splits=splits,
        mergers=mergers,
        new=tuple(n for n in range(new.n_components) if n not in found),
        vanished=tuple(o for o in range(old.n_components) if o not in went_on),
    )


def distances(old: MixtureParameters, new: MixtureParameters) -> Float:
    """(k_old, k_new) Bhattacharyya distances; infinite to a component that is singular."""
    covariances = new.dense_covariances()
    return np.stack(
        [
            _distances(mean, covariance, new.means, covariances)
            for mean, covariance in zip(old.means, old.dense_covariances(), strict=True)
        ]
    )


def _distances(mean: Float, covariance: Float, means: Float, covariances: Float) -> Float:
    """(m,) from one Gaussian, (d,) and (d, d), to others, (m, d) and (m, d, d)."""
    middle, offsets = (covariance + covariances) / 2, means - mean
    squares = (offsets * np.linalg.solve(middle, offsets[:, :, None])[:, :, 0]).sum(axis=1)
    volumes = (np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(covariances)[1]) / 2
    found: Float = np.maximum(squares / 8 + (np.linalg.slogdet(middle)[1] - volumes) / 2, 0.0)
    return found


def _made_up(
    apart: Float, wholes: MixtureParameters, parts: MixtureParameters, part_of: Mapping[int, int]
) -> dict[int, tuple[int, ...]]:
    """Wholes to the parts that they fell into: the one that is matched, and others that no whole is matched with.

    A part belongs to the whole nearest to it, within `LIMIT`, if all parts together (one Gaussian of their mean and
    covariance) are nearer to the whole than they are without it. `apart`: distances (wholes, parts).
    """
    found: dict[int, tuple[int, ...]] = {}
    left = sorted(set(range(parts.n_components)) - set(part_of.values()), key=lambda part: apart[:, part].min())
    for part in left:
        whole = int(apart[:, part].argmin())
        if apart[whole, part] > LIMIT or whole not in part_of:
            continue
        without = found.get(whole, (part_of[whole],))
        if _distance_together(wholes, whole, parts, (*without, part)) < _distance_together(
            wholes, whole, parts, without
        ):
            found[whole] = (*without, part)
    return found


def _distance_together(wholes: MixtureParameters, whole: int, parts: MixtureParameters, which: Sequence[int]) -> float:
    mean, covariance = _together(parts, np.array(which))
    (found,) = _distances(wholes.means[whole], wholes.dense_covariances()[whole], mean[None], covariance[None])
    return float(found)


def _together(parts: MixtureParameters, which: np.ndarray) -> tuple[Float, Float]:
    """Mean (d,) and covariance (d, d) of all rows of some components."""
    shares = parts.weights[which] / parts.weights[which].sum()
    mean = shares @ parts.means[which]
    offsets = parts.means[which] - mean
    within = np.tensordot(shares, parts.dense_covariances()[which], axes=1)
    return mean, within + (shares[:, None] * offsets).T @ offsets
