"""Which worker holds which shard, and which shards make up one task. None of it changes a result: see `reduction`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final, overload

from distributed import Future

TASKS_PER_THREAD = 2
"""At least so many, where there are shards enough: what a slow thread has not begun is left to the others."""

SHARDS_PER_TASK = 16
"""At most so many: progress is told by tasks, and with a task no more than so much work is lost."""

Threads = Mapping[str, int]
"""Threads of each worker, by address."""


@final
@dataclass
class KeptShards(Sequence[Future]):
    """Futures of loaded shards, in the order of `specs`.

    `homes` are the workers that were asked to load them, and `workers` those of the cluster then. A shard that moves
    is loaded again where it goes: its new future has the same lineage as the old one.
    """

    load: Callable[[Any], Any]
    specs: Sequence[Any]
    futures: list[Future]
    homes: list[str]
    workers: frozenset[str]

    @overload
    def __getitem__(self, index: int) -> Future: ...
    @overload
    def __getitem__(self, index: slice) -> list[Future]: ...
    def __getitem__(self, index: int | slice) -> Future | list[Future]:
        return self.futures[index]

    def __len__(self) -> int:
        return len(self.futures)


def spread(n_shards: int, threads: Threads) -> list[str]:
    """A worker for each shard: runs of neighbours, since those merge where they are, in proportion to threads."""
    slots = [address for address, n_threads in threads.items() for _ in range(n_threads)]
    return [slots[number * len(slots) // n_shards] for number in range(n_shards)]


def place(holders: Sequence[str], home: str | None, threads: Threads) -> str | None:
    """Which of a shard's holders to count on; while it has none, the home that was asked to load it."""
    if home in threads and (home in holders or not holders):
        return home
    return min(set(holders) & set(threads), default=None)


def moves(homes: Sequence[str | None], threads: Threads) -> dict[int, str]:
    """The fewest shards to move for every worker to have its share, and where to."""
    room = Counter(spread(len(homes), threads))
    spare = []
    for number, home in enumerate(homes):
        if home is not None and room[home] > 0:
            room[home] -= 1
        else:
            spare.append(number)
    return dict(zip(spare, room.elements(), strict=True))


def batches(homes: Sequence[str | None], threads: Threads) -> list[list[int]]:
    """The shards of each task, by number: neighbours on one worker, and as many tasks for one thread as for another.

    None stands for shards that no worker holds; these may go anywhere.
    """
    n_threads = sum(threads.values())
    size = max(1, min(SHARDS_PER_TASK, len(homes) // (TASKS_PER_THREAD * n_threads)))
    by_home: dict[str | None, list[int]] = defaultdict(list)
    for number, home in enumerate(homes):
        by_home[home].append(number)
    tasks = []
    for home, numbers in by_home.items():
        at_once = n_threads if home is None else threads[home]
        n_tasks = min(len(numbers), -(-len(numbers) // (size * at_once)) * at_once)
        cuts = [len(numbers) * task // n_tasks for task in range(n_tasks + 1)]
        tasks += [numbers[start:stop] for start, stop in pairwise(cuts)]
    return sorted(tasks)
