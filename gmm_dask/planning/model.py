"""The cost model: seconds, memory and passes of a fit, from the shape of a table and of a cluster.

A pass over n rows in S shards on T threads takes

    n row_seconds / min(T, S)          arithmetic, as even as the shards are
  + bytes / disk / workers             where prepared rows lie on disk; n prepare / T where they are read again
  + per_pass + tasks per_task          the scheduler: one thread of one process, whatever the number of workers
  + depth (latency + message)          statistics on their way up the tree, parameters on their way down

docs/scale.md has the constants as measured, and how well this predicts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gmm_dask.engine import PROCESS_BYTES, Room, choose_place, predicted_bytes_per_task
from gmm_dask.engine.cluster import PARTS_TO_GATHER
from gmm_dask.engine.placement import batches, spread
from gmm_dask.mixture import CovarianceFamily
from gmm_dask.planning.rates import Rates, TableRates

Candidate = tuple[int, CovarianceFamily]

LATENCY = 0.002
"""Seconds from the end of a task to the start of one that waited for it on another worker."""

TYPICAL_PASSES = 50
"""Of plain expectation-maximisation on mixtures that overlap somewhat; it may be 10 or 500."""


@dataclass(frozen=True)
class TableShape:
    """Rows, shards, modelled columns; bytes that a row takes as it is read and once it is prepared."""

    rows: int
    shards: int
    columns: int
    row_bytes: int
    prepared_row_bytes: int


@dataclass(frozen=True)
class Cluster:
    """Workers alike: threads and memory limit (bytes) of each."""

    workers: int
    threads: int
    memory: int

    @property
    def all_threads(self) -> int:
        return self.workers * self.threads


@dataclass(frozen=True)
class Plan:
    """What a fit would take. Seconds are of the whole cluster, bytes of one worker.

    `place`: where prepared rows would lie, "memory", "disk" or "source". `fits`: whether tasks fit at all. `advice`:
    what to change, and what that would do.
    """

    place: str
    fits: bool
    tasks: int
    profile_seconds: float
    prepare_seconds: float
    pass_seconds: float
    overhead_seconds: float
    passes: int
    task_bytes: int
    held_bytes: int
    worker_bytes: int
    disk_bytes: int
    advice: tuple[str, ...]

    @property
    def total_seconds(self) -> float:
        """All passes over the table; starts on the sample come on top."""
        return self.profile_seconds + self.prepare_seconds + self.passes * self.pass_seconds


def plan_fit(
    table: TableShape,
    candidates: Sequence[Candidate],
    cluster: Cluster,
    rates: Rates,
    table_rates: TableRates,
    *,
    passes: int = TYPICAL_PASSES,
) -> Plan:
    """The cost of fitting these candidates, all in shared passes."""
    task_bytes = task_bytes_of(table, candidates)
    place = place_of(table, candidates, cluster)
    fits = cluster.threads * task_bytes <= cluster.memory - PROCESS_BYTES
    threads = min(cluster.all_threads, table.shards)
    held = table.rows * table.prepared_row_bytes // cluster.workers
    on_disk = held if place == "disk" else 0
    tasks, overhead = overhead_of(table, candidates, cluster, rates)
    reading = {
        "memory": 0.0,
        "disk": on_disk / rates.disk,
        "source": table.rows * table_rates.prepare / threads,
    }[place]
    sweeping = table.rows * rates.row_seconds(table.columns, list(candidates)) / threads
    kept = held if place == "memory" else 0
    return Plan(
        place=place,
        fits=fits,
        tasks=tasks,
        profile_seconds=table.rows * table_rates.profile / threads + overhead + rates.first_pass,
        prepare_seconds=table.rows * table_rates.prepare / threads + on_disk / rates.disk + overhead,
        pass_seconds=reading + sweeping + overhead,
        overhead_seconds=overhead,
        passes=passes,
        task_bytes=task_bytes,
        held_bytes=held,
        worker_bytes=PROCESS_BYTES + cluster.threads * task_bytes + kept,
        disk_bytes=on_disk,
        advice=tuple(_advice(table, candidates, cluster, place, fits, overhead, sweeping)),
    )


def task_bytes_of(table: TableShape, candidates: Sequence[Candidate]) -> int:
    """The most that one thread takes beside what is held."""
    shapes = [(k, family.features) for k, family in candidates]
    return predicted_bytes_per_task(table.columns, shapes, row_bytes=table.row_bytes).most


def place_of(table: TableShape, candidates: Sequence[Candidate], cluster: Cluster) -> str:
    """Where prepared rows would lie, by the engine's own rule; local disks are taken to be large enough."""
    room = Room(cluster.threads, cluster.memory, PROCESS_BYTES, "", ("", 0), 2**62)
    n_bytes = table.rows * table.prepared_row_bytes
    return choose_place(n_bytes, 2**62, [room] * cluster.workers, task_bytes_of(table, candidates)).where


