"""A fit that goes on from a saved model, over another table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gmm_dask.config import Columns, Fitting
from gmm_dask.em import (
    Candidate,
    Problem,
    Progress,
    Selected,
    Stopping,
    Sweep,
    acceleration_for,
    run,
    summarised,
)
from gmm_dask.engine import Engine
from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.fitting import Reading, profile_source, selection_of, solve_over
from gmm_dask.mixture import (
    CovarianceFamily,
    MixtureParameters,
    SufficientStatistics,
    Sweepable,
)
from gmm_dask.model import MixtureModel, inhabited, preparation_for, widened
from gmm_dask.progress import Observer, Silent
from gmm_dask.selection import Selection
from gmm_dask.table.profile import TableProfile
from gmm_dask.table.source import Source


def refit_source(
    source: Source,
    engine: Engine,
    start: MixtureModel,
    *,
    fitting: Fitting | None = None,
    seed: int = 0,
    previous: MixtureModel | None = None,
    observer: Observer | None = None,
) -> Selection:
    """Fit the mixture of `start` to the complete rows of a table, from its parameters on, in its model units.

    No starts are tried (`fitting.n_init` means nothing here). Components that have fewer than two rows in this table
    are left out. The segment numbers are those of `previous`, or else of `start`.

    Raises BadInputError where the table has not the columns of `start`, or cannot be used: see `Preparation.prepare`;
    ResourceError where memory cannot do.
    """
    fitting, observer = fitting or Fitting(), observer or Silent()
    preparation = preparation_for(start, source)
    profile = profile_source(source, engine, seed=seed, sample_rows=fitting.sample_rows, observer=observer)
    preparation = widened(preparation, [_range(profile, name) for name in start.columns])
    accelerated = fitting.acceleration == "auto"
    solve = partial(_solve, start=start.parameters, accelerated=accelerated, observe=observer.iteration)
    reading = Reading(source, profile, start.schema, preparation)
    solved = solve_over(reading, engine, [_candidate(start.parameters)], solve, fitting, observer)
    return selection_of(reading, solved, "bic", seed, previous or start)


def require_agreement(
    start: MixtureModel, n_components: int | None, family: CovarianceFamily | None, columns: Columns
) -> None:
    """Raise UsageError where what is asked for is not what `start` is."""
    found = start.n_components, start.parameters.family
    advice = "Leave that out, or fit without a start: `previous` keeps segment numbers all the same."
    if n_components not in (None, found[0]):
        raise UsageError(f"{n_components} components, and a start of {found[0]}", expected="the same", advice=advice)
    if family not in (None, found[1]):
        name = "" if family is None else family.name
        raise UsageError(f"type {name}, and a start of type {found[1].name}", expected="the same", advice=advice)
    if columns != Columns():
        raise UsageError("roles or transforms of columns, and a start, which brings its own", advice=advice)


def _range(profile: TableProfile, name: str) -> tuple[float, float]:
    """The extremes of a column, an empty range where it has no values."""
    column = profile[name]
    if column.minimum is None or column.maximum is None:
        return np.inf, -np.inf
    return float(column.minimum), float(column.maximum)


def _solve(
    problem: Problem,
    stopping: Stopping,
    *,
    start: MixtureParameters,
    accelerated: bool,
    observe: Callable[[Progress], None],
) -> list[Selected]:
    """One pass to see which components are there, and the fit of these."""
    (seen,) = problem.sweep([start])
    there = inhabited(seen)
    if there.size == 0:
        raise BadInputError(
            f"no component of the start has two of the {problem.n_rows} complete rows",
            advice="Give more rows, or update the model, which remembers the rows before.",
        )
    if there.size < start.n_components:
        left = start.ordered(there)
        start, sweep = replace(left, weights=left.weights / left.weights.sum()), problem.sweep
    else:
        sweep = _knowing(problem.sweep, start, seen)
    acceleration = acceleration_for(problem, stopping, accelerated=accelerated)
    (fit,) = run(sweep, [start], problem.estimation, stopping, observe, acceleration=acceleration)
    return [summarised(problem, _candidate(start), fit)]


def _knowing(sweep: Sweep, parameters: MixtureParameters, statistics: SufficientStatistics) -> Sweep:
    """A sweep that needs no pass for these parameters alone."""

    def swept(candidates: Sequence[Sweepable]) -> list[SufficientStatistics]:
        return [statistics] if candidates[0] is parameters else sweep(candidates)

    return swept


def _candidate(parameters: MixtureParameters) -> Candidate:
    return Candidate(parameters.n_components, parameters.family)
