"""What one pass costs when there is no work in it: milliseconds per sweep over shards of 8 bytes each.

    python benchmarks/overhead.py --help

Engines: threads of this process; the cluster of threads that is started where nothing else is asked for; a cluster of
two worker processes; or, with --address, a scheduler that runs already. Medians over alternating runs, each of up to
ten sweeps in a row, as in a fit. Below the table are the constants of a cost model for each engine, by least squares of
the relative error: milliseconds = so many a pass + so many a task, with the shards that the task holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np
from distributed import Client, LocalCluster
from measuring import Column, Table, alternating, parser, write_json
from scipy.optimize import nnls

from gmm_dask.engine import Engine, InProcess, OnCluster, open_engine
from gmm_dask.engine.placement import batches, spread

SHARDS_IN_A_ROW = 2560
"""Swept by one run of up to ten sweeps: all of a fit's sweeps but the first come soon after another."""

TARGETS = {16: 15.0, 256: 100.0, 4096: 1500.0}
"""Milliseconds on a cluster, by shards."""

IN_PROCESS_TARGET = 3.0

COLUMNS = [
    Column("engine", "engine       "),
    Column("threads", "threads", "d"),
    Column("shards", "shards", ",d"),
    Column("tasks", "tasks", ",d"),
    Column("milliseconds", "ms a sweep", ".2f"),
    Column("target", "target ms", ".0f"),
]


def main() -> None:
    made = parser(__doc__, runs=9)
    made.add_argument("--shards", type=int, nargs="+", default=list(TARGETS), help="default: 16 256 4096")
    made.add_argument("--address", help="of a running scheduler, instead of clusters started here")
    options = made.parse_args()
    with ExitStack() as stack:
        engines = {name: stack.enter_context(engine) for name, engine in engines_at(options.address).items()}
        results = measure(engines, sorted({1, *options.shards}), options.runs)
        table = Table(*COLUMNS)
        for result in results:
            table.row(result)
        constants = [cost_model(name, results) for name in engines]
        for each in constants:
            print(f"{each['engine']}: {each['ms_per_pass']:.2f} ms a pass + {each['ms_per_task']:.3f} ms a task")
        write_json(options, [*results, *constants])


def engines_at(address: str | None) -> dict[str, AbstractContextManager[Engine]]:
    """The engines to compare, to be entered."""
    in_process = open_engine(InProcess())
    if address:
        return {"in process": in_process, "cluster": open_engine(address)}
    return {"in process": in_process, "threads": open_engine(), "2 processes": two_processes()}


@contextmanager
def two_processes() -> Iterator[Engine]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield OnCluster(client)


def measure(engines: dict[str, Engine], shard_counts: Sequence[int], runs: int) -> list[dict[str, Any]]:
    """Milliseconds per sweep of each engine over so many shards."""
    cases = [(name, n) for n in shard_counts for name in engines]
    sweeps = {f"{name} {n}": sweeping(engines[name], n) for name, n in cases}
    measured = alternating(sweeps, runs)
    results = []
    for name, n in cases:
        each = measured[f"{name} {n}"]
        threads, tasks = threads_and_tasks(engines[name], n)
        target = TARGETS.get(n) if isinstance(engines[name], OnCluster) else IN_PROCESS_TARGET
        milliseconds = [1e3 * seconds / sweeps_in_a_row(n) for seconds in each.seconds]
        results.append(
            {"engine": name, "threads": threads, "shards": n, "tasks": tasks, "target": target}
            | {"milliseconds": float(np.median(milliseconds)), "all_milliseconds": milliseconds}
        )
    return results


def sweeping(engine: Engine, n_shards: int) -> Callable[[], int]:
    kept = engine.keep(fake_shard, range(n_shards))
    return lambda: sum(engine.map_reduce(count_one, kept, None, add) for _ in range(sweeps_in_a_row(n_shards)))


def sweeps_in_a_row(n_shards: int) -> int:
    return max(1, min(10, SHARDS_IN_A_ROW // n_shards))


def fake_shard(number: int) -> bytes:
    return number.to_bytes(8, "little")


def count_one(shard: bytes, shared: None) -> int:
    """The smallest of statistics."""
    return 1


def add(left: int, right: int) -> int:
    return left + right


def threads_and_tasks(engine: Engine, n_shards: int) -> tuple[int, int]:
    """Threads of the engine, and tasks that sweep so many shards; in process there is one for each."""
    if isinstance(engine, InProcess):
        return engine.n_threads, n_shards
    assert isinstance(engine, OnCluster)
    threads = engine.client.nthreads()
    return sum(threads.values()), len(batches(spread(n_shards, threads), threads))


def cost_model(name: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    of_engine = [result for result in results if result["engine"] == name]
    milliseconds = np.array([result["milliseconds"] for result in of_engine])
    terms = np.array([[1.0, result["tasks"]] for result in of_engine])
    (per_pass, per_task), _ = nnls(terms / milliseconds[:, None], np.ones(len(terms)))
    return {"engine": name, "ms_per_pass": float(per_pass), "ms_per_task": float(per_task)}


if __name__ == "__main__":
    main()
