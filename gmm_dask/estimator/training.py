"""From rows to a fitted mixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmm_dask.em import Progress, Stopping
from gmm_dask.engine import Engine, TableSweep, held_table
from gmm_dask.estimator.initial import Initial
from gmm_dask.estimator.inputs import Rows
from gmm_dask.estimator.solving import Solution, solve
from gmm_dask.estimator.starts import StartRows, start
from gmm_dask.estimator.table import means_of, shifted_by
from gmm_dask.mixture import Block, Float, MixtureParameters
from gmm_dask.table.prepare import Preparation, Sampling, sample_block
from gmm_dask.table.shards import plan_shards

START_ROWS = 50_000
"""Starts for rows that do not lie in memory are found on so many of them at most."""


@dataclass(frozen=True)
class Task:
    """What is to be fitted and how; the fields are the estimator's parameters of these names.

    `initial`: what is given of the start. `previous`: the lower bound that a warm start goes on from.
    """

    initial: Initial
    n_components: int
    init_params: str
    n_init: int
    reg_covar: float
    stopping: Stopping
    random_state: np.random.RandomState
    observe: Callable[[Progress], None]
    previous: float = -np.inf


def train(task: Task, rows: Rows, engine: Engine) -> tuple[Solution, Float]:
    """The best fit, about the shift (d,) that is returned with it. Raises BadInputError and SingularCovarianceError."""
    shift = means_of(rows, engine)
    preparation = shifted_by(shift, rows)
    regularisation = np.full(len(rows.features), float(task.reg_covar))
    given = task.initial.whole(shift)
    sampling = Sampling(0, 0) if given or rows.in_memory else _sampling(task, rows)
    shapes = [(task.n_components, task.initial.family.features)]
    with held_table(engine, preparation, plan_shards(rows.source), sampling, shapes) as table:
        if given:
            starts = [given]
        else:
            block = (
                _every_row(rows, preparation)
                if rows.in_memory
                else sample_block(table.sample, weighted=rows.weight is not None)
            )
            starts = _starts(task, StartRows.of(block, shift, task.n_components), regularisation)
        sweep = TableSweep(engine, table.shards)
        solution = solve(sweep, starts, regularisation, task.stopping, task.observe, previous=task.previous)
    return solution, shift


def _sampling(task: Task, rows: Rows) -> Sampling:
    n_rows = rows.source.n_rows
    # scikit-learn draws no number before the starts, so none may go into a sample of all rows.
    seed = int(task.random_state.randint(np.iinfo(np.int32).max)) if n_rows > START_ROWS else 0
    return Sampling(seed, START_ROWS) if rows.weight else Sampling.among(seed, START_ROWS, n_rows)


def _every_row(rows: Rows, preparation: Preparation) -> Block:
    source = rows.source
    return preparation.prepare(source.read(0, source.n_rows, preparation.columns), 0, source.name).block


def _starts(task: Task, rows: StartRows, regularisation: Float) -> list[MixtureParameters]:
    found = [
        start(task.init_params, rows, task.n_components, task.initial.family, regularisation, task.random_state)
        for _ in range(task.n_init)
    ]
    return [task.initial.over(each, rows.shift) for each in found]
