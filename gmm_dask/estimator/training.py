"""From rows to a fitted mixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmm_dask.em import Progress, Stopping
from gmm_dask.engine import Engine
from gmm_dask.estimator.initial import Initial
from gmm_dask.estimator.inputs import Rows
from gmm_dask.estimator.solving import Solution, solve
from gmm_dask.estimator.starts import StartRows, start
from gmm_dask.estimator.table import ShiftedTable, hold_shifted
from gmm_dask.mixture import Float, MixtureParameters

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
    table = hold_shifted(rows, engine)
    regularisation = np.full(len(rows.features), float(task.reg_covar))
    sample_rows = table.n_rows if rows.in_memory else START_ROWS
    starts = _starts(task, table, sample_rows, regularisation)
    solution = solve(table.sweep, starts, regularisation, task.stopping, task.observe, previous=task.previous)
    return solution, table.shift


def _starts(task: Task, table: ShiftedTable, sample_rows: int, regularisation: Float) -> list[MixtureParameters]:
    given = task.initial.whole(table.shift)
    if given is not None:
        return [given]
    # scikit-learn draws no number before the starts, so none may go into a sample of all rows.
    draws = sample_rows < table.n_rows
    seed = int(task.random_state.randint(np.iinfo(np.int32).max)) if draws else 0
    rows = StartRows.of(table.sample(sample_rows, seed), table.shift, task.n_components)
    found = [
        start(task.init_params, rows, task.n_components, task.initial.family, regularisation, task.random_state)
        for _ in range(task.n_init)
    ]
    return [task.initial.over(each, table.shift) for each in found]
