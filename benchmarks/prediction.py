"""What `gmm-dask plan` predicts against what a run takes, pass by pass.

    python benchmarks/prediction.py --help

For each number of rows: a Parquet table of a mixture (written once, used again), the plan for this machine, and a fit
of these candidates in the cluster of threads that is started where nothing else is asked for. The plan is made first,
from the table's first rows and measurements of about a second.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import gettempdir
from typing import Any

import psutil
from measuring import Column, Table, parser, write_json
from outofcore import Timing, written_table

from gmm_dask.config import Columns, Fitting, PlanJob, validated
from gmm_dask.em import Candidate
from gmm_dask.engine import open_engine
from gmm_dask.fitting import fit_source
from gmm_dask.mixture import family_named
from gmm_dask.pipeline import plan
from gmm_dask.table.source import open_source

TARGET = 0.25
"""How far a prediction may be off, as a share of what was measured."""

COLUMNS = [
    Column("rows", "       rows", ",d"),
    Column("candidates", "candidates     "),
    Column("what", "what          "),
    Column("predicted", "predicted s", ".3f"),
    Column("measured", "measured s", ".3f"),
    Column("off", "off", "+.0%"),
]


def main() -> None:
    made = parser(__doc__, runs=9)
    made.add_argument("--rows", type=int, nargs="+", default=[10**6, 10**7, 10**8], help="default: 1M 10M 100M")
    made.add_argument("--columns", type=int, default=10, help="default 10")
    made.add_argument("--components", nargs="+", default=["8", "1:20"], help="default: 8 alone, and 1 to 20 together")
    made.add_argument("--folder", type=Path, default=Path(gettempdir()) / "gmm-dask-outofcore", help="for the tables")
    options = made.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    table, results = Table(*COLUMNS), []
    for rows in options.rows:
        path = written_table(
            argparse.Namespace(folder=options.folder, rows=rows, columns=options.columns, components=8)
        )
        for components in options.components:
            for result in compared(path, rows, components, options.runs):
                table.row(result)
                results.append(result)
    write_json(options, results)


def compared(path: Path, rows: int, components: str, sweeps: int) -> Iterator[dict[str, Any]]:
    threads = len(os.sched_getaffinity(0))
    job = {
        "table": {"path": str(path)},
        "candidates": {"n_components": components},
        "columns": {"transform": "standardise"},
        "threads": threads,
        "memory": f"{psutil.virtual_memory().available // 2**20}MiB",
    }
    planned = validated(PlanJob, job)
    predicted = plan(planned).plan
    timing = Timing(lambda: None)
    with open_engine() as engine:
        fit_source(
            open_source(str(path)),
            engine,
            [Candidate(k, family_named("full")) for k in planned.candidates.n_components],
            columns=Columns(transform="standardise"),
            fitting=Fitting(n_init=1, max_iter=sweeps, tol=1e-300),
            observer=timing,
        )
    measured = {
        "profile": (predicted.profile_seconds, timing.seconds["profile"]),
        "prepare": (predicted.prepare_seconds, timing.seconds["prepare"]),
        "a later pass": (predicted.pass_seconds, median(timing.sweeps[1:])),
    }
    for what, (expected, found) in measured.items():
        figures = {"predicted": expected, "measured": found, "off": expected / found - 1}
        yield {"rows": rows, "candidates": f"K = {components}", "what": what, **figures}


if __name__ == "__main__":
    main()
