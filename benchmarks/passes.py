"""How many passes over the table a fit needs, and where it ends: accelerated, plain, and scikit-learn.

    python benchmarks/passes.py --help

Every problem is fitted four times. "ours" is what `fit` does. "plain" is plain EM over the table from the best of the
same starts (the one that plain EM takes furthest on the sample). "refined" is `fit` with acceleration="none": starts
refined on the same samples, by plain EM, and plain EM from there. scikit-learn's GaussianMixture has n_init=10 and its
own defaults otherwise. All regularise by 1e-6 of a column's variance.

A pass is a sweep over all rows, whatever for: where the sample is the whole table, the starts' sweeps count too.
"passes" are those until the mean log-likelihood is within 1e-6 of the best known, which is the best of all, gone
on from for many iterations; a dash says that this optimum was not met. "off" is how far below it a fit ended, in nats
per row. The sample has --sample rows, or 20 to a parameter, or a twentieth of the table, whichever is most; a table
that has no more is its own sample.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measuring import Column, Table, on_cores, parser, write_json
from problems import SIZES, Problem, generated, real
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from gmm_dask import em
from gmm_dask.compiling import compile_all
from gmm_dask.engine import BlockSweep
from gmm_dask.mixture import FAMILIES, Block, MixtureParameters, SufficientStatistics, Sweepable

CLOSE = 1e-6
COLUMNS = [
    Column("problem", "problem".ljust(32)),
    Column("ours", "ours", "d"),
    Column("plain", "plain", "d"),
    Column("refined", "refined", "d"),
    Column("ratio", "ours / plain", ".2f"),
    Column("ours_off", "ours off", ".1e"),
    Column("plain_off", "plain off", ".1e"),
    Column("their_off", "sklearn off", ".1e"),
    Column("ours_seconds", "ours s", ".2f"),
    Column("refined_seconds", "refined s", ".2f"),
    Column("their_seconds", "sklearn s", ".2f"),
]


@dataclass
class Counted:
    """Sweeps over a table's rows, counted, with the best mean log-likelihood so far after each."""

    n_rows: int
    best: list[float] = field(default_factory=list)

    def over(self, block: Block) -> em.Sweep:
        sweep = BlockSweep.over(block)
        return self.watching(sweep) if block.n_rows == self.n_rows else sweep

    def watching(self, sweep: em.Sweep) -> em.Sweep:
        def watched(candidates: Sequence[Sweepable]) -> list[SufficientStatistics]:
            found = sweep(candidates)
            reached = max(statistics.log_likelihood / statistics.weight for statistics in found)
            self.best.append(max(reached, self.best[-1] if self.best else -np.inf))
            return found

        return watched

    def until(self, value: float) -> int | None:
        return next((number for number, best in enumerate(self.best, 1) if best >= value), None)


@dataclass(frozen=True)
class Ended:
    """Where a fit ended: parameters, mean log-likelihood, seconds, passes."""

    parameters: MixtureParameters
    value: float
    seconds: float
    passes: Counted | None = None


