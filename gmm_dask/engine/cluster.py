"""Passes over shards on a Dask cluster, by futures: few large tasks, parameters sent once, the tree on the workers."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, final

from distributed import Client, Future, KilledWorker, WorkerPlugin, wait
from threadpoolctl import threadpool_limits

from gmm_dask.engine.engine import Done, Engine, silent
from gmm_dask.engine.reduction import groups, merge_group
from gmm_dask.errors import ResourceError

S = TypeVar("S")
B = TypeVar("B")
R = TypeVar("R")

_POLL_SECONDS = 0.5
_MEMORY_SHARE = 0.5  # of the workers' limits; the rest is for scratch, results and the interpreter


@final
class OneBlasThread(WorkerPlugin):
    """Holds a worker's BLAS to one thread from set-up on; limits per task are process-wide and would race."""

    name = "gmm-dask-one-blas-thread"

    def setup(self, worker: Any) -> None:
        self._limits = threadpool_limits(limits=1, user_api="blas")

    def teardown(self, worker: Any) -> None:
        self._limits.restore_original_limits()


@final
class OnCluster(Engine):
    """The workers of a `distributed.Client`.

    Shards are futures with a lineage: one lost with its worker is loaded again by another, and every result keeps its
    bits. `patience` is how long, in seconds, to wait while the cluster has no worker at all before giving up.
    """

    def __init__(self, client: Client, patience: float = 60.0) -> None:
        self.client, self.patience = client, patience
        self._wait_for_a_worker()
        client.register_plugin(OneBlasThread())

    def map(self, function: Callable[[S, Any], R], shards: Sequence[S], shared: Any, done: Done = silent) -> list[R]:
        futures = self._submit(function, shards, shared)
        self._wait(futures, futures, done)
        return [_result(future) for future in futures]

    def map_reduce(
        self,
        function: Callable[[S, Any], R],
        shards: Sequence[S],
        shared: Any,
        merge: Callable[[R, R], R],
        done: Done = silent,
    ) -> R:
        leaves = self._submit(function, shards, shared)
        level = leaves
        while len(level) > 1:
            level = self.client.map(merge_group, groups(level), merge=merge, pure=False)
        self._wait(leaves, level, done)
        result: R = _result(level[0])
        return result

    def keep(self, load: Callable[[S], B], specs: Sequence[S]) -> Sequence[Any]:
        return list(self.client.map(load, specs, pure=False))

    @property
    def memory_bytes(self) -> int:
        return int(sum(worker["memory_limit"] for worker in self._workers()) * _MEMORY_SHARE)

    def describe(self) -> str:
        workers = self._workers()
        threads = sum(worker["nthreads"] for worker in workers)
        return f"on {self.client.scheduler.address}, {len(workers)} workers, {threads} threads"

    def _submit(self, function: Callable[..., Any], shards: Sequence[Any], shared: Any) -> list[Future]:
        # A future of the parameters travels once to each worker; as a keyword of client.map it would be sent with every
        # task, and above 100 kB it fails in the scheduler.
        parameters = self.client.submit(_identity, shared, pure=False)
        return list(self.client.map(function, shards, [parameters] * len(shards), pure=False))

    def _wait(self, leaves: Sequence[Future], last: Sequence[Future], done: Done) -> None:
        """Until all of `last` are done, telling of finished leaves; gives up when the cluster stays without workers."""
        while True:
            try:
                with self.client.as_current():  # what `wait` takes to be meant
                    wait(last, timeout=_POLL_SECONDS)
                break
            except TimeoutError:
                done(sum(leaf.done() for leaf in leaves), len(leaves))
                if any(future.status == "error" for future in last):
                    break
                self._wait_for_a_worker()
            except (CancelledError, OSError) as error:
                raise self._lost(error) from error
        done(len(leaves), len(leaves))

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

    def _wait_for_a_worker(self) -> None:
        give_up = time.monotonic() + self.patience
        while not self._workers():
            if time.monotonic() > give_up:
                raise ResourceError(
                    f"the cluster at {self.client.scheduler.address} had no worker for {self.patience:.0f} s",
                    advice="Start workers (`dask worker ADDRESS`) and run again.",
                )
            time.sleep(_POLL_SECONDS)


def _identity(value: R) -> R:
    return value


def _result(future: Future) -> Any:
    try:
        return future.result()
    except KilledWorker as error:
        raise ResourceError(
            f"a task was given up after it died with {error.allowed_failures + 1} workers in turn",
            where=f"task {error.task}",
            advice="Most often memory ran out: see the workers' logs, and give them more memory or fewer threads.",
        ) from error
