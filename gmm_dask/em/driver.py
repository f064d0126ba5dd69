"""The one driver: many candidates, one sweep per iteration for all that still run.

It is handed a `sweep`, never learns where the rows are, and knows neither files nor clusters nor covariance structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

import numpy as np

from gmm_dask.em.estimation import Estimation, P
from gmm_dask.em.flaws import Flaw
from gmm_dask.em.outcome import Outcome
from gmm_dask.mixture import SingularCovarianceError, SufficientStatistics, Sweepable

Sweep = Callable[[Sequence[Sweepable]], list[SufficientStatistics]]
"""One pass over the rows: the statistics of each candidate."""


@dataclass(frozen=True)
class Stopping:
    """When to stop: `tol` is the least gain in mean log-likelihood per unit of weight that is worth another pass."""

    tol: float
    max_iter: int


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


def run(
    sweep: Sweep,
    starts: Sequence[P],
    estimation: Estimation[P],
    stopping: Stopping,
    observe: Callable[[Progress], None] = lambda progress: None,
    stage: str = "fit",
) -> list[Fit[P]]:
    """Expectation-maximisation (Dempster, Laird & Rubin 1977) from each start, sharing every sweep.

    Returns one ended `Fit` per start, in their order. `stage` is passed on to the observer. Raises
    `SingularCovarianceError` for a start that is singular as given.
    """
    fits = [Fit(start) for start in starts]
    iteration = 0
    while running := [index for index, fit in enumerate(fits) if fit.outcome is None]:
        proposals = [_propose(fits[index], estimation) for index in running]
        fits = _replaced(fits, running, proposals)
        running = [index for index in running if fits[index].outcome is None]
        if running:
            statistics = sweep([fits[index].parameters for index in running])
            iteration += 1
            seen = [_assess(fits[i], s, estimation, stopping) for i, s in zip(running, statistics, strict=True)]
            fits = _replaced(fits, running, seen)
            observe(Progress(stage, iteration, tuple(fits)))
    return fits


def _propose(fit: Fit[P], estimation: Estimation[P]) -> Fit[P]:
    """The M-step, or the end where it has no valid result. A start goes to its first sweep as it is."""
    if fit.statistics is None:
        fit.parameters.terms()
        return fit
    parameters = estimation.step(fit.statistics, fit.parameters)
    try:
        parameters.terms()
    except SingularCovarianceError:
        return replace(fit, outcome=Outcome.SINGULAR)
    return replace(fit, parameters=parameters)


def _assess(fit: Fit[P], statistics: SufficientStatistics, estimation: Estimation[P], stopping: Stopping) -> Fit[P]:
    """Take in what a sweep found, and end the fit where it is done."""
    history = (*fit.history, estimation.objective(fit.parameters, statistics) / statistics.weight)
    fit = replace(fit, statistics=statistics, history=history)
    outcome = None
    if len(history) > 1 and abs(history[-1] - history[-2]) < stopping.tol:
        outcome = Outcome.CONVERGED
    elif len(history) >= stopping.max_iter:
        outcome = Outcome.ITERATION_LIMIT
    flaw = None if outcome is None else estimation.flaw(fit.parameters, statistics)
    return replace(fit, outcome=outcome if flaw is None else flaw.outcome, flaw=flaw)


def _replaced(fits: list[Fit[P]], where: Sequence[int], new: Sequence[Fit[P]]) -> list[Fit[P]]:
    by_index = dict(zip(where, new, strict=True))
    return [by_index.get(index, fit) for index, fit in enumerate(fits)]


def mean_objective(fit: Fit[Any]) -> float:
    """Per unit of weight, as of the last sweep; minus infinity before the first."""
    return fit.history[-1] if fit.history else -np.inf