def ours(problem: Problem, sample_rows: int, *, accelerated: bool, seed: int = 0) -> Ended:
    block = Block(np.ascontiguousarray(problem.rows.T))
    counted = Counted(block.n_rows)
    candidate = em.Candidate(problem.n_components, FAMILIES["full"])
    sample_rows = max(sample_rows, 20 * candidate.n_parameters(problem.rows.shape[1]), block.n_rows // 20)
    sample = Block(np.ascontiguousarray(problem.rows[:sample_rows].T)) if block.n_rows > sample_rows else block
    start = time.perf_counter()
    (result,) = em.fit_candidates(
        em.Problem(
            counted.over(block),
            em.Sample(sample, counted.over, is_whole=sample is block),
            np.full(problem.rows.shape[1], 1e-6),
            block.n_rows,
        ),
        [candidate],
        em.Stopping(1e-6, 1000, looks_ahead=True),
        n_init=16,
        seed=seed,
        accelerated=accelerated,
    )
    return Ended(result.fit.parameters, result.fit.history[-1], time.perf_counter() - start, counted)


def plain(problem: Problem, sample_rows: int, *, n_init: int = 16, seed: int = 0) -> Ended:
    block, k = Block(np.ascontiguousarray(problem.rows.T)), problem.n_components
    sample = Block(np.ascontiguousarray(problem.rows[:sample_rows].T))
    estimation = em.MaximumLikelihood(np.full(problem.rows.shape[1], 1e-6))
    clusters = em.Starts.of(sample, [k], seed)
    labels = [clusters.labels(k, attempt) for attempt in range(n_init)]
    starts = [
        em.parameters_from_labels(sample, each, k, FAMILIES["full"], estimation.regularisation) for each in labels
    ]
    trials = em.run(BlockSweep.over(sample), starts, estimation, em.Stopping(1e-6, 500))
    best = max(range(n_init), key=lambda i: (trials[i].outcome is em.Outcome.CONVERGED, trials[i].history[-1]))
    counted, start = Counted(block.n_rows), time.perf_counter()
    stopping = em.Stopping(1e-7, 1000, looks_ahead=True)
    (fit,) = em.run(counted.over(block), [starts[best]], estimation, stopping, acceleration=em.QuasiNewton(memory=0))
    return Ended(fit.parameters, fit.history[-1], time.perf_counter() - start, counted)


def theirs(problem: Problem) -> Ended:
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianMixture(problem.n_components, n_init=10, random_state=0).fit(problem.rows)
    seconds = time.perf_counter() - start
    parameters = MixtureParameters(FAMILIES["full"], fitted.weights_, fitted.means_, fitted.covariances_)
    return Ended(parameters, float(fitted.score(problem.rows)), seconds)


def best_known(problem: Problem, ended: Sequence[Ended]) -> float:
    """The best of all, after many more iterations from the end of each."""
    block = Block(np.ascontiguousarray(problem.rows.T))
    estimation = em.MaximumLikelihood(np.full(problem.rows.shape[1], 1e-6))
    fits = em.run(
        BlockSweep.over(block),
        [each.parameters for each in ended],
        estimation,
        em.Stopping(1e-9, 300, looks_ahead=True),
        acceleration=em.QuasiNewton(),
    )
    return max(*(fit.history[-1] for fit in fits), *(each.value for each in ended))


def measure(problem: Problem, options: argparse.Namespace) -> dict[str, Any]:
    n, d = problem.rows.shape
    ended = {
        "ours": ours(problem, options.sample, accelerated=True),
        "refined": ours(problem, options.sample, accelerated=False),
        "plain": plain(problem, options.sample),
    }
    if n * d * d * problem.n_components <= options.most_work * 1e6:
        ended["their"] = theirs(problem)
    best = best_known(problem, list(ended.values()))
    passes = {name: each.passes.until(best - CLOSE) for name, each in ended.items() if each.passes}
    return {
        "problem": problem.name.ljust(32),
        "n_rows": n,
        **passes,
        "ratio": passes["ours"] / passes["plain"] if passes["ours"] and passes["plain"] else None,
        **{f"{name}_off": best - each.value for name, each in ended.items()},
        **{f"{name}_seconds": each.seconds for name, each in ended.items()},
        **{f"{name}_all": len(each.passes.best) for name, each in ended.items() if each.passes},
    }


def summary(rows: Sequence[dict[str, Any]]) -> None:
    ratios = [row["ratio"] for row in rows if row["ratio"]]
    refined = [row["ours"] / row["refined"] for row in rows if row["ours"] and row["refined"]]
    large = [row["ours"] for row in rows if row["n_rows"] >= 1_000_000 and row["ours"]]
    behind = [row["ours_off"] - row["their_off"] for row in rows if "their_off" in row]
    print(f"\npasses, ours to plain: median {median(ratios):.2f}, largest {max(ratios):.2f} (of {len(ratios)})")
    print(f"passes, ours to refined: median {median(refined):.2f}, largest {max(refined):.2f} (of {len(refined)})")
    if large:
        print(f"passes at a million rows and more: median {median(large)}")
    if behind:
        print(f"below scikit-learn: at most {max(behind):.1e} per row; above: by up to {-min(behind):.1e}")


def main() -> None:
    arguments = parser(__doc__, runs=1)
    arguments.add_argument("--data", type=Path, help="a folder of real tables (names in benchmarks/problems.py)")
    arguments.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="rows of the generated problems")
    arguments.add_argument("--sample", type=int, default=20_000, help="least rows of the sample (default 20000)")
    arguments.add_argument(
        "--most-work", type=float, default=500, help="scikit-learn is left out beyond so many million n d^2 K"
    )
    options = arguments.parse_args()
    compile_all()
    table, rows = Table(*COLUMNS), []
    with on_cores(1):
        for problem in (*real(options.data), *generated(options.sizes)):
            rows.append(measure(problem, options))
            table.row(rows[-1])
    summary(rows)
    write_json(options, rows)


if __name__ == "__main__":
    main()
