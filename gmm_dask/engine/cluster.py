"""Passes over shards on a Dask cluster, by futures: few tasks, sent at once, each over shards that its worker holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, wait
from itertools import groupby
from typing import Any, TypeVar, cast, final

from dask.utils import funcname
from distributed import Client, Future, KilledWorker, WorkerPlugin
from distributed.system import MEMORY_LIMIT

from gmm_dask.engine.engine import Done, Engine, one_blas_thread, silent
from gmm_dask.engine.placement import KeptShards, Threads, batches, moves, place, spread
from gmm_dask.engine.reduction import Node, join, root
from gmm_dask.engine.room import Room, room_of_worker
from gmm_dask.engine.tasks import OverBatch, OverShard, Shared
from gmm_dask.errors import ResourceError

S = TypeVar("S")
B = TypeVar("B")
R = TypeVar("R")

PARTS_TO_GATHER = 16
"""More than so many parts of the tree are joined on the workers before they come to the driver."""

_POLL_SECONDS = 0.5
_MEMORY_SHARE = 0.5  # of the workers' limits; the rest is for scratch, results and the interpreter
_RELEASE_SECONDS = 0.5
_BYTES_IN_TASKS = 2**21  # of parameters, over all tasks of a pass; more travel to each worker once


@final
class OneBlasThread(WorkerPlugin):
    """Holds a worker's BLAS to one thread from set-up on; workers of one process share the limit."""

    name = "gmm-dask-one-blas-thread"

    def setup(self, worker: Any) -> None:
        self._limit = one_blas_thread()
        self._limit.__enter__()

    def teardown(self, worker: Any) -> None:
        self._limit.__exit__(None, None, None)


