"""What a process that runs tasks has to spare: memory, threads, disk."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from distributed.system import MEMORY_LIMIT

from gmm_dask.engine.spill import spill_folder

PROCESS_BYTES = 384 * 2**20
"""What a worker takes before its first task: Python and all that it loads; measured, and rounded up."""


@dataclass(frozen=True)
class Room:
    """One process. `memory_bytes` is its limit, of which `taken_bytes` are not for tasks; `folder` is where it spills,
    `disk` tells that folder's file system from others, on which `free_bytes` are left."""

    threads: int
    memory_bytes: int
    taken_bytes: int
    folder: str
    disk: tuple[str, int]
    free_bytes: int


def room_here(n_threads: int) -> Room:
    """The room in this process, if it is no worker: the memory that nobody uses yet."""
    return _room(n_threads, min(MEMORY_LIMIT, psutil.virtual_memory().available), 0, spill_folder())


def room_of_worker(dask_worker: Any) -> Room:
    """The room in a Dask worker; `Client.run` hands it over by this name."""
    limit = dask_worker.memory_manager.memory_limit or MEMORY_LIMIT
    return _room(dask_worker.state.nthreads, limit, PROCESS_BYTES, dask_worker.local_directory)


def _room(n_threads: int, memory_bytes: int, taken_bytes: int, folder: str) -> Room:
    disk = (socket.gethostname(), Path(folder).stat().st_dev)
    return Room(n_threads, memory_bytes, taken_bytes, folder, disk, shutil.disk_usage(folder).free)
