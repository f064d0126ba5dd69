"""The one driver: many candidates, one sweep per iteration for all that still run.

It is handed a `sweep`, never learns where the rows are, and knows neither files nor clusters nor covariance structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

import numpy as np

from gmm_dask.em.acceleration import Acceleration, Plain, Proposal, Visit
from gmm_dask.em.estimation import Estimation, P
from gmm_dask.em.flaws import Flaw
from gmm_dask.em.outcome import Outcome
from gmm_dask.mixture import SingularCovarianceError, SufficientStatistics, Sweepable

Sweep = Callable[[Sequence[Sweepable]], list[SufficientStatistics]]
"""One pass over the rows: the statistics of each candidate."""

_ROUNDING = 1e-12
"""A mean objective that falls by less than this share of itself has not fallen."""


@dataclass(frozen=True)
class Stopping:
    """When to stop: `tol` is the least gain in mean log-likelihood per unit of weight that is worth another pass.

    By default it is the gain of the last iteration that is looked at, as scikit-learn does; where `looks_ahead`, it is
    all that is left to gain, as far as the acceleration can tell.
    """

    tol: float
    max_iter: int
    looks_ahead: bool = False


@dataclass(frozen=True)
class Fit(Generic[P]):
    """Where one candidate stands, and at last how it ended.

    `statistics` are those of `parameters` over all rows, so criteria need no further pass. `history` holds the mean
    objective (for maximum likelihood the log-likelihood) per unit of weight after each sweep. `outcome` is None while
    the candidate runs; where it is not to be trusted, `flaw` says which component is at fault.
    """

    parameters: P
    statistics: SufficientStatistics | None = None
    history: tuple[float, ...] = ()
    outcome: Outcome | None = None
    flaw: Flaw | None = None

    @property
    def n_iter(self) -> int:
        return len(self.history)


@dataclass(frozen=True)
class Progress:
    """What an observer sees after each sweep: every fit, running or ended, in the order they were started."""

    stage: str
    iteration: int
    fits: tuple[Fit[Any], ...]

    @property
    def running(self) -> int:
        return sum(fit.outcome is None for fit in self.fits)


@dataclass(frozen=True)
class _Climb(Generic[P]):
    """A fit under way: where it stands, and what is to be seen next; None until that has been proposed."""

    fit: Fit[P]
    next: Proposal[P] | None
    here: Visit[P] | None = None
    memory: Any = None


def run(
    sweep: Sweep,
    starts: Sequence[P],
    estimation: Estimation[P],
    stopping: Stopping,
    observe: Callable[[Progress], None] = lambda progress: None,
    stage: str = "fit",
    acceleration: Acceleration[P] | None = None,
) -> list[Fit[P]]:
    """Expectation-maximisation (Dempster, Laird & Rubin 1977) from each start, sharing every sweep.

    Returns one ended `Fit` per start, in their order. `stage` is passed on to the observer; without `acceleration` all
    steps are plain. Raises `SingularCovarianceError` for a start that is singular as given.
    """
    acceleration = acceleration or Plain[P]()
    climbs = [_Climb(Fit(start), Proposal(start)) for start in starts]
    iteration = 0
    while running := {index: climb for index, climb in enumerate(climbs) if climb.fit.outcome is None}:
        proposals = [climb.next for climb in running.values() if climb.next is not None]
        statistics = sweep([proposal.parameters for proposal in proposals])
        iteration += 1
        for (index, climb), seen in zip(running.items(), statistics, strict=True):
            climbs[index] = _arrived(climb, seen, estimation, acceleration)
        undecided = [index for index in running if climbs[index].next is None and climbs[index].fit.outcome is None]
        for index, proposal in zip(undecided, _proposals(acceleration, [climbs[i] for i in undecided]), strict=True):
            climbs[index] = replace(climbs[index], next=proposal, memory=proposal.memory)
        for index in running:
            climbs[index] = _assessed(climbs[index], estimation, stopping)
        observe(Progress(stage, iteration, tuple(climb.fit for climb in climbs)))
    return [climb.fit for climb in climbs]


def _arrived(
    climb: _Climb[P], statistics: SufficientStatistics, estimation: Estimation[P], acceleration: Acceleration[P]
) -> _Climb[P]:
    """Stand on the point that a sweep has seen; or where it is worse than before, stay, to take the plain step next.

    The fit ends where not even the plain step has a valid result.
    """
    assert climb.next is not None
    parameters, here, fit = climb.next.parameters, climb.here, climb.fit
    value = estimation.objective(parameters, statistics) / statistics.weight
    is_plain = here is None or parameters is here.image
    visit = _visit(parameters, statistics, value, estimation)
    is_worse = here is not None and value < here.value - _ROUNDING * abs(here.value)
    if here is not None and not is_plain and (visit is None or is_worse):
        memory = acceleration.rejected(climb.memory, visit)
        fit = replace(fit, history=(*fit.history, here.value))
        return replace(climb, fit=fit, next=Proposal(here.image), memory=memory)
    fit = replace(fit, parameters=parameters, statistics=statistics, history=(*fit.history, value))
    if visit is None:
        return replace(climb, fit=replace(fit, outcome=Outcome.SINGULAR))
    return replace(climb, fit=fit, next=None, here=visit)


def _visit(parameters: P, statistics: SufficientStatistics, value: float, estimation: Estimation[P]) -> Visit[P] | None:
    """The point with its image under the plain step, if that is a mixture."""
    try:
        image = estimation.step(statistics, parameters)
        image.terms()
    except SingularCovarianceError:
        return None
    return Visit(parameters, statistics, image, value)


def _proposals(acceleration: Acceleration[P], climbs: Sequence[_Climb[P]]) -> list[Proposal[P]]:
    visits = [climb.here for climb in climbs if climb.here is not None]
    return acceleration.propose(visits, [climb.memory for climb in climbs]) if visits else []


def _assessed(climb: _Climb[P], estimation: Estimation[P], stopping: Stopping) -> _Climb[P]:
    """End the fit where it is done."""
    fit = climb.fit
    if fit.outcome is not None or fit.statistics is None or climb.next is None:
        return climb
    outcome = None
    if climb.next.distance < stopping.tol if stopping.looks_ahead else _last_gain(fit) < stopping.tol:
        outcome = Outcome.CONVERGED
    elif fit.n_iter >= stopping.max_iter:
        outcome = Outcome.ITERATION_LIMIT
    flaw = None if outcome is None else estimation.flaw(fit.parameters, fit.statistics)
    return replace(climb, fit=replace(fit, outcome=outcome if flaw is None else flaw.outcome, flaw=flaw))


def _last_gain(fit: Fit[Any]) -> float:
    return abs(fit.history[-1] - fit.history[-2]) if fit.n_iter > 1 else np.inf


def mean_objective(fit: Fit[Any]) -> float:
    """Per unit of weight, as of the last sweep; minus infinity before the first."""
    return fit.history[-1] if fit.history else -np.inf


def soundness(fit: Fit[Any]) -> tuple[bool, float]:
    """By which fits that have ended are ranked: endings that can be trusted first, then by objective."""
    return fit.outcome is not None and fit.outcome.trustworthy, mean_objective(fit)
