"""From a source to fitted models: profile, schema, transforms, shards, and candidates fitted in shared sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import NamedTuple

import numpy as np

from gmm_dask.config import Columns, Fitting
from gmm_dask.crossvalidation import cross_validated
from gmm_dask.em import (
    Candidate,
    MaximumAPosteriori,
    MaximumLikelihood,
    Problem,
    Progress,
    Sample,
    Selected,
    Stopping,
    fit_candidates,
)
from gmm_dask.engine import (
    BlockSweep,
    Engine,
    HeldTable,
    TableSweep,
    held_table,
    one_blas_thread,
    predicted_profile_bytes,
    require_room,
)
from gmm_dask.engine.folds import FoldSweep
from gmm_dask.errors import BadInputError, UsageError, did_you_mean
from gmm_dask.mixture import Block, ConjugatePrior, Float
from gmm_dask.model import MixtureModel, require_same_columns
from gmm_dask.progress import Observer, Silent
from gmm_dask.selection import Selection, left_out_note
from gmm_dask.table.columns import is_narrow, numeric
from gmm_dask.table.folds import Folds
from gmm_dask.table.prepare import Preparation, Tally, batches_of, sample_block
from gmm_dask.table.profile import TableProfile, merge, profile_batch
from gmm_dask.table.schema import TableSchema, infer_schema
from gmm_dask.table.shards import Shard, plan_shards, row_bytes
from gmm_dask.table.source import Source
from gmm_dask.table.transforms import choose as choose_transform

_ROWS_PER_PARAMETER, _SHARE, _MOST_ROWS, _MOST_BYTES = 20, 1 / 20, 200_000, 2**25
"""Of the sample that starts are tried on: fewer rows leave its optimum far from the table's, and a twentieth of the
table costs little beside it, as long as this process can hold it."""


def profile_source(
    source: Source, engine: Engine, *, seed: int = 0, sample_rows: int = 20_000, observer: Observer | None = None
) -> TableProfile:
    """One pass over all columns. Raises ResourceError where it would not fit the memory of those who read."""
    observer = observer or Silent()
    observer.stage("profile")
    n_bytes = predicted_profile_bytes(len(source.schema), row_bytes(source.schema), sample_rows)
    require_room(engine.rooms(), n_bytes, "profiling this table")
    shared = seed, sample_rows, source.n_rows
    return engine.map_reduce(_profile_shard, plan_shards(source), shared, merge, observer.shards)


class Reading(NamedTuple):
    """A table, what is known of it, and how its rows are read."""

    source: Source
    profile: TableProfile
    schema: TableSchema
    preparation: Preparation


class Solved(NamedTuple):
    """What came of fitting: the results, over which rows, and by which estimation."""

    results: tuple[Selected, ...]
    tally: Tally
    estimation: MaximumLikelihood | MaximumAPosteriori


Solve = Callable[..., list[Selected]]
"""Takes a problem, a stopping rule and, if the fits are to be seen by somebody else, an observer."""


def fit_source(
    source: Source,
    engine: Engine,
    candidates: Sequence[Candidate],
    *,
    criterion: str = "bic",
    folds: int = 5,
    columns: Columns | None = None,
    fitting: Fitting | None = None,
    seed: int = 0,
    previous: MixtureModel | None = None,
    observer: Observer | None = None,
) -> Selection:
    """Fit all candidates to the complete rows of a table. `previous`: a model whose segment numbers to take up.
    `folds`: parts of cross-validation, for the criterion "cv".

    Raises BadInputError where the table cannot be used: see `infer_schema`, `Preparation.prepare`, and below;
    UsageError where `previous` has other columns; ResourceError where memory cannot do.
    """
    columns, fitting, observer = columns or Columns(), fitting or Fitting(), observer or Silent()
    profile = profile_source(source, engine, seed=seed, sample_rows=fitting.sample_rows, observer=observer)
    schema = infer_schema(profile, overrides=roles_of(columns))
    if previous is not None:
        require_same_columns(list(schema.continuous), previous, "previous")
    reading = Reading(source, profile, schema, preparation_of(columns, schema, profile))

    def solve(
        problem: Problem, stopping: Stopping, observe: Callable[[Progress], None] = observer.iteration
    ) -> list[Selected]:
        return fit_candidates(
            problem,
            candidates,
            stopping,
            n_init=fitting.n_init,
            seed=seed,
            accelerated=fitting.acceleration == "auto",
            observe=observe,
        )

    parts = Folds(seed, folds) if criterion == "cv" else None
    solved = solve_over(reading, engine, candidates, solve, fitting, observer, parts)
    return selection_of(reading, solved, criterion, seed, previous)


def solve_over(
    reading: Reading,
    engine: Engine,
    candidates: Sequence[Candidate],
    solve: Solve,
    fitting: Fitting,
    observer: Observer,
    folds: Folds | None = None,
) -> Solved:
    """Hold the rows of a table for sweeps of these candidates, and solve the problem that they pose.

    With `folds` it is solved without the rows of each fold as well, for cross-validation.
    """
    source, profile, _, preparation = reading
    size = _sample_size(candidates, len(preparation.transforms), fitting.sample_rows, profile.n_rows)
    sampling = preparation.sampling(profile.sample, profile.n_rows, size)
    shapes = [(candidate.n_components, candidate.family.features) for candidate in candidates]
    shapes *= 1 if folds is None else 1 + folds.n
    observer.stage("prepare")
    with held_table(engine, preparation, plan_shards(source), sampling, shapes, observer.shards, folds) as table:
        require_complete_rows(
            table.tally, {name: profile[name].n_missing for name in reading.schema.continuous}, preparation.weight
        )
        for note in (*table.notes, *left_out_note(table.tally)):
            observer.note(note)
        observer.stage("fit")
        sweep = TableSweep(engine, table.shards, observer.shards)
        problem = _problem(sweep, table, fitting, weighted=preparation.weight is not None)
        stopping = Stopping(fitting.tol, fitting.max_iter, looks_ahead=True)
        # Starts are tried in this process whatever the engine: with more BLAS threads they would have other bits.
        with one_blas_thread():
            if folds is None:
                results = solve(problem, stopping)
            else:
                by_fold = FoldSweep(engine, table.shards, folds.n, observer.shards)
                fit = partial(solve, stopping=stopping)
                results = cross_validated(problem, table.sample.rows, folds, by_fold, fit, observer.iteration)
    prior = problem.prior
    estimation = MaximumLikelihood(problem.regularisation) if prior is None else MaximumAPosteriori(prior)
    return Solved(tuple(results), table.tally, estimation)


def selection_of(
    reading: Reading, solved: Solved, criterion: str, seed: int, previous: MixtureModel | None
) -> Selection:
    """What was solved, with all that is known of the table."""
    return Selection(
        reading.profile,
        reading.schema,
        reading.preparation,
        solved.tally,
        solved.results,
        criterion,
        seed,
        reading.source.fingerprint,
        solved.estimation,
        previous,
    )


def _sample_size(candidates: Sequence[Candidate], d: int, asked: int, n_rows: int) -> int:
    """Rows to start from: as many as asked for, or more where the table is large or a candidate has many parameters."""
    needed = _ROWS_PER_PARAMETER * max(candidate.n_parameters(d) for candidate in candidates)
    return max(
        asked, min(needed, _MOST_BYTES // (8 * d)), min(int(_SHARE * n_rows), _MOST_ROWS, _MOST_BYTES // (8 * d))
    )


def _problem(sweep: TableSweep, table: HeldTable, fitting: Fitting, *, weighted: bool) -> Problem:
    block = sample_block(table.sample, weighted=weighted)
    return Problem(
        sweep=sweep,
        sample=Sample(block, BlockSweep.over, is_whole=block.n_rows == table.tally.n_used),
        regularisation=fitting.reg_covar * _variances(block),
        n_rows=table.tally.n_used,
        log_jacobian=table.tally.log_jacobian,
        prior=ConjugatePrior.of_rows(block) if fitting.prior == "inverse-wishart" else None,
    )


def _profile_shard(shard: Shard, shared: tuple[int, int, int]) -> TableProfile:
    seed, sample_rows, n_rows = shared
    return reduce(
        merge,
        (
            profile_batch(table, first_row=first_row, seed=seed, sample_rows=sample_rows, n_rows=n_rows, where=where)
            for table, first_row, where in batches_of(shard)
        ),
    )


def roles_of(columns: Columns) -> dict[str, str | list[str]]:
    """What the configuration says of roles, in the words of `infer_schema`."""
    given = columns.model_dump(include={"key", "continuous", "categorical", "ignored", "weight"}, exclude_none=True)
    return {role: names for role, names in given.items() if names}


def preparation_of(columns: Columns, schema: TableSchema, profile: TableProfile) -> Preparation:
    """What is modelled, and the transforms: those asked for, else chosen by the profile. Raises UsageError."""
    for name in columns.transforms:
        if name not in schema.continuous:
            raise UsageError(
                f"a transform is given for column {name!r}, which is not modelled",
                advice=did_you_mean(name, schema.continuous),
            )
    transforms = []
    for name in schema.continuous:
        sample = numeric(profile.sample.table, name)
        kind = columns.transforms.get(name, columns.transform)
        transforms.append((name, choose_transform(kind, profile[name], sample)))
    narrow = (name for name in schema.continuous if is_narrow(profile[name].type))
    return Preparation(tuple(transforms), schema.weight, frozenset(narrow))


def require_complete_rows(tally: Tally, missing: Mapping[str, int], weight: str | None) -> None:
    """Raise BadInputError where no row counts. `missing`: the gaps of each modelled column; `weight`: of which column
    rows have their weights."""
    if tally.n_used:
        return
    if tally.n_complete:
        raise BadInputError(
            f"all {tally.n_complete} complete rows have weight 0",
            expected="some rows with a positive weight",
            advice=f"See column {weight!r}, or leave the weight out.",
        )
    first = max(missing, key=missing.__getitem__)
    raise BadInputError(
        f"none of {tally.n_rows} rows has a value in every modelled column; {first!r} misses {missing[first]}",
        advice=f"Give {first!r} the role ignored, or name fewer continuous columns.",
    )


def _variances(block: Block) -> Float:
    """(d,) weighted variances; 1 for a column that does not vary, so that regularisation still has a size."""
    weights = np.ones(block.n_rows) if block.weights is None else block.weights
    deviations = block.z - np.average(block.z, axis=1, weights=weights)[:, None]
    variances: Float = np.average(deviations**2, axis=1, weights=weights)
    return np.where(variances > 0, variances, 1.0)
