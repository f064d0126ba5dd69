"""Fitting and choosing: candidates over K and covariance types, started on a sample, finished on the whole table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gmm_dask.em.driver import Fit, Progress, Stopping, Sweep, mean_objective, run
from gmm_dask.em.estimation import MaximumLikelihood
from gmm_dask.em.outcome import Outcome
from gmm_dask.em.starts import parameters_from_labels, start_labels
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import (
    CRITERIA,
    Block,
    CovarianceFamily,
    FitSummary,
    Float,
    MixtureParameters,
    SingularCovarianceError,
    criterion_named,
)

_SAMPLE_ITERATIONS = 100
_SAMPLE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Candidate:
    """One row of a selection: a number of components and a covariance family."""

    n_components: int
    family: CovarianceFamily


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
    """What is to be fitted: the sweep over all rows, a sample of them with a sweep of its own, and constants.

    `log_jacobian`: the sum over rows of w * log|dz/dx|, which brings log-likelihoods from model to source units.
    """

    sweep: Sweep
    sample: Block
    sample_sweep: Sweep
    regularisation: Float
    n_rows: int
    log_jacobian: float = 0.0


def fit_candidates(
    problem: Problem,
    candidates: Sequence[Candidate],
    stopping: Stopping,
    *,
    n_init: int,
    seed: int,
    observe: Callable[[Progress], None] = lambda progress: None,
) -> list[Selected]:
    """Fit every candidate, all in shared sweeps. Raises BadInputError when a K exceeds the number of rows.

    Each candidate is started `n_init` times on the sample; its best start there goes on over the whole table.
    """
    _check_rows(problem, candidates)
    starts = _best_starts(problem, candidates, n_init, seed, observe)
    fits = run(problem.sweep, starts, MaximumLikelihood(problem.regularisation), stopping, observe)
    return [_summarised(problem, candidate, fit) for candidate, fit in zip(candidates, fits, strict=True)]


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


def _best_starts(
    problem: Problem,
    candidates: Sequence[Candidate],
    n_init: int,
    seed: int,
    observe: Callable[[Progress], None],
) -> list[MixtureParameters]:
    """Short runs on the sample, all sharing their sweeps; each candidate's best by likelihood, sound endings first."""
    starts = [_starts(problem, candidate, n_init, seed) for candidate in candidates]
    fits = iter(
        run(
            problem.sample_sweep,
            [start for group in starts for start in group],
            MaximumLikelihood(problem.regularisation),
            Stopping(_SAMPLE_TOLERANCE, _SAMPLE_ITERATIONS),
            observe,
            stage="starts",
        )
    )
    return [max((next(fits) for _ in group), key=_soundness).parameters for group in starts]


def _starts(problem: Problem, candidate: Candidate, n_init: int, seed: int) -> list[MixtureParameters]:
    """The starts of a candidate, less those that are singular from the outset where others are not."""
    k, family, sample = candidate.n_components, candidate.family, problem.sample
    attempts = range(n_init if k > 1 else 1)
    labels = [start_labels(sample, k, seed=seed, attempt=attempt) for attempt in attempts]
    starts = [parameters_from_labels(sample, each, k, family, problem.regularisation) for each in labels]
    return list(filter(_is_regular, starts)) or starts


def _is_regular(start: MixtureParameters) -> bool:
    try:
        start.factors()
    except SingularCovarianceError:
        return False
    return True


def _soundness(fit: Fit[MixtureParameters]) -> tuple[bool, float]:
    return fit.outcome is not None and fit.outcome.trustworthy, mean_objective(fit)


def _summarised(problem: Problem, candidate: Candidate, fit: Fit[MixtureParameters]) -> Selected:
    assert fit.statistics is not None
    summary = FitSummary(
        fit.statistics.log_likelihood + problem.log_jacobian,
        fit.statistics.log_assignment,
        fit.parameters.n_parameters,
        fit.statistics.weight,
    )
    return Selected(candidate, fit, summary, {name: criterion(summary) for name, criterion in CRITERIA.items()})
