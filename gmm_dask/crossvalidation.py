"""V-fold cross-validation: every candidate fitted V + 1 times, to the table and to it less each fold, in shared passes.

What counts is the log-likelihood of rows that a fit has not seen (Smyth 2000, "Model selection for probabilistic
clustering using cross-validated likelihood", Statistics and Computing 10:63-72). A fit to part of the rows is one like
any other, with starts of its own, so that a start that was lucky with rows held out helps nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar, final

import numpy as np

from gmm_dask.em import Problem, Progress, Selected, Sweep
from gmm_dask.engine import one_blas_thread
from gmm_dask.engine.folds import FoldSweep, Portion
from gmm_dask.mixture import Block, SufficientStatistics, Sweepable
from gmm_dask.mixture.criteria import cv
from gmm_dask.table.folds import Folds
from gmm_dask.table.hashing import Rows

R = TypeVar("R")
Observe = Callable[[Progress], None]
Asked = Mapping[int, Sequence[Sweepable]]


class Solve(Protocol):
    """Fits the candidates to a problem's rows."""

    def __call__(self, problem: Problem, observe: Observe) -> list[Selected]: ...


def cross_validated(
    problem: Problem, sample_rows: Rows, folds: Folds, sweep: FoldSweep, solve: Solve, observe: Observe
) -> list[Selected]:
    """The candidates fitted to all rows, with their held-out log-likelihoods and the criterion `cv`.

    `sample_rows`: the numbers, in the whole table, of the rows of the problem's sample. `sweep` is over the table's
    shards, and takes the place of the problem's. `observe` sees the fits to all rows.
    """
    every = frozenset(range(folds.n))
    shown = [every, *(every - {fold} for fold in range(folds.n))]
    problems = [problem, *(_without(problem, folds.of(sample_rows) != fold) for fold in range(folds.n))]

    def shared(asked: Asked) -> list[list[SufficientStatistics]]:
        return sweep([Portion(shown[number], candidates) for number, candidates in asked.items()])

    def solved(number: int, sweep: Sweep, check: Callable[[], None]) -> list[Selected]:
        def observed(progress: Progress) -> None:
            check()
            if number == 0:
                observe(progress)

        with one_blas_thread():
            return solve(replace(problems[number], sweep=sweep), observe=observed)

    whole, *others = in_step([partial(solved, number) for number in range(folds.n + 1)], shared)
    held_out = sweep(
        [Portion(frozenset([fold]), [result.fit.parameters for result in each]) for fold, each in enumerate(others)]
    )
    return [
        _with_held_out(result, statistics, problem.log_jacobian)
        for result, *statistics in zip(whole, *held_out, strict=True)
    ]


def _without(problem: Problem, is_kept: np.ndarray) -> Problem:
    """The problem of some of the rows; `is_kept` (n,): which of the sample's."""
    block, kept = problem.sample.block, np.flatnonzero(is_kept)
    weights = None if block.weights is None else block.weights[kept]
    rows = Block(np.take(block.dense(), kept, axis=1), weights)
    n_rows = problem.n_rows * kept.size // is_kept.size
    return replace(problem, sample=replace(problem.sample, block=rows), n_rows=n_rows)


def _with_held_out(result: Selected, statistics: Sequence[SufficientStatistics], log_jacobian: float) -> Selected:
    """`statistics`: of each fold's rows under the fit that has not seen them. The Jacobian is shared out by weight, as
    it is the same for all candidates."""
    total = sum(each.weight for each in statistics)
    held_out = tuple(each.log_likelihood + log_jacobian * each.weight / total for each in statistics)
    summary = replace(result.summary, held_out=held_out)
    return replace(result, summary=summary, criteria={**result.criteria, "cv": cv(summary)})


def in_step(
    climbs: Sequence[Callable[[Sweep, Callable[[], None]], R]], pass_for: Callable[[Asked], list[Any]]
) -> list[R]:
    """Run functions that ask for sweeps, so that one pass serves all of them; their results.

    Each runs in a thread of its own until it asks, and waits there while the others do: a climb is written as a loop
    that asks, and stays so. `pass_for` is called in this thread, with the candidates of every climb that is not over,
    by its number. A climb is also handed what to call now and then, which raises where the others have been given up.

    Raises what a climb or a pass raised first, after all threads have ended.
    """
    steps = _Steps[R](len(climbs))
    with ThreadPoolExecutor(len(climbs)) as pool:
        for number, climb in enumerate(climbs):
            pool.submit(steps.run, number, climb)
        try:
            steps.serve(pass_for)
        finally:
            steps.close()
    return [steps.results[number] for number in range(len(climbs))]


class _GivenUpError(Exception):
    """Ends a climb whose result nobody wants any more."""


@final
class _Steps(Generic[R]):
    """The climbs' side and the passes' side of `in_step`."""

    def __init__(self, n: int) -> None:
        self.results = dict[int, R]()
        self._events = SimpleQueue[tuple[int, Sequence[Sweepable] | BaseException | None]]()
        self._answers = [SimpleQueue[list[SufficientStatistics] | None]() for _ in range(n)]
        self._is_over = False

    def run(self, number: int, climb: Callable[[Sweep, Callable[[], None]], R]) -> None:
        """In a thread: the climb to its end, of which `serve` hears."""
        try:
            self.results[number] = climb(partial(self._ask, number), self._check)
        except BaseException as error:  # noqa: BLE001 (raised by `serve`)
            self._events.put((number, error))
        else:
            self._events.put((number, None))

    def serve(self, pass_for: Callable[[Asked], list[Any]]) -> None:
        """A pass whenever all climbs that are not over have asked for one, until all are. Raises what one raised."""
        running, asked = set(range(len(self._answers))), dict[int, Sequence[Sweepable]]()
        while running:
            number, event = self._events.get()
            if isinstance(event, BaseException):
                raise event
            if event is None:
                running.discard(number)
            else:
                asked[number] = event
            if running and asked.keys() == running:
                found = pass_for(dict(sorted(asked.items())))
                for each, statistics in zip(sorted(asked), found, strict=True):
                    self._answers[each].put(statistics)
                asked.clear()

    def close(self) -> None:
        """Let climbs end that still wait, or will ask."""
        self._is_over = True
        for answers in self._answers:
            answers.put(None)

    def _ask(self, number: int, candidates: Sequence[Sweepable]) -> list[SufficientStatistics]:
        self._events.put((number, candidates))
        answer = self._answers[number].get()
        if answer is None:
            raise _GivenUpError
        return answer

    def _check(self) -> None:
        if self._is_over:
            raise _GivenUpError
