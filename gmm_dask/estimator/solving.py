"""Expectation-maximisation as scikit-learn counts it.

An iteration is an E-step, which gives the lower bound of the parameters it began with, and an M-step, whose result the
fit returns when this iteration is the last: so the parameters are one step ahead of their bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

import numpy as np

from gmm_dask.em import Estimation, Fit, Progress, Stopping, Sweep, run
from gmm_dask.mixture import SingularCovarianceError, Sweepable

P = TypeVar("P", bound=Sweepable)
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Solution(Generic[P]):
    """Parameters after the last M-step, the mean objective of each iteration, and whether its change met `tol`.

    singular_in: the iteration whose M-step gave no mixture, `parameters` being those before it; 0 where all did.
    """

    parameters: P
    lower_bounds: tuple[float, ...]
    converged: bool
    singular_in: int = 0

    @property
    def is_singular(self) -> bool:
        """Whether the last M-step gave no mixture."""
        return self.singular_in > 0

    @property
    def lower_bound(self) -> float:
        """The last bound; minus infinity where no iteration was asked for."""
        return self.lower_bounds[-1] if self.lower_bounds else -np.inf

    def scaled(self, factor: float) -> Self:
        """The same with lower bounds times `factor`."""
        return replace(self, lower_bounds=tuple(factor * bound for bound in self.lower_bounds))


def solve(
    sweep: Sweep,
    starts: Sequence[P],
    estimation: Estimation[P],
    stopping: Stopping,
    observe: Callable[[Progress], None],
    *,
    previous: float = -np.inf,
) -> Solution[P]:
    """The best of the fits from all starts, which share their sweeps.

    `previous` is the lower bound that a fit goes on from: the first iteration is compared with it. Starts that come to
    a singular covariance matrix give way to the others. Raises `SingularCovarianceError` where all are singular as
    they are.
    """
    if stopping.max_iter == 0:
        return Solution(_checked(starts[-1]), (), converged=False)
    starts = survivors(_checked, starts)
    if np.isfinite(previous):
        fits = [_resumed(sweep, starts[0], estimation, stopping, observe, previous)]
    else:
        fits = run(sweep, starts, estimation, stopping, observe)
    solutions = [_solution(fit, estimation, stopping, previous) for fit in fits]
    return max(solutions, key=lambda solution: (not solution.is_singular, solution.lower_bound))


def survivors(function: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """[function(item) for each item], less those that raise `SingularCovarianceError`; if all do, that is raised."""
    results, errors = [], []
    for item in items:
        try:
            results.append(function(item))
        except SingularCovarianceError as error:
            errors.append(error)
    if not results:
        raise errors[0]
    return results


def _checked(parameters: P) -> P:
    parameters.terms()
    return parameters


def _resumed(
    sweep: Sweep,
    start: P,
    estimation: Estimation[P],
    stopping: Stopping,
    observe: Callable[[Progress], None],
    previous: float,
) -> Fit[P]:
    """A fit that may end with its first sweep, because the fit before has a bound to compare it with."""
    (first,) = sweep([start])
    bound = estimation.objective(start, first) / first.weight
    if abs(bound - previous) < stopping.tol:
        return Fit(start, first, (bound,))
    remembered = iter([[first]])  # no sweep is made twice
    (fit,) = run(lambda alive: next(remembered, None) or sweep(alive), [start], estimation, stopping, observe)
    return fit


def _solution(fit: Fit[P], estimation: Estimation[P], stopping: Stopping, previous: float) -> Solution[P]:
    assert fit.statistics is not None
    try:
        parameters = _checked(estimation.step(fit.statistics, fit.parameters))
    except SingularCovarianceError:
        # Where a bound is that of the M-step's result, the last iteration has none.
        bounds = tuple(bound for bound in fit.history if bound > -np.inf)
        return Solution(fit.parameters, bounds, converged=False, singular_in=len(fit.history))
    before, last = (previous, *fit.history)[-2:]
    return Solution(parameters, fit.history, converged=abs(last - before) < stopping.tol)
