"""Recognising a fit whose likelihood is not to be compared: a component on a spike, or more numbers than rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from gmm_dask.em.outcome import Outcome
from gmm_dask.mixture import Block, Float, MixtureParameters, SufficientStatistics

SPIKE = 20.0
"""A component is a spike where its variance in some direction is below this many times the regularisation's share of
the whole table's variance in that direction."""

ATOM_SHARE, ATOM_HEIGHT, _NEIGHBOURS = 0.05, 5.0, 3
"""A spike that holds so much of the table, and so many times the rows of any of the nearest values, is an atom of it,
such as the zeros of an amount, and a group worth having. Others feed on coincidence, or on values that were rounded."""

FEWEST_ROWS, FEWEST_OF_EQUAL_VOLUME = 2.0, 0.5
"""A component that holds less than this many rows (of average weight) describes no group. Where all components have the
same volume one row can have a component of its own, an outlier, and the likelihood is none the worse for it."""


@dataclass(frozen=True)
class Flaw:
    """What is wrong (`outcome`), with which component, and in which column its variance vanished, if it did."""

    outcome: Outcome
    component: int
    column: int | None = None


def find_flaw(
    parameters: MixtureParameters, statistics: SufficientStatistics, regularisation: Float, sample: Block | None = None
) -> Flaw | None:
    """The first flaw of a fit, if it has one. `sample`: rows by which atoms are told from rounded values.

    Columns that are collinear in the whole table are no spike: a component's variance is compared with the table's in
    the same direction. Without regularisation the yardstick is the rounding of float64.
    """
    rows = statistics.counts * statistics.n_rows / statistics.weight
    smallest = int(rows.argmin())
    fewest = FEWEST_OF_EQUAL_VOLUME if parameters.family.structure.volume == "E" else FEWEST_ROWS
    if parameters.n_components > 1 and rows[smallest] < fewest:
        return Flaw(Outcome.COLLAPSED, smallest)
    if not parameters.family.is_determined(rows, parameters.n_columns):
        return Flaw(Outcome.UNDERDETERMINED, smallest)
    return _spike(parameters, regularisation, sample) if parameters.n_components > 1 else None


def _spike(parameters: MixtureParameters, regularisation: Float, sample: Block | None) -> Flaw | None:
    total = _total_covariance(parameters)
    share = float(np.mean(regularisation / np.diagonal(total)))
    least = SPIKE * max(share, float(np.finfo(np.float64).eps))
    for component, covariance in enumerate(parameters.dense_covariances()):
        ratio, column = _narrowest(covariance, total)
        if ratio < least and not _is_atom(parameters, component, column, sample):
            return Flaw(Outcome.COLLAPSED, component, column)
    return None


def smallest_variance(parameters: MixtureParameters) -> float:
    """The least variance of a component relative to the whole table's in the same direction, over all directions and
    components; 1 for a single component."""
    if parameters.n_components == 1:
        return 1.0
    total = _total_covariance(parameters)
    least = min(_narrowest(covariance, total)[0] for covariance in parameters.dense_covariances())
    return max(least, 0.0)  # rounding can take a vanishing one below


def _is_atom(parameters: MixtureParameters, component: int, column: int, sample: Block | None) -> bool:
    if parameters.weights[component] < ATOM_SHARE:
        return False
    if sample is None:
        return True
    middle = parameters.means[component, column]
    width = 3 * np.sqrt(parameters.dense_covariances()[component, column, column])
    values, counts = np.unique(sample.dense()[column], return_counts=True)
    first, end = np.searchsorted(values, middle - width), np.searchsorted(values, middle + width, side="right")
    nearest = (*counts[max(first - _NEIGHBOURS, 0) : first], *counts[end : end + _NEIGHBOURS])
    return bool(counts[first:end].sum() >= ATOM_HEIGHT * max(nearest, default=0))


def _total_covariance(parameters: MixtureParameters) -> Float:
    """Covariance of the mixture as a whole: within plus between components."""
    centre = parameters.weights @ parameters.means
    offsets = parameters.means - centre
    between: Float = (parameters.weights[:, None] * offsets).T @ offsets
    within: Float = np.einsum("k,kab->ab", parameters.weights, parameters.dense_covariances())
    return within + between


def _narrowest(covariance: Float, total: Float) -> tuple[float, int]:
    """The least variance of a component relative to the table's, over all directions, and the column that weighs most
    in that direction (a generalised eigenvalue problem)."""
    scale = 1 / np.sqrt(np.diagonal(total))
    scaled = scale[:, None] * total * scale
    floor = 1e-12 * np.eye(scale.size)  # columns collinear to rounding must not make the yardstick singular
    values, vectors = eigh(scale[:, None] * covariance * scale, scaled + floor, subset_by_index=[0, 0])
    return float(values[0]), int(np.abs(vectors[:, 0]).argmax())
