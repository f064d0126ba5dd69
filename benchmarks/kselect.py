"""Choosing K: ours in one `select` against a loop over scikit-learn fits, and what it is worth to share passes.

    python benchmarks/kselect.py --help

1. K = 1 to --most with full covariances, on rows in memory, chosen by BIC. Both stop where an iteration gains less than
   --tol per row, or after --max-iter iterations; else both are as they come: scikit-learn starts once, by k-means on
   all rows, and is asked for `bic`; ours starts eight times on a sample. "chosen K" and "BIC" say what came of it.
2. One EM iteration for every K from 1 to --most, over the prepared rows of the Parquet file: held in memory, spilled to
   disk, and re-read from the file in every pass (files that the system has in its cache, unless they are larger than
   that). One pass shared by all K, against a pass for each, and against a pass for the largest K alone. "reading" is a
   pass that does nothing with the rows.

Medians over alternating runs, all on the same cores.
"""

from __future__ import annotations

import argparse
import math
import operator
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dask
from measuring import Column, Measured, Table, alternating, on_cores, parser, write_json
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from tables import mixture_rows, random_candidate, write_parquet

from gmm_dask import select
from gmm_dask.compiling import compile_all
from gmm_dask.engine import InProcess, TableSweep, Unprepared
from gmm_dask.engine.blocks import Store, in_memory, nowhere, on_disk
from gmm_dask.errors import GmmDaskWarning
from gmm_dask.mixture import Block, Float, MixtureParameters
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.shards import plan_shards
from gmm_dask.table.source import open_source
from gmm_dask.table.transforms import Identity, Transform

CHOICES = [
    Column("method", "choosing K      "),
    Column("seconds", "seconds", ".2f"),
    Column("x_ours", "x ours", ".1f"),
    Column("chosen", "chosen K", "d"),
    Column("best_bic", "BIC", ".0f"),
    Column("iterations", "iterations", "d"),
]
PASSES = [
    Column("rows_are", "rows are "),
    Column("reading", "reading ms", ".0f", 1e3),
    Column("largest", "largest K ms", ".0f", 1e3),
    Column("shared", "shared ms", ".0f", 1e3),
    Column("separate", "separate ms", ".0f", 1e3),
    Column("shared_to_largest", "shared / largest", ".2f"),
    Column("target_largest", "target", ".1f"),
    Column("shared_to_separate", "shared / separate", ".2f"),
    Column("target_separate", "target", ".1f"),
]
PLACES: dict[str, tuple[Store, dict[str, float]]] = {
    "in memory": (in_memory, {"target_separate": 0.6}),
    "spilled": (on_disk, {"target_largest": 1.3}),
    "re-read": (nowhere, {"target_largest": 1.3}),
}
"""Where the rows of part 2 lie, and what we mean to come to there."""


def main() -> None:
    options = arguments()
    numbers = range(1, options.most + 1)
    with on_cores(options.cores), TemporaryDirectory(dir=options.folder) as folder:
        compile_all()
        rows = mixture_rows(options.rows, options.columns, options.components, separation=1.0)
        choices, passes = [], []
        if options.selections:
            table = Table(*CHOICES)
            choices = compare_choices(rows, numbers, options)
            for choice in choices:
                table.row(choice)
        table = Table(*PASSES)
        candidates = [random_candidate(rows, k) for k in numbers]
        path = write_parquet(rows, Path(folder) / "table.parquet")
        for name, (store, targets) in PLACES.items():
            with dask.config.set(temporary_directory=folder):  # where spilled rows go
                found = compare_passes(held(path, store), candidates, options.runs)
            passes.append({"rows_are": name, **found, **targets})
            table.row(passes[-1])
        write_json(options, [*choices, *passes])


