"""Cutting a table into shards: a function of the data and nothing else, so that results do not depend on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from gmm_dask.table.source import Source

SHARD_BYTES = 128 * 2**20
"""Bytes of a shard's rows in memory, all columns; large enough that a task's overhead does not show."""

FEWEST_SHARDS = 16
"""Smaller tables are cut into so many shards, for parallel work, but not below `FEWEST_ROWS` rows each."""

FEWEST_ROWS = 16_384

_VARIABLE_WIDTH_BYTES = 32  # a guess for a text cell


@dataclass(frozen=True)
class Shard:
    """A run of rows of a table, from row `start` on; `source` holds these rows alone."""

    number: int
    start: int
    source: Source

    @property
    def n_rows(self) -> int:
        return self.source.n_rows

    @property
    def where(self) -> str:
        return self.source.where(0, self.source.n_rows)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """All rows of the shard."""
        return self.source.read(0, self.source.n_rows, columns)


def plan_shards(source: Source) -> list[Shard]:
    """Shards of nearly equal size, cut at row groups where those are near, within them where they are too large."""
    cuts = cut_points(source.n_rows, source.breaks, rows_per_shard(source.n_rows, row_bytes(source.schema)))
    return [Shard(number, start, source.narrowed(start, stop)) for number, (start, stop) in enumerate(pairwise(cuts))]


def rows_per_shard(n_rows: int, bytes_per_row: int) -> int:
    """The size aimed at."""
    parallel = max(-(-n_rows // FEWEST_SHARDS), FEWEST_ROWS)
    return max(1, min(parallel, SHARD_BYTES // bytes_per_row))


def row_bytes(schema: pa.Schema) -> int:
    """Bytes that a row of these types takes in memory, estimated; at least one."""
    return max(1, sum(_cell_bytes(field.type) for field in schema))


def cut_points(n_rows: int, breaks: np.ndarray, target: int) -> list[int]:
    """From 0 to n_rows, at `breaks` where one is near; shards hold target / 2 to 3 target / 2 rows, a last one less."""
    cuts = [0]
    while cuts[-1] < n_rows:
        start, furthest = cuts[-1], cuts[-1] + target + target // 2
        near = breaks[np.searchsorted(breaks, start + target // 2, side="right") :]
        near = near[: np.searchsorted(near, furthest, side="right")]
        if n_rows <= furthest:
            cuts.append(n_rows)
        elif near.size:
            cuts.append(int(near[np.argmin(np.abs(near - (start + target)))]))
        else:
            cuts.append(start + target)
    return cuts


def _cell_bytes(kind: pa.DataType) -> int:
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:  # pyarrow's way of saying that the width varies
        return _VARIABLE_WIDTH_BYTES
