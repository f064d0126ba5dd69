"""Cutting a table into shards: a function of the data and nothing else, so that results do not depend on a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_dask.table.source import BATCH_ROWS, Source

SHARD_BYTES = 128 * 2**20
"""Bytes of a shard's rows in memory, all columns; large enough that a task's overhead does not show."""

FEWEST_SHARDS = 16
"""Smaller tables are cut into so many shards, for parallel work, but not below `FEWEST_ROWS` rows each."""

FEWEST_ROWS = 16_384

WORTH_TELLING_BYTES = 64 * 2**30
"""Bytes decoded in vain that a user should know of: about a minute of one core, at 1 GiB/s, in every pass."""

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

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of the shard."""
        return self.source.read(0, self.n_rows, columns)

    def batches(self, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
        """All rows of the shard, in tables of `rows` rows: see `Source.batches`."""
        return self.source.batches(0, self.n_rows, columns, rows)


def plan_shards(source: Source) -> list[Shard]:
    """Shards of like size, cut at row groups where those are near, within them where they are too large.

    Arrow enters a row group at its beginning only, so that a shard from within one decodes what precedes it: m shards
    of one row group decode it (m + 1) / 2 times. 20 million rows of two columns in one row group took 0.05 s to decode
    at once, 0.5 s in 16 shards (zstd 0.15 s and 1.5 s, dictionaries 0.3 s and 2.5 s). Fewer shards would hold more
    memory each and leave workers idle; `reading_notes` tells where it hurts.
    """
    cuts = cut_points(source.n_rows, source.breaks, rows_per_shard(source.n_rows, row_bytes(source.schema)))
    return [Shard(number, start, source.narrowed(start, stop)) for number, (start, stop) in enumerate(pairwise(cuts))]


def reading_notes(shards: Sequence[Shard]) -> list[str]:
    """Words for the user where reading these shards, all of a table's, decodes far more than they hold."""
    n_rows, bytes_per_row = sum(shard.n_rows for shard in shards), row_bytes(shards[0].source.schema)
    n_skipped = sum(shard.source.n_skipped for shard in shards)
    if n_skipped * bytes_per_row < WORTH_TELLING_BYTES:
        return []
    return [
        f"row groups are much larger than shards, so that every pass over the table decodes its rows "
        f"{1 + n_skipped / n_rows:.1f} times; with row groups of at most {rows_per_shard(n_rows, bytes_per_row)} rows, "
        "as the ingest job writes them, it would be once"
    ]


def rows_per_shard(n_rows: int, bytes_per_row: int) -> int:
    """The size aimed at."""
    parallel = max(-(-n_rows // FEWEST_SHARDS), FEWEST_ROWS)
    return max(1, min(parallel, SHARD_BYTES // bytes_per_row))


def row_bytes(schema: pa.Schema) -> int:
    """Bytes that a row of these types takes in memory, estimated; at least one."""
    return max(1, sum(_cell_bytes(field.type) for field in schema))


def cut_points(n_rows: int, breaks: NDArray[np.int64], target: int) -> list[int]:
    """From 0 to n_rows, at one of `breaks` where one is near, else in equal parts up to the next one.

    Every shard holds between target // 2 and 3 target / 2 rows; only a table of fewer rows is a smaller one.
    """
    least = max(1, target // 2)
    most = target + target // 2
    # A break near the end would leave a last shard that is too small.
    ends = np.append(breaks[breaks <= n_rows - least], n_rows)
    cuts = [0]
    while cuts[-1] < n_rows:
        start = cuts[-1]
        first, last = int(np.searchsorted(ends, start + least)), int(np.searchsorted(ends, start + most, side="right"))
        if first < last:
            cuts.append(int(ends[first + np.argmin(np.abs(ends[first:last] - (start + target)))]))
        else:
            end = int(ends[min(first, ends.size - 1)])
            parts = max(1, round((end - start) / target))
            cuts += [start + (end - start) * part // parts for part in range(1, parts + 1)]
    return cuts


def _cell_bytes(kind: pa.DataType) -> int:
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:  # pyarrow's way of saying that the width varies
        return _VARIABLE_WIDTH_BYTES