def arguments() -> argparse.Namespace:
    made = parser(__doc__, runs=5)
    made.add_argument("--selections", type=int, default=1, help="alternating runs of part 1, 0 for none (default 1)")
    made.add_argument("--rows", type=int, default=200_000, help="default 200000")
    made.add_argument("--columns", type=int, default=10, help="default 10")
    made.add_argument("--components", type=int, default=8, help="components that the rows come from (default 8)")
    made.add_argument("--most", type=int, default=20, help="the largest K (default 20)")
    made.add_argument("--tol", type=float, default=1e-4, help="default 1e-4")
    made.add_argument("--max-iter", type=int, default=100, help="default 100")
    made.add_argument("--cores", type=int, default=2, help="cores for each (default 2)")
    made.add_argument("--folder", type=Path, help="where files go (default: the system's temporary folder)")
    return made.parse_args()


def compare_choices(rows: Float, numbers: Sequence[int], options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row of the first table per method."""
    stopping = {"tol": options.tol, "max_iter": options.max_iter}
    methods = {"gmm_dask.select": our_choice, "scikit-learn": scikit_learn_choice}
    fits = {name: partial(method, rows, numbers, stopping) for name, method in methods.items()}
    measured = alternating(fits, options.selections, warm_up=False)
    return [
        {
            "method": name,
            "seconds": each.median,
            "x_ours": each.median / measured["gmm_dask.select"].median,
            "chosen": min(each.result["bic"], key=each.result["bic"].get),
            "best_bic": min(each.result["bic"].values()),
            **each.result,
            "runs": each.seconds,
        }
        for name, each in measured.items()
    ]


def our_choice(rows: Float, numbers: Sequence[int], stopping: dict[str, Any]) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GmmDaskWarning)  # a K that does not suit the rows may run to --max-iter
        table = select(rows, numbers, columns={"transform": "standardise"}, **stopping).table
    return {
        "bic": dict(zip(table["n_components"].tolist(), table["bic"].tolist(), strict=True)),
        "iterations": int(table["n_iter"].sum()),
    }


def scikit_learn_choice(rows: Float, numbers: Sequence[int], stopping: dict[str, Any]) -> dict[str, Any]:
    bic, iterations = {}, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for k in numbers:
            fitted = GaussianMixture(k, random_state=0, **stopping).fit(rows)
            bic[k] = float(fitted.bic(rows))
            iterations += fitted.n_iter_
    return {"bic": bic, "iterations": iterations}


def held(path: Path, store: Store) -> list[Iterable[Block]]:
    """The shards of a file, their columns as they are, with their blocks where `store` puts them."""
    source = open_source(path)
    as_it_is = Transform("none", Identity(), 0.0, 1.0, -math.inf, math.inf)
    preparation = Preparation(tuple((name, as_it_is) for name in source.schema.names))
    shards = []
    for shard in plan_shards(source):
        unprepared = Unprepared(shard, preparation)
        blocks, obstacle = store(unprepared, iter(unprepared))
        if obstacle:
            raise SystemExit(obstacle)
        shards.append(blocks)
    return shards


def compare_passes(
    shards: Sequence[Iterable[Block]], candidates: Sequence[MixtureParameters], runs: int
) -> dict[str, Any]:
    """What passes over these shards take, shared and not."""
    engine = InProcess()
    sweep = TableSweep(engine, shards)
    functions: dict[str, Callable[[], Any]] = {
        "reading": lambda: engine.map_reduce(count_rows, shards, None, operator.add),
        "largest": lambda: sweep([candidates[-1]]),
        "shared": lambda: sweep(candidates),
        "separate": lambda: [sweep([candidate])[0] for candidate in candidates],
    }
    return passes_row(alternating(functions, runs))


def count_rows(shard: Iterable[Block], shared: None) -> int:
    return sum(block.n_rows for block in shard)


def passes_row(measured: dict[str, Measured]) -> dict[str, Any]:
    seconds = {name: each.median for name, each in measured.items()}
    return {
        **seconds,
        "shared_to_largest": seconds["shared"] / seconds["largest"],
        "shared_to_separate": seconds["shared"] / seconds["separate"],
        "log_likelihood": {
            name: [statistics.log_likelihood / statistics.n_rows for statistics in measured[name].result]
            for name in ("shared", "separate")
        },
        "runs": {name: each.seconds for name, each in measured.items()},
    }


if __name__ == "__main__":
    main()
