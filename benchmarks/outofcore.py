"""A fit of a Parquet table far larger than its cluster's memory: two workers of one thread and 1 GB each, by default.

    python benchmarks/outofcore.py --help

The table, a mixture of Gaussians in row groups of a million rows, is written once and used again. Scheduler and workers
are processes of their own, as a user would start them. The first pass over the source prepares, counts, samples and
spills; the profile before it and the sweeps after it are timed apart. They are held against as many processes that only
read: the columns with pyarrow for the first pass, a file of the prepared rows into one buffer for the later ones.

Peaks of resident memory are the kernel's own figures. With --cold every pass and every reading finds none of its files
in the page cache, as if memory were too small for that as well.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, gettempdir
from threading import Event, Thread
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from dask.utils import parse_bytes
from distributed import Client
from measuring import Column, Table, parser, write_json

from gmm_dask.config import Columns, Fitting
from gmm_dask.em import Candidate, Progress
from gmm_dask.engine import OnCluster
from gmm_dask.fitting import fit_source
from gmm_dask.mixture import family_named
from gmm_dask.table.source import open_source

GROUP_ROWS = 1_000_000
BUFFER_BYTES = 2**22
TARGET = 0.7
TROUBLE = re.compile(r"(?i)^.*(?:pausing|killed|restarting|unmanaged memory|exceeded).*$", re.MULTILINE)

PASSES = [
    Column("name", "pass over the table          "),
    Column("seconds", "seconds", ".1f"),
    Column("gigabytes", "GB", ".1f"),
    Column("rate", "GB/s", ".2f"),
    Column("ratio", "of reading", ".2f"),
    Column("target", "target", ".2f"),
]
PROCESSES = [
    Column("name", "process                      "),
    Column("peak", "peak RSS MB", ".0f", 1e-6),
    Column("limit", "limit MB", ".0f", 1e-6),
]


def main() -> None:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    path = written_table(options)
    with TemporaryDirectory(dir=options.folder) as scratch:
        timing, processes, troubles = fitted(options, path, Path(scratch))
        passes = against_reading(options, path, Path(scratch), timing)
    for columns, rows in ((PASSES, passes), (PROCESSES, processes)):
        table = Table(*columns)
        for row in rows:
            table.row(row)
    print("\n".join(troubles) or "no worker was paused, killed or started again")
    write_json(options, [*passes, *processes, {"troubles": troubles, "notes": timing.notes}])


def arguments() -> argparse.Namespace:
    made = parser(__doc__, runs=3)
    made.add_argument("--rows", type=int, default=120_000_000, help="default 120000000, of 8 bytes a cell")
    made.add_argument("--columns", type=int, default=10, help="default 10")
    made.add_argument("--components", type=int, default=8, help="default 8, full covariances")
    made.add_argument("--iterations", type=int, default=5, help="sweeps after the first pass (default 5)")
    made.add_argument("--workers", type=int, default=2, help="default 2, of one thread")
    made.add_argument("--memory-limit", default="1GB", help="of a worker (default 1GB)")
    made.add_argument("--cold", action="store_true", help="drop files from the page cache before they are read")
    made.add_argument(
        "--folder",
        type=Path,
        default=Path(gettempdir()) / "gmm-dask-outofcore",
        help="where the table and the spilled rows go: as much again as the table must be free (default %(default)s)",
    )
    return made.parse_args()


def written_table(options: argparse.Namespace) -> Path:
    """The Parquet file of this many rows, columns and components; written as a whole or not at all."""
    path: Path = options.folder / f"mixture-{options.rows}x{options.columns}-{options.components}.parquet"
    if path.exists():
        return path
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(options.components, 5.0))
    means = 1.5 * rng.normal(size=(options.components, options.columns))
    roots = np.eye(options.columns) + rng.normal(
        scale=0.15, size=(options.components, options.columns, options.columns)
    )
    schema = pa.schema([(f"x{column}", pa.float64()) for column in range(options.columns)])
    partial_path = path.with_suffix(".partial")
    with pq.ParquetWriter(partial_path, schema) as writer:
        for start in range(0, options.rows, GROUP_ROWS):
            labels = np.sort(rng.choice(options.components, min(GROUP_ROWS, options.rows - start), p=weights))
            rows = rng.normal(size=(len(labels), options.columns))
            for component in range(options.components):
                chosen = slice(*np.searchsorted(labels, [component, component + 1]))
                rows[chosen] = rows[chosen] @ roots[component].T + means[component]
            rng.shuffle(rows)
            writer.write_table(pa.table(list(rows.T.copy()), schema=schema), row_group_size=GROUP_ROWS)
    return partial_path.rename(path)


class Timing:
    """An observer that notes when stages and sweeps end; `before` is called before each pass begins."""

    def __init__(self, before: Callable[[], None]) -> None:
        self.before, self.seconds, self.sweeps = before, dict[str, float](), list[float]()
        self.notes: list[str] = []
        self._stage, self._since = "", time.perf_counter()

    def stage(self, name: str) -> None:
        self.seconds[self._stage] = self._elapsed()
        self._stage = name
        self._begin()

    def shards(self, done: int, total: int) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)
        print(text, flush=True)

    def iteration(self, progress: Progress) -> None:
        if progress.stage == "fit":
            self.sweeps.append(self._elapsed())
            self._begin()

    def _elapsed(self) -> float:
        return time.perf_counter() - self._since

    def _begin(self) -> None:
        self.before()
        self._since = time.perf_counter()


def fitted(options: argparse.Namespace, path: Path, scratch: Path) -> tuple[Timing, list[dict[str, Any]], list[str]]:
    """Times of the passes, the peak of each process, and what its workers complained of."""
    timing = Timing(partial(forget, options, path, scratch))
    with ExitStack() as stack:
        client = stack.enter_context(cluster(options, scratch))
        peaks = stack.enter_context(watched())
        fit_source(
            open_source(str(path)),
            OnCluster(client),
            [Candidate(options.components, family_named("full"))],
            columns=Columns(transform="standardise"),
            fitting=Fitting(n_init=1, max_iter=options.iterations, tol=1e-300),
            observer=timing,
        )
    limit = parse_bytes(options.memory_limit)
    processes = [
        {"name": name, "peak": peak, "limit": limit if name.startswith("worker") else None}
        for name, peak in sorted(peaks.items())
    ]
    troubles = [line for log in scratch.glob("*.log") for line in TROUBLE.findall(log.read_text(encoding="utf-8"))]
    return timing, processes, troubles


@contextmanager
def cluster(options: argparse.Namespace, scratch: Path) -> Iterator[Client]:
    """A client of a scheduler and workers that listen on this machine alone, and spill into `scratch`."""
    dask, contact = Path(sys.executable).with_name("dask"), scratch / "scheduler.json"
    common = ["--scheduler-file", contact, "--host", "127.0.0.1", "--no-dashboard"]
    worker = [
        *("worker", *common, "--local-directory", scratch),
        *("--nworkers", "1", "--nthreads", "1", "--memory-limit", options.memory_limit),
    ]
    commands = [["scheduler", *common, "--port", "0"], *[worker] * options.workers]
    with ExitStack() as stack:
        for number, command in enumerate(commands):
            log = stack.enter_context((scratch / f"{command[0]}-{number}.log").open("w"))
            process = subprocess.Popen([dask, *map(str, command)], stdout=log, stderr=subprocess.STDOUT)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        client = stack.enter_context(Client(scheduler_file=str(contact), set_as_default=False, timeout=30))
        client.wait_for_workers(options.workers, timeout=60)
        yield client


@contextmanager
def watched() -> Iterator[dict[str, int]]:
    """The peak resident memory of this process and those below it, by what they are and their number, as it grows."""
    peaks: dict[str, int] = {}
    ended = Event()

    def watch() -> None:
        this = psutil.Process()
        while not ended.wait(0.1):
            for process in (this, *this.children(recursive=True)):
                try:
                    name = f"{role(process, this)} {process.pid}"
                    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
                except (psutil.NoSuchProcess, OSError):
                    continue  # it has just ended
                if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                    peaks[name] = max(peaks.get(name, 0), 1024 * int(found[1]))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def role(process: psutil.Process, this: psutil.Process) -> str:
    if process == this:
        return "this process"
    command = process.cmdline()
    if "multiprocessing.resource_tracker" in " ".join(command):
        return "resource tracker"
    return "worker" if "--multiprocessing-fork" in command else "scheduler" if "scheduler" in command else "nanny"


def against_reading(options: argparse.Namespace, path: Path, scratch: Path, timing: Timing) -> list[dict[str, Any]]:
    """What the passes took, in rows of the table that is printed, beside as many processes that only read."""
    size = 8 * options.rows * options.columns
    prepared = scratch / "prepared"
    with prepared.open("wb") as file:
        for start in range(0, size, BUFFER_BYTES):
            file.write(os.urandom(min(BUFFER_BYTES, size - start)))
    columns = reading_seconds(options, path, partial(read_columns, path, options))
    raw = reading_seconds(options, prepared, partial(read_bytes, prepared, options))
    later = median(timing.sweeps[1:] or timing.sweeps)  # the starts are tried in the time of the first
    first = timing.seconds["prepare"]
    return [
        row("profile", timing.seconds["profile"], size),
        row("pyarrow reads the columns", columns, size),
        row("first pass", first, size) | {"ratio": columns / first, "target": TARGET},
        row("prepared rows are read", raw, size),
        row("later passes (median)", later, size) | {"ratio": raw / later, "target": TARGET, "runs": timing.sweeps},
    ]


def row(name: str, seconds: float, size: int) -> dict[str, Any]:
    return {"name": name, "seconds": seconds, "gigabytes": size / 1e9, "rate": size / 1e9 / seconds}


def reading_seconds(options: argparse.Namespace, path: Path, read: Callable[[int], None]) -> float:
    """Median seconds in which so many processes as there are workers read a file, each its share."""
    seconds = []
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for _ in range(options.runs + 1):
            forget(options, path, path.parent / "nothing")
            start = time.perf_counter()
            list(pool.map(read, range(options.workers)))
            seconds.append(time.perf_counter() - start)
    return median(seconds[1:])  # the first one started the processes


def read_columns(path: Path, options: argparse.Namespace, share: int) -> None:
    file = pq.ParquetFile(path)
    for group in range(share, file.num_row_groups, options.workers):
        for _ in file.iter_batches(row_groups=[group]):
            pass


def read_bytes(path: Path, options: argparse.Namespace, share: int) -> None:
    buffer = bytearray(BUFFER_BYTES)
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        file.seek(size * share // options.workers)
        while file.tell() < size * (share + 1) // options.workers:
            file.readinto(buffer)


def forget(options: argparse.Namespace, table: Path, scratch: Path) -> None:
    """Let the page cache drop the table and the spilled rows, where that was asked for."""
    for path in (table, *scratch.rglob("*.blocks")) if options.cold else ():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
