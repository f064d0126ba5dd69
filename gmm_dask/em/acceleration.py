"""Where to look next: the plain step of expectation-maximisation, or a longer one.

An acceleration sees the points that a fit has visited, each with its image under one plain step, and proposes the next.
It may propose too much: the driver goes back to the plain step whenever the objective would fall.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, final

import numpy as np

from gmm_dask.em.coordinates import Frame
from gmm_dask.em.estimation import P
from gmm_dask.mixture import Float, MixtureParameters, SingularCovarianceError, SufficientStatistics

_FIRST_RADIUS, _LARGEST_RADIUS = 0.5, 4.0  # of a step, in the metric of `Frame`
_GONE_FAR = 0.3  # from the origin of its coordinates: the metric is that of another mixture there
_LEAST_CURVATURE = 1e-6


@dataclass(frozen=True)
class Visit(Generic[P]):
    """A point that a sweep has seen, its image under one plain step, and the objective per unit of weight there."""

    parameters: P
    statistics: SufficientStatistics
    image: P
    value: float


@dataclass(frozen=True)
class Proposal(Generic[P]):
    """The point to be seen next.

    `distance`: how far the objective is below its limit by now, in nats per unit of weight, as far as can be told;
    infinite where it cannot. `memory`: what the acceleration wants back with the next visit.
    """

    parameters: P
    distance: float = np.inf
    memory: Any = None


class Acceleration(ABC, Generic[P]):
    """Proposes points; holds no state but what goes through `Proposal.memory`."""

    @abstractmethod
    def propose(self, visits: Sequence[Visit[P]], memories: Sequence[Any]) -> list[Proposal[P]]:
        """The next points of several fits, from where each stands and its memory (None at first)."""

    def rejected(self, memory: Any, visit: Visit[P] | None) -> Any:
        """The memory after the point proposed last has been found worse than where the fit stands, or (None) to have
        no plain step."""
        return memory


@final
class Plain(Acceleration[P]):
    """Expectation-maximisation as it is."""

    def propose(self, visits: Sequence[Visit[P]], memories: Sequence[Any]) -> list[Proposal[P]]:
        return [Proposal(visit.image) for visit in visits]


@dataclass(frozen=True)
class _Trail:
    """Points and their residuals (image less point) in the coordinates of `frame`, oldest first, the best last."""

    frame: Frame
    visits: tuple[Visit[MixtureParameters], ...]
    points: tuple[Float, ...]
    residuals: tuple[Float, ...]
    radius: float = _FIRST_RADIUS
    last_step: float = 0.0

    @classmethod
    def about(cls, visit: Visit[MixtureParameters]) -> _Trail:
        return cls(Frame.about(visit.parameters), (), (), ()).followed_by(visit)

    def followed_by(self, visit: Visit[MixtureParameters]) -> _Trail:
        point = self.frame.vector(visit.parameters)
        residual = self.frame.vector(visit.image) - point
        return replace(
            self,
            visits=(*self.visits, visit),
            points=(*self.points, point),
            residuals=(*self.residuals, residual),
        )

    def cut_to(self, length: int) -> _Trail:
        first = max(0, len(self.visits) - length)
        return replace(
            self, visits=self.visits[first:], points=self.points[first:], residuals=self.residuals[first:]
        )  # fmt: skip

    def with_best_last(self, best: int) -> _Trail:
        order = [*(i for i in range(len(self.visits)) if i != best), best]
        return replace(
            self,
            visits=tuple(self.visits[i] for i in order),
            points=tuple(self.points[i] for i in order),
            residuals=tuple(self.residuals[i] for i in order),
        )

    def reframed(self) -> _Trail:
        """The same about the best point. Other points that have no coordinates there are forgotten; raises
        `SingularCovarianceError` where the best has none."""
        *others, best = self.visits
        trail = replace(self, frame=Frame.about(best.parameters), visits=(), points=(), residuals=())
        for visit in others:
            try:
                trail = trail.followed_by(visit)
            except SingularCovarianceError:
                continue
        return trail.followed_by(best)

    def secants(self) -> list[tuple[Float, Float]]:
        """Pairs (step, fall of the residual along it) of positive curvature."""
        steps, falls = np.diff(self.points, axis=0), -np.diff(self.residuals, axis=0)
        return [(s, y) for s, y in zip(steps, falls, strict=True) if s @ y > _LEAST_CURVATURE * (s @ s)]


@final
@dataclass(frozen=True)
class QuasiNewton(Acceleration[MixtureParameters]):
    """Limited-memory BFGS on the residual of the plain step (Liu & Nocedal 1989; Jamshidian & Jennrich 1997,
    "Acceleration of the EM algorithm by using quasi-Newton methods").

    In the coordinates of `Frame` the residual is the gradient of the mean log-likelihood, and minus its Hessian has
    eigenvalues between 0 and 1, so the plain step is the step for a Hessian of -1: what BFGS begins with. `memory`:
    secant pairs that are kept; none leaves the plain step, with its distance told.
    """

    memory: int = 10

    def propose(
        self, visits: Sequence[Visit[MixtureParameters]], memories: Sequence[Any]
    ) -> list[Proposal[MixtureParameters]]:
        return [self._proposal(visit, memory) for visit, memory in zip(visits, memories, strict=True)]

    def rejected(self, memory: Any, visit: Visit[MixtureParameters] | None) -> Any:
        """Steps become shorter; what was learnt at the worse point is kept."""
        trail: _Trail = replace(memory, radius=min(memory.radius, memory.last_step) / 4, last_step=0.0)
        if visit is None:
            return trail
        try:
            return trail.followed_by(visit).with_best_last(len(trail.visits) - 1)
        except SingularCovarianceError:  # it has no coordinates, so there is nothing to learn from it
            return trail

    def _proposal(self, visit: Visit[MixtureParameters], memory: Any) -> Proposal[MixtureParameters]:
        try:
            trail = self._extended(visit, memory)
        except SingularCovarianceError:
            return Proposal(visit.image)  # a component is vanishing: no coordinates, no acceleration
        secants, residual = trail.secants(), trail.residuals[-1]
        step = _two_loops(residual, secants[-self.memory :] if self.memory else [])
        distance = _distance(residual, step, secants)
        if not self.memory or not secants:
            return Proposal(visit.image, distance, trail)
        length = min(float(np.linalg.norm(step)), trail.radius)
        if length <= np.linalg.norm(residual):
            return Proposal(visit.image, distance, replace(trail, last_step=0.0))
        step *= length / np.linalg.norm(step)
        try:
            ahead = trail.frame.parameters(trail.points[-1] + step)
            ahead.terms()
        except SingularCovarianceError:
            return Proposal(visit.image, distance, replace(trail, radius=length / 4, last_step=0.0))
        return Proposal(ahead, distance, replace(trail, last_step=length))

    def _extended(self, visit: Visit[MixtureParameters], memory: _Trail | None) -> _Trail:
        """The trail up to the visit, about coordinates that are near it."""
        if memory is None:
            return _Trail.about(visit)
        trail = memory if memory.visits[-1] is visit else memory.followed_by(visit)
        if trail.last_step >= trail.radius:  # a step as long as was allowed went well
            trail = replace(trail, radius=min(2 * trail.radius, _LARGEST_RADIUS))
        trail = trail.cut_to(max(self.memory, 1) + 1)
        return trail.reframed() if np.linalg.norm(trail.points[-1]) > _GONE_FAR else trail


def _two_loops(gradient: Float, secants: Sequence[tuple[Float, Float]]) -> Float:
    """The inverse Hessian of BFGS times the gradient (Nocedal 1980), the first Hessian being 1."""
    direction: Float = gradient.copy()
    taken = list[tuple[float, float]]()
    for s, y in reversed(secants):
        rho = 1 / float(s @ y)
        alpha = rho * float(s @ direction)
        taken.append((rho, alpha))
        direction -= alpha * y
    for (s, y), (rho, alpha) in zip(secants, reversed(taken), strict=True):
        direction += (alpha - rho * (y @ direction)) * s
    return direction


def _distance(residual: Float, step: Float, secants: Sequence[tuple[Float, Float]]) -> float:
    """Of the mean log-likelihood to its limit: half the gradient times the step to where it vanishes.

    The step may not know the slowest direction yet, so the whole residual is taken to lie in one as slow as any that
    was gone; before one was, in one as slow as can be.
    """
    slowest = max(((s @ s) / (s @ y) for s, y in secants), default=1 / _LEAST_CURVATURE)
    return float(max(residual @ step, (residual @ residual) * slowest)) / 2
