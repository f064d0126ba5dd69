"""From rows to a fitted mixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from gmm_dask.em import Stopping
from gmm_dask.engine import Engine, HeldTable, TableSweep, held_table, one_blas_thread
from gmm_dask.estimator.attributes import Attribute
from gmm_dask.estimator.initial import Grounds, Initial, Method
from gmm_dask.estimator.inputs import Rows
from gmm_dask.estimator.solving import P, Solution, solve, survivors
from gmm_dask.estimator.starts import StartRows, start
from gmm_dask.estimator.table import shift_of, shifted_by
from gmm_dask.estimator.verbose import Observer
from gmm_dask.mixture import Block, CovarianceFamily, Float
from gmm_dask.table.prepare import Preparation, Sampling, sample_block
from gmm_dask.table.shards import plan_shards

START_ROWS = 50_000
"""Starts for rows that do not lie in memory are found on so many of them at most."""


@dataclass(frozen=True)
class Task(Generic[P]):
    """What is to be fitted and how; most fields are the estimator's parameters of these names.

    `initial`: what the others ask for. `previous`: the lower bound that a warm start goes on from.
    """

    family: CovarianceFamily
    initial: Initial[P]
    n_components: int
    init_params: str
    n_init: int
    reg_covar: float
    stopping: Stopping
    random_state: np.random.RandomState
    observe: Observer
    previous: float = -np.inf


@dataclass(frozen=True)
class Trained(Generic[P]):
    """The best fit, about `shift` (d,), and what the estimator notes besides it."""

    solution: Solution[P]
    shift: Float
    attributes: Mapping[str, Attribute]


def train(task: Task[P], rows: Rows, engine: Engine) -> Trained[P]:
    """Raises BadInputError and SingularCovarianceError."""
    shift = shift_of(rows, engine)
    preparation = shifted_by(shift, rows, rows.narrow)
    regularisation = np.full(len(rows.features), float(task.reg_covar))
    given = task.initial.given(shift)
    sampling = Sampling(0, 0) if given or rows.in_memory else _sampling(task, rows)
    shapes = [(task.n_components, task.family.features)]
    with held_table(engine, preparation, plan_shards(rows.source), sampling, shapes) as table, one_blas_thread():
        sweep = TableSweep(engine, table.shards)
        grounds = Grounds(shift, regularisation, table.tally.weight, sweep)
        method = task.initial.method(grounds)
        starts = [given] if given else _starts(task, method, rows, preparation, table, grounds)
        solution = solve(
            sweep,
            starts,
            method.estimation,
            replace(task.stopping, tol=task.stopping.tol / method.scale),
            lambda progress: task.observe(progress, method.scale),
            previous=task.previous / method.scale,
        )
    return Trained(solution.scaled(method.scale), shift, method.attributes)


def _sampling(task: Task[P], rows: Rows) -> Sampling:
    n_rows = rows.source.n_rows
    # scikit-learn draws no number before the starts, so none may go into a sample of all rows.
    seed = int(task.random_state.randint(np.iinfo(np.int32).max)) if n_rows > START_ROWS else 0
    return Sampling(seed, START_ROWS) if rows.weight else Sampling.among(seed, START_ROWS, n_rows)


def _starts(
    task: Task[P], method: Method[P], rows: Rows, preparation: Preparation, table: HeldTable, grounds: Grounds
) -> list[P]:
    """Begun with what `init_params` finds on the rows: once for each of `n_init`."""
    block = _every_row(rows, preparation) if rows.in_memory else sample_block(table.sample, weighted=bool(rows.weight))
    among = StartRows.of(block, grounds.shift, task.n_components)

    def begin(attempt: int) -> P:
        regularisation, rng = grounds.regularisation, task.random_state
        found = start(task.init_params, among, task.n_components, task.family, regularisation, rng)
        return method.begin(found, among.block.weight)

    return survivors(begin, range(task.n_init))


def _every_row(rows: Rows, preparation: Preparation) -> Block:
    """All rows, in float64: they are few enough to be held so while starts are looked for."""
    source = rows.source
    block = preparation.prepare(source.read(0, source.n_rows, preparation.columns), 0, source.name).block
    return Block(block.dense(), block.weights)
