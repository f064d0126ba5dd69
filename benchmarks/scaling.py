"""One EM iteration (E-step and statistics) of ours on 1, 2, ... threads of one process.

    python benchmarks/scaling.py --help

The rows lie in memory in 16 shards, as those of a table of this size do; the in-process engine shares the shards out
among its threads and merges their statistics up the fixed tree. Medians over alternating runs. x is the seconds of the
first number of threads over those of this one. The statistics must be the same bits for any number of threads: the
benchmark ends with an error where they are not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from measuring import Column, Measured, Table, alternating, on_cores, parser, write_json
from tables import mixture_rows, random_candidate

from gmm_dask.engine import BlockSweep, InProcess
from gmm_dask.mixture import Block
from gmm_dask.table.shards import FEWEST_SHARDS

TARGETS = {2: 1.85}
"""By number of threads, how many times faster than one we mean to be."""


@dataclass(frozen=True)
class Shape:
    """d columns, k components."""

    d: int
    k: int
    covariance_type: str = "full"


SHAPES = [Shape(4, 5), Shape(8, 8), Shape(16, 16), Shape(10, 50), Shape(16, 16, "diag")]

COLUMNS = [
    Column("n", "rows", "d"),
    Column("d", "d", "d"),
    Column("k", "K", "d"),
    Column("covariance_type", "type"),
    Column("threads", "threads", "d"),
    Column("seconds", "ms", ".1f", 1e3),
    Column("ratio", "x", ".2f"),
    Column("target", "target", ".2f"),
]


def main() -> None:
    made = parser(__doc__, runs=7)
    made.add_argument("--rows", type=int, default=1_000_000, help="default 1000000")
    made.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="default 1 2")
    options = made.parse_args()
    with on_cores(max(options.threads)):
        table, results = Table(*COLUMNS), []
        for shape in SHAPES:
            for result in measure(shape, options.rows, options.threads, options.runs):
                results.append(result)
                table.row(result)
        write_json(options, results)


def measure(shape: Shape, n: int, threads: Sequence[int], runs: int) -> list[dict[str, Any]]:
    """A row of the table per number of threads."""
    rows = mixture_rows(n, shape.d, shape.k, separation=1.0)
    candidate = random_candidate(rows, shape.k, shape.covariance_type)
    shards = BlockSweep.over(Block(np.ascontiguousarray(rows.T)), FEWEST_SHARDS)
    sweeps = {str(number): replace(shards, engine=InProcess(number)) for number in threads}
    measured = alternating({name: partial(sweep, [candidate]) for name, sweep in sweeps.items()}, runs)
    require_same_bits(measured)
    first = measured[str(threads[0])].median
    return [
        {
            **vars(shape),
            "n": n,
            "threads": number,
            "seconds": measured[str(number)].median,
            "ratio": first / measured[str(number)].median,
            "target": TARGETS.get(number) if threads[0] == 1 else None,
            "log_likelihood": measured[str(number)].result[0].log_likelihood / n,
            "runs": measured[str(number)].seconds,
        }
        for number in threads
    ]


def require_same_bits(measured: dict[str, Measured]) -> None:
    """Ends the benchmark where the statistics depend on the number of threads."""
    moments = [each.result[0].moments.tobytes() for each in measured.values()]
    if len(set(moments)) > 1:
        sys.exit(f"the statistics on {', '.join(measured)} threads are not the same bits")


if __name__ == "__main__":
    main()
