"""Where passes over shards run. An engine knows nothing of mixtures: it maps pure functions and merges results."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, cached_property
from threading import Lock
from typing import Any, TypeVar, cast, final

from threadpoolctl import OpenBLASController, ThreadpoolController

from gmm_dask.engine.reduction import merge_tree
from gmm_dask.engine.room import Room, room_here

S = TypeVar("S")
B = TypeVar("B")
R = TypeVar("R")
_POLL_SECONDS = 0.1

Done = Callable[[int, int], None]
"""Told (shards done, shards in all) while a pass runs."""


def silent(done: int, total: int) -> None:
    """Tells nobody."""


class Engine(ABC):
    """Maps a pure function over shards. `shared` goes to every call as second argument and is sent once per pass.

    Functions must be importable by workers, and depend on nothing but their arguments: then a lost result can be
    computed again, and results do not depend on where they were computed.
    """

    @abstractmethod
    def map(self, function: Callable[[S, Any], R], shards: Sequence[S], shared: Any, done: Done = silent) -> list[R]:
        """[function(shard, shared) for each shard], in the shards' order."""

    @abstractmethod
    def map_reduce(
        self,
        function: Callable[[S, Any], R],
        shards: Sequence[S],
        shared: Any,
        merge: Callable[[R, R], R],
        done: Done = silent,
    ) -> R:
        """The results of `map` merged up the fixed tree of `gmm_dask.engine.reduction`, near the data."""

    @abstractmethod
    def keep(self, load: Callable[[S], B], specs: Sequence[S]) -> Sequence[Any]:
        """Load every shard where it will be used, and keep it there. What comes back stands for it in `map`."""

    @abstractmethod
    def discard(self, kept: Sequence[Any]) -> None:
        """Let go of what `keep` returned, whoever still refers to it, such as the traceback of an error."""

    @abstractmethod
    def rooms(self) -> list[Room]:
        """What each process that runs tasks has to spare."""

    @property
    @abstractmethod
    def memory_bytes(self) -> int:
        """Memory that prepared shards may fill."""

    @abstractmethod
    def describe(self) -> str:
        """Where this runs, for logs."""


@final
class InProcess(Engine):
    """Threads of this process; the compiled kernel releases the GIL. For tables that fit in memory."""

    def __init__(self, n_threads: int | None = None) -> None:
        self.n_threads = n_threads or len(os.sched_getaffinity(0))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads that live as long as the engine: to start them takes longer than a small pass."""
        return ThreadPoolExecutor(self.n_threads)

    def map(self, function: Callable[[S, Any], R], shards: Sequence[S], shared: Any, done: Done = silent) -> list[R]:
        with one_blas_thread():
            work = _Work(function, shards, shared)
            if len(shards) == 1:  # to hand it over takes longer than to sweep a small shard
                work()
            else:
                threads = [self._pool.submit(work) for _ in range(min(self.n_threads, len(shards)))]
                try:
                    while wait(threads, timeout=_POLL_SECONDS).not_done:
                        done(len(work.results), len(shards))
                finally:
                    work.is_over = True  # after an interruption, once every thread is done with its shard
                    wait(threads)
            done(len(work.results), len(shards))
            return work.in_order()

    def map_reduce(
        self,
        function: Callable[[S, Any], R],
        shards: Sequence[S],
        shared: Any,
        merge: Callable[[R, R], R],
        done: Done = silent,
    ) -> R:
        return merge_tree(self.map(function, shards, shared, done), merge)

    def keep(self, load: Callable[[S], B], specs: Sequence[S]) -> Sequence[Any]:
        return self.map(lambda spec, _: load(spec), specs, None)

    def discard(self, kept: Sequence[Any]) -> None:
        cast("list[Any]", kept).clear()

    def rooms(self) -> list[Room]:
        return [room_here(self.n_threads)]

    @property
    def memory_bytes(self) -> int:
        return room_here(self.n_threads).memory_bytes // 2

    def describe(self) -> str:
        return f"in this process, {self.n_threads} threads"


class _Work:
    """A function over shards, for any number of threads: each takes the next shard until there is none.

    One queue for all costs a shard less than a future for each.
    """

    def __init__(self, function: Callable[[Any, Any], Any], shards: Sequence[Any], shared: Any) -> None:
        self.function, self.shards, self.shared = function, shards, shared
        self.next, self.results, self.errors = iter(range(len(shards))), dict[int, Any](), dict[int, BaseException]()
        self.is_over = False

    def __call__(self) -> None:
        for number in self.next:
            try:
                self.results[number] = self.function(self.shards[number], self.shared)
            except BaseException as error:  # noqa: BLE001 (raised by `in_order`)
                self.errors[number] = error
            if self.errors or self.is_over:
                break

    def in_order(self) -> list[Any]:
        """The results in the shards' order. Raises the error of the first shard that has one."""
        if self.errors:
            raise self.errors[min(self.errors)]
        return [self.results[number] for number in range(len(self.shards))]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread: we run one task per core ourselves, and its own threads would fight over them.

    The limit is the process's, not the thread's: of blocks that overlap each sets it, in case that somebody has changed
    it meanwhile, and the last takes it back to what the first found.
    """
    with _BLAS.lock:
        _let_any_thread_limit()
        limits = _thread_pools().limit(limits=1, user_api="blas")
        _BLAS.inside += 1
        if _BLAS.inside == 1:
            _BLAS.limits = limits
    try:
        yield
    finally:
        with _BLAS.lock:
            _BLAS.inside -= 1
            if _BLAS.inside == 0:
                _let_any_thread_limit()
                _BLAS.limits.restore_original_limits()
                _let_any_thread_limit()


class _BlasState:
    """How many blocks hold BLAS to one thread in this process, and what takes that back."""

    def __init__(self) -> None:
        self.lock, self.inside, self.limits = Lock(), 0, cast("Any", None)


_BLAS = _BlasState()


def _let_any_thread_limit() -> None:
    """Let whoever asks next set OpenBLAS's limits.

    From its version 3.8 on threadpoolctl leaves that to the first thread that asked, as long as this lives; the others
    ask in vain and are not told. We set limits in one thread and take them back in another.
    """
    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


@cache
def _thread_pools() -> ThreadpoolController:
    """Found once: the search through the loaded libraries would cost as much as a small sweep."""
    return ThreadpoolController()
