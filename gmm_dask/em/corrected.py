"""Steps found on a sample, corrected by what a pass over the whole table saw.

With s(theta) the mean sufficient statistics of the table at theta, S(theta) those of a sample, and theta_t the point
that a pass has just seen, the statistics

    S(theta) + s(theta_t) - S(theta_t)

are exact at theta_t and cost no pass elsewhere. Expectation-maximisation with them begins with the plain step and ends
where a Newton step with the sample's curvature would: a few passes over the table do the work of many. (Control
variates for EM: Chen, Zhu, Teh & Zhang 2018, "Stochastic expectation maximization with variance reduction"; as an
approximate Newton method: Shamir, Srebro & Zhang 2014, "Communication-efficient distributed optimization using an
approximate Newton-type method".)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, final

import numpy as np

from gmm_dask.em.acceleration import Acceleration, Proposal, QuasiNewton, Visit
from gmm_dask.em.coordinates import Frame
from gmm_dask.em.driver import Fit, Stopping, Sweep, run
from gmm_dask.em.estimation import Estimation
from gmm_dask.em.flaws import Flaw
from gmm_dask.mixture import Float, MixtureParameters, SingularCovarianceError, SufficientStatistics

_FIRST_RADIUS, _LARGEST_RADIUS = 2.0, 8.0
"""How far the sample is trusted at first and at most, in the metric of `Frame`."""

_SAMPLE_ITERATIONS = 60
_FINER = 0.1  # the share of the tolerance that steps on the sample are worth


@final
@dataclass(frozen=True)
class Corrected(Estimation[MixtureParameters]):
    """`estimation` for a table of this `weight`, on a sample whose statistics are off by `correction` per unit."""

    estimation: Estimation[MixtureParameters]
    correction: SufficientStatistics
    weight: float

    def step(self, statistics: SufficientStatistics, previous: MixtureParameters) -> MixtureParameters:
        corrected = self._as_table(statistics).merge(self.correction.about(statistics.centres).scaled(self.weight))
        if not corrected.counts.min() > 0:
            raise SingularCovarianceError("a component holds no rows")
        return self.estimation.step(corrected, previous)

    def objective(self, parameters: MixtureParameters, statistics: SufficientStatistics) -> float:
        sampled = self.estimation.objective(parameters, self._as_table(statistics)) / self.weight
        return statistics.weight * (sampled + expected_log_likelihood(parameters, self.correction))

    def flaw(self, parameters: MixtureParameters, statistics: SufficientStatistics) -> Flaw | None:
        return None

    def _as_table(self, statistics: SufficientStatistics) -> SufficientStatistics:
        return statistics.scaled(self.weight / statistics.weight)


def expected_log_likelihood(parameters: MixtureParameters, statistics: SufficientStatistics) -> float:
    """sum over rows and components of responsibility * log(w_k N(z | mu_k, Sigma_k)), from the moments alone."""
    terms, about = parameters.terms(), statistics.about(parameters.means)
    counts, _, second = about.features.unpack_moments(about.moments)
    if terms.roots.ndim == 2:
        distances = (terms.roots**2 * second).sum()
    else:
        distances = np.einsum("kab,kcb,kac->", terms.roots, terms.roots, second, optimize=True)
    return float((counts * terms.constants).sum() - distances / 2)


class _Step(NamedTuple):
    """What is remembered of the step taken last: from which value, the gain that the sample promised, its length."""

    radius: float
    value: float = np.nan
    promised: float = np.nan
    length: float = 0.0


@final
@dataclass(frozen=True)
class SampleSteps(Acceleration[MixtureParameters]):
    """Proposes the end of a climb on the sample, as far from here as the last such steps have earned trust."""

    sweep: Sweep
    estimation: Estimation[MixtureParameters]
    tol: float

    def propose(
        self, visits: Sequence[Visit[MixtureParameters]], memories: Sequence[Any]
    ) -> list[Proposal[MixtureParameters]]:
        return [self._proposal(visit, memory) for visit, memory in zip(visits, memories, strict=True)]

    def rejected(self, memory: Any, visit: Visit[MixtureParameters] | None) -> Any:
        step: _Step = memory
        return _Step(min(step.radius, step.length) / 4)

    def _proposal(self, visit: Visit[MixtureParameters], memory: _Step | None) -> Proposal[MixtureParameters]:
        radius = _FIRST_RADIUS if memory is None else _earned(memory, visit.value)
        try:
            frame = Frame.about(visit.parameters)
            residual = frame.vector(visit.image)
            radius = max(radius, float(np.linalg.norm(residual)))
            climb = self._climbed(visit, frame, radius)
            step = frame.vector(climb.parameters)
        except SingularCovarianceError:  # of a component that vanishes, or statistics that no rows could have
            return Proposal(visit.image, memory=_Step(radius))
        length, promised = float(np.linalg.norm(step)), climb.history[-1] - climb.history[0]
        # Twice what the sample's curvature says: it may be that much steeper than the table's.
        distance = float(residual @ step) if length < 0.9 * radius else np.inf
        if not promised > 0:
            return Proposal(visit.image, max(distance, float(residual @ residual) / 2), _Step(radius))
        return Proposal(climb.parameters, distance, _Step(radius, visit.value, promised, length))

    def _climbed(self, visit: Visit[MixtureParameters], frame: Frame, radius: float) -> Fit[MixtureParameters]:
        (here,) = self.sweep([visit.parameters])
        off = visit.statistics.scaled(1 / visit.statistics.weight).merge(here.scaled(-1 / here.weight))
        stopping = Stopping(_FINER * self.tol, _SAMPLE_ITERATIONS, looks_ahead=True)
        corrected = Corrected(self.estimation, off, visit.statistics.weight)
        (fit,) = run(
            self.sweep, [visit.parameters], corrected, stopping, acceleration=_Tethered(QuasiNewton(), frame, radius)
        )
        return fit


def _earned(step: _Step, value: float) -> float:
    """The radius after a step, by the share of the promised gain that came (Nocedal & Wright 2006, algorithm 4.1)."""
    share = (value - step.value) / step.promised if step.length else np.nan
    if share < 0.25:
        return min(step.radius, step.length) / 2
    if share > 0.75 and step.length > step.radius / 2:
        return min(2 * step.radius, _LARGEST_RADIUS)
    return step.radius


@final
@dataclass(frozen=True)
class _Tethered(Acceleration[MixtureParameters]):
    """Goes no further than `radius` from the origin of `frame`, and is done when it gets there."""

    inner: QuasiNewton
    frame: Frame
    radius: float

    def propose(
        self, visits: Sequence[Visit[MixtureParameters]], memories: Sequence[Any]
    ) -> list[Proposal[MixtureParameters]]:
        proposals = self.inner.propose(visits, memories)
        return [self._held(visit, proposal) for visit, proposal in zip(visits, proposals, strict=True)]

    def rejected(self, memory: Any, visit: Visit[MixtureParameters] | None) -> Any:
        return self.inner.rejected(memory, visit)

    def _held(
        self, visit: Visit[MixtureParameters], proposal: Proposal[MixtureParameters]
    ) -> Proposal[MixtureParameters]:
        here, ahead = self.frame.vector(visit.parameters), self.frame.vector(proposal.parameters)
        if np.linalg.norm(ahead) <= self.radius:
            return proposal
        if np.linalg.norm(here) > 0.99 * self.radius:
            return replace(proposal, distance=0.0)
        return replace(proposal, parameters=self.frame.parameters(_on_sphere(here, ahead, self.radius)))


def _on_sphere(inside: Float, outside: Float, radius: float) -> Float:
    """Where the line between two points meets the sphere about the origin."""
    along = outside - inside
    a, b, c = along @ along, inside @ along, inside @ inside - radius**2
    return inside + (np.sqrt(b * b - a * c) - b) / a * along
