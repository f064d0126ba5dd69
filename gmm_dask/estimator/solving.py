"""Expectation-maximisation as scikit-learn counts it.

An iteration is an E-step, which gives the lower bound of the parameters it began with, and an M-step, whose result the
fit returns when this iteration is the last: so the parameters are one step ahead of their bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from gmm_dask.em import Fit, MaximumLikelihood, Progress, Stopping, Sweep, run
from gmm_dask.mixture import Float, MixtureParameters, SingularCovarianceError, m_step

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Solution:
    """Parameters after the last M-step, the mean log-likelihood before each, and whether its change met `tol`."""

    parameters: MixtureParameters
    lower_bounds: tuple[float, ...]
    converged: bool

    @property
    def lower_bound(self) -> float:
        """The last bound; minus infinity where no iteration was asked for."""
        return self.lower_bounds[-1] if self.lower_bounds else -np.inf


def solve(
    sweep: Sweep,
    starts: Sequence[MixtureParameters],
    regularisation: Float,
    stopping: Stopping,
    observe: Callable[[Progress], None],
    *,
    previous: float = -np.inf,
) -> Solution:
    """The best of the fits from all starts, which share their sweeps.

    `previous` is the lower bound that a fit goes on from: the first iteration is compared with it. Starts that come to
    a singular covariance matrix give way to the others; `SingularCovarianceError` is raised when none is left.
    """
    if stopping.max_iter == 0:
        return Solution(_checked(starts[-1]), (), converged=False)
    starts = _survivors(_checked, starts)
    if np.isfinite(previous):
        fits = [_resumed(sweep, starts[0], regularisation, stopping, observe, previous)]
    else:
        fits = run(sweep, starts, MaximumLikelihood(regularisation), stopping, observe)
    solutions = _survivors(lambda fit: _solution(fit, regularisation, stopping, previous), fits)
    return max(solutions, key=lambda solution: solution.lower_bound)


def _checked(parameters: MixtureParameters) -> MixtureParameters:
    parameters.factors()
    return parameters


def _survivors(function: Callable[[S], T], items: Sequence[S]) -> list[T]:
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


def _resumed(
    sweep: Sweep,
    start: MixtureParameters,
    regularisation: Float,
    stopping: Stopping,
    observe: Callable[[Progress], None],
    previous: float,
) -> Fit[MixtureParameters]:
    """A fit that may end with its first sweep, because the fit before has a bound to compare it with."""
    (first,) = sweep([start])
    bound = first.log_likelihood / first.weight
    if abs(bound - previous) < stopping.tol:
        return Fit(start, first, (bound,))
    remembered = iter([[first]])  # no sweep is made twice
    estimation = MaximumLikelihood(regularisation)
    (fit,) = run(lambda alive: next(remembered, None) or sweep(alive), [start], estimation, stopping, observe)
    return fit


def _solution(fit: Fit[MixtureParameters], regularisation: Float, stopping: Stopping, previous: float) -> Solution:
    assert fit.statistics is not None
    parameters = _checked(m_step(fit.statistics, fit.parameters.family, regularisation, fit.parameters))
    before, last = (previous, *fit.history)[-2:]
    return Solution(parameters, fit.history, converged=abs(last - before) < stopping.tol)