def overhead_of(
    table: TableShape, candidates: Sequence[Candidate], cluster: Cluster, rates: Rates
) -> tuple[int, float]:
    """Tasks of a pass, and the seconds of it that are no work on rows."""
    threads = {str(worker): cluster.threads for worker in range(cluster.workers)}
    tasks = len(batches(spread(table.shards, threads), threads))
    message = 8 * sum(k * (family.features.n_features(table.columns) + table.columns) for k, family in candidates)
    depth = max(0, math.ceil(math.log(tasks, PARTS_TO_GATHER)) - 1)  # what is left comes to the driver
    # Parameters reach W workers from one another, in about log2 W steps.
    steps = 1 + depth + math.ceil(math.log2(max(cluster.workers, 2)))
    return tasks, rates.per_pass + tasks * rates.per_task + depth * LATENCY + steps * message / rates.network


def _advice(
    table: TableShape,
    candidates: Sequence[Candidate],
    cluster: Cluster,
    place: str,
    fits: bool,
    overhead: float,
    sweeping: float,
) -> list[str]:
    advice = []
    if not fits:
        needed = PROCESS_BYTES + cluster.threads * task_bytes_of(table, candidates)
        advice.append(
            f"It does not fit: a worker needs {size(needed)} for {cluster.threads} threads. Give more memory or fewer "
            "threads, or fewer columns or candidates."
        )
    elif place != "memory":
        workers = workers_for_memory(table, candidates, cluster)
        memory = memory_for(table, candidates, cluster)
        advice.append(
            f"Every pass reads prepared rows from local disks. They would stay in memory on {workers} workers like "
            f"these, or on {cluster.workers} with {size(memory)} each."
        )
    if cluster.all_threads > table.shards:
        advice.append(f"{cluster.all_threads} threads share {table.shards} shards: the others have nothing to do.")
    if overhead > sweeping:
        advice.append("A pass takes longer to arrange than to compute: fewer workers would do.")
    return advice


def workers_for_memory(table: TableShape, candidates: Sequence[Candidate], cluster: Cluster) -> int:
    """The fewest workers like these that would hold the prepared table in memory."""
    workers = cluster.workers
    while place_of(table, candidates, Cluster(workers, cluster.threads, cluster.memory)) != "memory":
        workers = max(workers + 1, math.ceil(workers * 1.1))
        if workers > 10**6:
            return workers
    return workers


def memory_for(table: TableShape, candidates: Sequence[Candidate], cluster: Cluster) -> int:
    """The memory limit, a multiple of 1 GiB, with which these workers would hold the prepared table."""
    memory = 2**30
    while place_of(table, candidates, Cluster(cluster.workers, cluster.threads, memory)) != "memory":
        memory += 2**30 * max(1, memory // 2**30 // 16)
    return memory


def size(n_bytes: float) -> str:
    """Bytes for people."""
    return f"{n_bytes / 2**30:,.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:,.0f} MiB"
