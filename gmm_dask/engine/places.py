"""The rule by which prepared shards are held.

They stay in memory if they fit what is set aside there; else they lie on the local disks of those who sweep them, if
they fit there; else every pass reads and prepares the source again. The blocks are the same in all three, so the choice
changes no bit of any result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

from gmm_dask.engine.room import Room

_MEMORY_SHARE = 0.65  # of a process's limit: Dask moves what a worker holds to disk from 0.7 on
_DISK_SHARE = 0.9  # of what is free


Where = Literal["memory", "disk", "source"]


class Place(NamedTuple):
    """Where the blocks of every pass come from, and what to say about it."""

    where: Where
    notes: tuple[str, ...] = ()


def choose_place(n_bytes: int, memory_bytes: int, rooms: Sequence[Room], task_bytes: int) -> Place:
    """The rule, for `n_bytes` of prepared rows, `memory_bytes` that the engine allows and tasks of `task_bytes`."""
    spare = (_MEMORY_SHARE * room.memory_bytes - room.taken_bytes - room.threads * task_bytes for room in rooms)
    set_aside = min(memory_bytes, sum(max(0.0, each) for each in spare))
    if n_bytes <= set_aside:
        return Place("memory")
    larger = f"the prepared table ({_gib(n_bytes)}) is larger than the memory set aside for it ({_gib(set_aside)})"
    needed, n_threads = defaultdict[tuple[str, int], float](float), sum(room.threads for room in rooms)
    for room in rooms:
        needed[room.disk] += n_bytes * room.threads / n_threads
    scarce = next((room for room in rooms if needed[room.disk] > _DISK_SHARE * room.free_bytes), None)
    if scarce is None:
        least = min(rooms, key=lambda room: room.free_bytes)
        where = f"{least.folder} ({_gib(least.free_bytes)} free)" + (" and its like" if len(rooms) > 1 else "")
        return Place("disk", (f"{larger}; it is held on disk, in {where}",))
    return Place(
        "source",
        (
            f"{larger}, and {scarce.folder} has {_gib(scarce.free_bytes)} free of the {_gib(needed[scarce.disk])} "
            "that it would take on disk; every pass reads the source again",
        ),
    )


def _gib(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"
