"""The memory of one task, from shapes alone: what is promised before anything is read, and refused where it cannot be.

Figures are upper bounds in bytes for one thread, over and above what its process takes (see `gmm_dask.engine.room`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gmm_dask.engine.placement import SHARDS_PER_TASK
from gmm_dask.engine.room import Room
from gmm_dask.errors import ResourceError
from gmm_dask.mixture import Features, sweep_bytes
from gmm_dask.table.source import BATCH_ROWS

Shape = tuple[int, Features]
"""Of a candidate: its number of components, and the features of its covariance family."""

_FLOAT = 8
_DECODER = 5 * 2**20  # of a column: what is read at a time, pages as they usually are, a dictionary; measured
_STATISTICS = SHARDS_PER_TASK + 3  # of every candidate, at a time: a block's, a shard's, those waiting to be merged
_COLUMN_COPIES = 8  # of the one column at hand: missing values, transform and slope with their intermediate results
_PROFILED_CELL = 48  # of the one column at hand: its numbers, their hashes, which of them are missing
_SKETCHES = 2**18  # of a column


@dataclass(frozen=True)
class TaskBytes:
    """The most that a task takes while it prepares a batch of a shard, and while it sweeps one."""

    preparation: int
    sweep: int

    @property
    def most(self) -> int:
        """Where shards are read in every pass, a task prepares one batch while it sweeps the one before."""
        return self.preparation + self.sweep


def predicted_bytes_per_task(
    d: int, candidates: Sequence[Shape], *, row_bytes: int = 0, n_columns: int = 0, rows: int = BATCH_ROWS
) -> TaskBytes:
    """For d modelled columns and these candidates, swept together.

    `n_columns` are read, d where nothing is said, their cells taking `row_bytes` in a row (8 each); `rows` are prepared
    and swept at a time.
    """
    n_columns = n_columns or d
    statistics = sum(_FLOAT * k * (features.n_features(d) + d) for k, features in candidates)
    return TaskBytes(
        _read_bytes(rows, n_columns, row_bytes) + _FLOAT * rows * (d + n_columns + _COLUMN_COPIES),
        _FLOAT * rows * (n_columns + 1) + sweep_bytes(d, sum(k for k, _ in candidates)) + _STATISTICS * statistics,
    )


def predicted_profile_bytes(n_columns: int, row_bytes: int, sample_rows: int, *, rows: int = BATCH_ROWS) -> int:
    """For a profile of columns whose cells take `row_bytes` in a row, which samples so many rows."""
    sample = 3 * sample_rows * _FLOAT * (n_columns + 2)
    return _read_bytes(rows, n_columns, row_bytes) + rows * _PROFILED_CELL + sample + n_columns * _SKETCHES


def require_room(rooms: Sequence[Room], task_bytes: int, what: str) -> None:
    """Raises ResourceError where the threads of a process cannot all run tasks of so many bytes within its limit."""
    for room in rooms:
        spare = room.memory_bytes - room.taken_bytes
        if room.threads * task_bytes > spare:
            raise ResourceError(
                f"{what} takes up to {_mib(task_bytes)} a thread, {_mib(room.threads * task_bytes)} on {room.threads} "
                f"threads, and a process has {_mib(spare)} for that",
                expected=f"a limit of {_mib(room.taken_bytes + room.threads * task_bytes)} or more",
                advice="Give workers more memory or fewer threads, or name fewer columns or candidates.",
            )


def _read_bytes(rows: int, n_columns: int, row_bytes: int) -> int:
    """Two batches as Arrow tables, the one at hand and what is decoded of the next, and the decoders."""
    return 2 * rows * (row_bytes or _FLOAT * n_columns) + n_columns * _DECODER


def _mib(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.0f} MiB"