@final
class OnCluster(Engine):
    """The workers of a `distributed.Client`.

    Shards are futures with a lineage: one lost with its worker is loaded again by another, and every result keeps its
    bits. `patience` is how long, in seconds, to wait while the cluster has no worker at all before giving up.
    """

    def __init__(self, client: Client, patience: float = 60.0) -> None:
        self.client, self.patience = client, patience
        self._finished: list[Future] = []
        self._released = time.monotonic()
        self._threads()
        client.register_plugin(OneBlasThread())

    def map(self, function: Callable[[S, Any], R], shards: Sequence[S], shared: Any, done: Done = silent) -> list[R]:
        self._threads()
        parameters = self._parameters(shared, len(shards))
        tasks = self.client.map(OverShard(function), shards, parameters, key=funcname(function), pure=False)
        return self._gathered(tasks, tasks, [1] * len(shards), done)

    def map_reduce(
        self,
        function: Callable[[S, Any], R],
        shards: Sequence[S],
        shared: Any,
        merge: Callable[[R, R], R],
        done: Done = silent,
    ) -> R:
        n, threads = len(shards), self._threads()
        if isinstance(shards, KeptShards) and shards.workers != frozenset(threads):
            self._level(shards, threads)
        numbers = batches(self._places(shards, threads), threads)
        tasks = self.client.map(
            OverBatch(function, merge, n),
            numbers,
            [[shards[number] for number in batch] for batch in numbers],
            self._parameters(shared, len(numbers)),
            key=funcname(function),
            pure=False,
        )
        parts = tasks
        while len(parts) > PARTS_TO_GATHER:
            runs = [parts[start : start + PARTS_TO_GATHER] for start in range(0, len(parts), PARTS_TO_GATHER)]
            parts = self.client.map(join, runs, n_leaves=n, merge=merge, pure=False)
        gathered: list[dict[Node, R]] = self._gathered(parts, tasks, [len(batch) for batch in numbers], done)
        self._release([*tasks, *parts])
        return root(join(gathered, n, merge), n)

    def keep(self, load: Callable[[S], B], specs: Sequence[S]) -> Sequence[Any]:
        threads = self._threads()
        homes = spread(len(specs), threads)
        return KeptShards(load, specs, self._load(load, specs, homes), homes, frozenset(threads))

    def discard(self, kept: Sequence[Any]) -> None:
        cast("KeptShards", kept).futures.clear()

    def rooms(self) -> list[Room]:
        self._threads()
        found: dict[str, Room] = self.client.run(room_of_worker, on_error="ignore")  # one that has just died has none
        if not found:
            raise self._lost(None)
        return list(found.values())

    @property
    def memory_bytes(self) -> int:
        limits = (worker["memory_limit"] or MEMORY_LIMIT for worker in self._workers())  # 0: no limit
        return int(sum(limits) * _MEMORY_SHARE)

    def describe(self) -> str:
        workers = self._workers()
        threads = sum(worker["nthreads"] for worker in workers)
        return f"on {self.client.scheduler.address}, {len(workers)} workers, {threads} threads"

    def _load(self, load: Callable[[Any], Any], specs: Sequence[Any], homes: Sequence[str]) -> list[Future]:
        """Shards loading at home; elsewhere when home is lost, or another worker has nothing to do."""
        futures: list[Future] = []
        for home, run in groupby(range(len(specs)), key=homes.__getitem__):
            of_home = [specs[number] for number in run]
            futures += self.client.map(load, of_home, workers=[home], allow_other_workers=True, pure=False)
        return futures

    def _places(self, shards: Sequence[Any], threads: Threads) -> list[str | None]:
        """The worker that holds each shard, or was asked to and has not yet; None where there is none."""
        futures = [shard for shard in shards if isinstance(shard, Future)]
        holders = self.client.who_has(futures) if futures else {}
        homes = shards.homes if isinstance(shards, KeptShards) else [None] * len(shards)
        return [
            place(holders.get(shard.key, ()), home, threads) if isinstance(shard, Future) else None
            for shard, home in zip(shards, homes, strict=True)
        ]

    def _level(self, kept: KeptShards, threads: Threads) -> None:
        """After workers came or went: let every worker have its share of the shards, loading again what moves."""
        places = self._places(kept, threads)
        if None in places:
            return  # lost shards are being loaded, nobody knows where: after this pass we shall
        going = moves(places, threads)
        homes = list(going.values())
        loading = self._load(kept.load, [kept.specs[number] for number in going], homes)
        for number, home, future in zip(going, homes, loading, strict=True):
            kept.homes[number], kept.futures[number] = home, future
        kept.workers = frozenset(threads)

    def _parameters(self, shared: Any, n_tasks: int) -> list[Any]:
        """What each task gets: few bytes as they are, many as a future, which travels to each worker once."""
        parameters = Shared(shared)
        if n_tasks * parameters.pickled_bytes > _BYTES_IN_TASKS:
            return [self.client.submit(_identity, parameters, pure=False)] * n_tasks
        return [parameters] * n_tasks

    def _gathered(self, wanted: list[Future], tasks: list[Future], sizes: list[int], done: Done) -> list[Any]:
        """The results of `wanted`, telling of shards done, by finished tasks and their sizes, while waiting."""
        gathering = asyncio.run_coroutine_threadsafe(self._gather(wanted), self.client.loop.asyncio_loop)
        try:
            while not wait([gathering], timeout=_POLL_SECONDS).done:
                done(sum(size for task, size in zip(tasks, sizes, strict=True) if task.done()), sum(sizes))
                self._threads()
            results: list[Any] = gathering.result()
        except KilledWorker as error:
            raise ResourceError(
                f"a task was given up after it died with {error.allowed_failures + 1} workers in turn",
                where=f"task {error.task}",
                advice="Most often memory ran out: see the workers' logs, and give them more memory or fewer threads.",
            ) from error
        except (CancelledError, OSError) as error:
            if any(future.status == "error" for future in wanted):
                raise  # what the task raised
            raise self._lost(error) from error
        finally:
            gathering.cancel()
        done(sum(sizes), sum(sizes))
        return results

    def _release(self, futures: list[Future]) -> None:
        """Let go of a pass's futures, of those of quick passes together.

        A client sends one message in 10 ms and a scheduler one to a worker in 5: to say after each pass what is no
        longer wanted would hold up the next.
        """
        self._finished += futures
        if time.monotonic() - self._released > _RELEASE_SECONDS:
            self._finished.clear()
            self._released = time.monotonic()

    async def _gather(self, futures: list[Future]) -> list[Any]:
        results: list[Any] = await self.client.gather(futures, asynchronous=True)
        return results

    def _threads(self) -> Threads:
        """Threads of each worker. Waits while there is none, and raises ResourceError in the end."""
        give_up = time.monotonic() + self.patience
        while True:
            if self.client.status != "running":
                raise self._lost(None)
            try:
                threads = self.client.nthreads()
            except OSError as error:
                raise self._lost(error) from error
            if threads:
                return dict(threads)
            if time.monotonic() > give_up:
                raise ResourceError(
                    f"the cluster at {self.client.scheduler.address} had no worker for {self.patience:.0f} s",
                    advice="Start workers (`dask worker ADDRESS`) and run again.",
                )
            time.sleep(_POLL_SECONDS)

    def _workers(self) -> list[dict[str, Any]]:
        """What the scheduler knows of its workers. Raises ResourceError when the scheduler is gone."""
        if self.client.status != "running":
            raise self._lost(None)
        return list(self.client.scheduler_info().get("workers", {}).values())

    def _lost(self, error: BaseException | None) -> ResourceError:
        return ResourceError(
            f"the connection to the Dask scheduler was lost{f' ({error!r})' if error else ''}",
            advice="Nothing was published. See that the scheduler stays up, and run again.",
        )


def _identity(value: R) -> R:
    return value
