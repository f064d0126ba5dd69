"""Fitting and choosing: candidates over K and covariance types, started on a sample, finished on the whole table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gmm_dask.em.acceleration import Acceleration, QuasiNewton
from gmm_dask.em.candidate import Candidate
from gmm_dask.em.corrected import SampleSteps
from gmm_dask.em.driver import Fit, Progress, Stopping, Sweep, run, soundness
from gmm_dask.em.estimation import Estimation, MaximumAPosteriori, MaximumLikelihood
from gmm_dask.em.halving import Sample, best_starts
from gmm_dask.em.outcome import Outcome
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import CRITERIA, ConjugatePrior, FitSummary, Float, MixtureParameters, criterion_named

_FEW_ROWS = 2.0
"""Where the table has less than so many times the rows of its sample, a pass over it costs little more than one over
the sample, and steps are found on the table itself."""


@dataclass(frozen=True)
class Selected:
    """A fitted candidate with its criteria. `log_likelihood` is the total over rows, in source units."""

    candidate: Candidate
    fit: Fit[MixtureParameters]
    summary: FitSummary
    criteria: Mapping[str, float]

    @property
    def outcome(self) -> Outcome:
        assert self.fit.outcome is not None
        return self.fit.outcome


@dataclass(frozen=True)
class Problem:
    """What is to be fitted: the sweep over all rows, a sample of them in memory, and constants.

    `prior`: fit by greatest posterior density under it, instead of likelihood. `log_jacobian`: the sum over rows of
    w * log|dz/dx|, which brings log-likelihoods from model to source units.
    """

    sweep: Sweep
    sample: Sample
    regularisation: Float
    n_rows: int
    log_jacobian: float = 0.0
    prior: ConjugatePrior | None = None

    @property
    def estimation(self) -> Estimation[MixtureParameters]:
        if self.prior is not None:
            return MaximumAPosteriori(self.prior, self.sample.block)
        return MaximumLikelihood(self.regularisation, self.sample.block)


def fit_candidates(
    problem: Problem,
    candidates: Sequence[Candidate],
    stopping: Stopping,
    *,
    n_init: int,
    seed: int,
    accelerated: bool = True,
    observe: Callable[[Progress], None] = lambda progress: None,
) -> list[Selected]:
    """Fit every candidate, all in shared sweeps. Raises BadInputError when a K exceeds the number of rows.

    Each candidate is started `n_init` times on the sample; its best start there goes on over the whole table, and the
    next best too where the sample cannot tell them apart.
    """
    _check_rows(problem, candidates)
    estimation = problem.estimation
    in_memory = QuasiNewton() if accelerated else QuasiNewton(memory=0)
    starts = best_starts(
        problem.sample,
        candidates,
        estimation,
        problem.regularisation,
        n_init=n_init,
        seed=seed,
        acceleration=in_memory,
        observe=observe,
    )
    flat = [start for group in starts for start in group]
    acceleration = acceleration_for(problem, stopping, accelerated=accelerated)
    fits = iter(run(problem.sweep, flat, estimation, stopping, observe, acceleration=acceleration))
    best = [max((next(fits) for _ in group), key=soundness) for group in starts]
    return [summarised(problem, candidate, fit) for candidate, fit in zip(candidates, best, strict=True)]


def acceleration_for(
    problem: Problem, stopping: Stopping, *, accelerated: bool = True
) -> Acceleration[MixtureParameters]:
    """How to step over the whole table: on its sample, if that is much smaller."""
    sample = problem.sample
    if not accelerated:
        return QuasiNewton(memory=0)
    if problem.n_rows < _FEW_ROWS * sample.block.n_rows:
        return QuasiNewton()
    return SampleSteps(sample.sweep_over(sample.block), problem.estimation, stopping.tol)


def choose(results: Sequence[Selected], criterion: str) -> int:
    """The index of the best candidate by a criterion, smaller being better.

    Candidates whose outcome is not trustworthy stand back behind all others: the likelihood of a spike has no bound,
    so their criterion says nothing.
    """
    criterion_named(criterion)
    return min(
        range(len(results)),
        key=lambda index: (not results[index].outcome.trustworthy, results[index].criteria[criterion]),
    )


def _check_rows(problem: Problem, candidates: Sequence[Candidate]) -> None:
    largest = max(candidate.n_components for candidate in candidates)
    if largest > problem.n_rows:
        raise BadInputError(
            f"{problem.n_rows} complete rows cannot hold {largest} components",
            expected="at least as many complete rows as components",
            advice="Ask for fewer components, or give more rows.",
        )


def summarised(problem: Problem, candidate: Candidate, fit: Fit[MixtureParameters]) -> Selected:
    """A fit that has ended, with its criteria in source units."""
    assert fit.statistics is not None
    summary = FitSummary(
        fit.statistics.log_likelihood + problem.log_jacobian,
        fit.statistics.log_assignment,
        fit.parameters.n_parameters,
        fit.statistics.weight,
    )
    return Selected(candidate, fit, summary, {name: criterion(summary) for name, criterion in CRITERIA.items()})
