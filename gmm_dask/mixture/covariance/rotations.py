"""Axes that suit several scatters at once, by turning them until no turn helps.

Common axes minimise a concave function of the variances m_kj = d_j' S_k d_j along them: with geometric means g_k over
j, d sum_k share_k log g_k where volumes vary (VVE: the common principal components of Flury 1984), d log sum_k share_k
g_k where they are equal (EVE). Its tangent at the variances as they stand lies above it. Browne & McNicholas (2014)
lower the tangent of all axes at once, with the largest eigenvalue of each scatter for a bound, which takes hundreds of
steps; Flury & Gautschi (1986) in the plane of two axes after another, where it is a quadratic form. Here its curvatures
in these planes start a quasi-Newton method in the angles of all planes (L-BFGS, Nocedal 1980; for joint diagonalisation
Ablin, Cardoso & Gramfort 2018), which takes five to thirty steps. No step raises the function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from gmm_dask.mixture.features import Float

_EPS = float(np.finfo(np.float64).eps)

_GAIN = 1e-13
"""What a step has to promise to lower the function by: twice the log-likelihood per row."""

_MEMORY = 5
_HALVINGS = 12
_LARGEST_ANGLE = np.pi / 4


@dataclass(frozen=True)
class Point:
    """Axes (d, d), the function there, and its slopes and its tangent's curvatures (p,) in the p = d (d - 1) / 2 planes
    of two axes."""

    axes: Float
    value: float
    slopes: Float
    curvatures: Float


@dataclass(frozen=True)
class CommonAxes:
    """Whose axes are sought. `volume`: "V" or "E"; `shares` (k,) in the function; `forms` (k, d, d): the scatters."""

    volume: str
    shares: Float
    forms: Float

    def improved(self, axes: Float, steps: int) -> Point:
        """From axes (d, d), after so many steps at most."""
        point = self._at(axes)
        memory: list[tuple[Float, Float]] = []
        for _ in range(steps):
            angles = _quasi_newton(point, memory)
            if -point.slopes @ angles < 2 * _GAIN:
                break
            length, following = self._descended(point, angles)
            if following is None:
                if not memory:  # rounding leaves nothing to gain
                    break
                memory = []
                continue
            change = following.slopes - point.slopes
            if angles @ change > _EPS * np.linalg.norm(angles) * np.linalg.norm(change):
                memory = [*memory, (length * angles, change)][-_MEMORY:]
            point = following
        # Where all scatters have the same axes, curvatures alone square the error that is left.
        _, last = self._descended(point, _quasi_newton(point, []))
        return last or point

    def _at(self, axes: Float) -> Point:
        # From the scatters each time: turned ones would gather rounding errors of the size of the largest variance.
        d, along = axes.shape[0], axes.T @ self.forms @ axes
        variances = np.maximum(np.diagonal(along, axis1=1, axis2=2), _EPS)
        logs = np.log(variances).mean(axis=1)
        if self.volume == "V":
            value, weights = self.shares @ logs, self.shares
        else:
            weights = self.shares * np.exp(logs)
            value, weights = np.log(weights.sum()), weights / weights.sum()
        first, second = np.triu_indices(d, 1)
        inverses = weights[:, None] / variances
        differences = inverses[:, first] - inverses[:, second]
        slopes = 2 * (differences * along[:, first, second]).sum(axis=0)
        curvatures = 2 * (differences * (variances[:, second] - variances[:, first])).sum(axis=0)
        return Point(axes, d * float(value), slopes, curvatures)

    def _descended(self, point: Point, angles: Float) -> tuple[float, Point | None]:
        """Where angles lead to, or a half, a quarter, ... of them: the first that lowers the function enough (Armijo
        1966), and which part it was; None where none does."""
        slope, rounding, length = point.slopes @ angles, 4 * _EPS * (1 + abs(point.value)), 1.0
        for _ in range(_HALVINGS):
            following = self._at(point.axes @ _rotation(length * angles, len(point.axes)))
            if following.value <= point.value + 1e-4 * length * slope + rounding:
                return length, following
            length /= 2
        return length, None


def _quasi_newton(point: Point, memory: list[tuple[Float, Float]]) -> Float:
    """The angles (p,) of a step, from former ones and the changes of slope that they brought (Nocedal 1980)."""
    direction, parts = -point.slopes, []
    for step, change in reversed(memory):
        parts.append(step @ direction / (step @ change))
        direction = direction - parts[-1] * change
    direction = direction / np.maximum(point.curvatures, _EPS)
    if not memory:
        return np.clip(direction, -_LARGEST_ANGLE, _LARGEST_ANGLE)
    for (step, change), part in zip(memory, reversed(parts), strict=True):
        direction = direction + (part - change @ direction / (step @ change)) * step
    return direction * (_LARGEST_ANGLE / max(_LARGEST_ANGLE, float(np.abs(direction).max())))


def _rotation(angles: Float, d: int) -> Float:
    """(d, d) by Cayley's map, to first order by these angles in the planes of two axes."""
    skew = np.zeros((d, d))
    skew[np.triu_indices(d, 1)] = angles / 2
    skew = skew - skew.T
    return cast("Float", np.linalg.solve(np.eye(d) + skew, np.eye(d) - skew))
