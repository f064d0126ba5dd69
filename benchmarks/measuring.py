"""What the benchmarks share: their options, medians over alternating runs, the record of where they ran, tables, JSON.

options = parser(__doc__, runs=5).parse_args()
with on_cores(1):
    measured = alternating({"ours": ours, "theirs": theirs}, options.runs)
table = Table(Column("rows", "rows", ",d"), Column("ours", "ours ms", ".1f", 1e3))
table.row({"rows": n, "ours": measured["ours"].median})
write_json(options, [{"rows": n, "ours": measured["ours"].median}])
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from llvmlite import binding as llvm
from threadpoolctl import threadpool_info, threadpool_limits

LIBRARIES = ["gmm-dask", "numpy", "scipy", "scikit-learn", "numba", "llvmlite", "pyarrow", "pandas", "dask"]
PEERS = ["scikit-learn-intelex", "daal", "pyspark"]
INSTRUCTION_SETS = ["avx512f", "avx512_bf16", "amx_tile", "avx2", "fma", "avx", "sse4_2", "sve", "asimd"]


@dataclass(frozen=True)
class Measured:
    """`seconds` of each run in turn, and what the last run returned."""

    seconds: tuple[float, ...]
    result: Any

    @property
    def median(self) -> float:
        return median(self.seconds)


def alternating(functions: Mapping[str, Callable[[], Any]], runs: int, *, warm_up: bool = True) -> dict[str, Measured]:
    """Run all functions in turn, `runs` times, so that a change of the machine's pace meets them alike.

    A first, uncounted round fills caches and compiles; without `warm_up` the caller has seen to that.
    """
    results = {name: function() for name, function in functions.items()} if warm_up else {}
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(runs):
        for name, function in functions.items():
            start = time.perf_counter()
            results[name] = function()
            seconds[name].append(time.perf_counter() - start)
    return {name: Measured(tuple(seconds[name]), results[name]) for name in functions}


@contextmanager
def on_cores(n_cores: int) -> Iterator[None]:
    """Hold this thread, those it starts and its child processes to so many cores, and BLAS and OpenMP to as many
    threads. Raises SystemExit where there are fewer cores."""
    before = os.sched_getaffinity(0)
    if n_cores > len(before):
        raise SystemExit(f"{n_cores} cores are asked for, this process may use {len(before)}")
    for name, value in thread_settings().items():
        print(f"{name}={value} is set: it holds BLAS or OpenMP to less, or other, than they would choose")
    os.sched_setaffinity(0, sorted(before)[-n_cores:])  # the first core tends to serve the system's interrupts
    try:
        with threadpool_limits(n_cores):
            yield
    finally:
        os.sched_setaffinity(0, before)


def has_peer(module: str, name: str) -> bool:
    """Whether a peer can be imported; a line says so where it cannot."""
    found = find_spec(module) is not None
    if not found:
        print(f"{name} is left out: there is no module {module} (pip install 'gmm-dask[bench]')")
    return found


@dataclass(frozen=True)
class Column:
    """A column of a printed table: `key` of the value in a row, `title`, format, and the factor to its unit."""

    key: str
    title: str
    spec: str = "s"
    factor: float | None = None

    def cell(self, row: Mapping[str, Any]) -> str:
        value = row.get(self.key)
        text = "-" if value is None else format(value if self.factor is None else value * self.factor, self.spec)
        return text.rjust(max(len(self.title), 6))


class Table:
    """A table on standard output, printed row by row as these are measured. Absent values show as a dash."""

    def __init__(self, *columns: Column) -> None:
        self.columns = columns
        print("  ".join(column.title.rjust(6) for column in columns), flush=True)

    def row(self, row: Mapping[str, Any]) -> None:
        print("  ".join(column.cell(row) for column in self.columns), flush=True)


def parser(description: str | None, *, runs: int) -> argparse.ArgumentParser:
    """--runs and --json, which every benchmark has; its module's docstring is the help."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--runs", type=int, default=runs, help=f"alternating runs of each (default {runs})")
    made.add_argument("--json", type=Path, help="write what was measured, and where, to this file")
    return made


def write_json(options: argparse.Namespace, results: Sequence[Mapping[str, Any]]) -> None:
    """Write results, options and environment to --json, if that was given."""
    if options.json:
        record = {"environment": environment(), "options": vars(options), "results": list(results)}
        options.json.write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")


def environment() -> dict[str, Any]:
    """Versions, processor and instruction set, cores and threads, BLAS kernels, and how busy the machine was."""
    cpu = _processor()
    flags = cpu.get("flags", cpu.get("Features", "")).split()
    pools = [
        {key: pool.get(key) for key in ("user_api", "internal_api", "version", "architecture", "num_threads")}
        for pool in threadpool_info()
    ]
    return {
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES + PEERS if (found := _version(name)) is not None},
        "system": platform.platform(),
        "cpu": cpu.get("model name", platform.machine()),
        "cpu_family_and_model": [cpu.get("cpu family"), cpu.get("model")],
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags],
        "compiled_for": llvm.get_host_cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "thread_pools": pools,
        "thread_settings": thread_settings(),
        "load_average": os.getloadavg(),
    }


def thread_settings() -> dict[str, str]:
    """The variables of the environment that choose the kernels and threads of BLAS and OpenMP."""
    return {name: value for name, value in os.environ.items() if name.startswith(("OPENBLAS_", "OMP_", "MKL_"))}


def _processor() -> dict[str, str]:
    """What /proc/cpuinfo says of the first processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
