"""From rows as they came to blocks in model units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_dask.errors import BadInputError
from gmm_dask.mixture import Block, Float
from gmm_dask.table.columns import numeric, place
from gmm_dask.table.shards import Shard
from gmm_dask.table.sketches import RowSample
from gmm_dask.table.transforms import Transform


@dataclass(frozen=True)
class Tally:
    """What preparing rows counted: a commutative monoid like the statistics.

    `n_complete` rows have no gap; `n_used` of them have a positive weight. `log_jacobian` is the sum over these of
    w * log|dz/dx|.
    """

    n_rows: int
    n_complete: int
    n_used: int
    weight: float
    log_jacobian: float

    def merge(self, other: Tally) -> Tally:
        """The tally of both sets of rows."""
        return Tally(
            self.n_rows + other.n_rows,
            self.n_complete + other.n_complete,
            self.n_used + other.n_used,
            self.weight + other.weight,
            self.log_jacobian + other.log_jacobian,
        )


@dataclass(frozen=True)
class Prepared:
    """A shard ready to be swept: its complete rows of positive weight in model units, what was counted on the way, and
    the rows' numbers in the whole table (n,)."""

    block: Block
    tally: Tally
    rows: NDArray[np.int64]

    def sample(self, seed: int, size: int) -> RowSample:
        """Up to `size` of these rows, by the priorities of their numbers: merged over shards, a uniform sample."""
        columns = [*self.block.z, *([] if self.block.weights is None else [self.block.weights])]
        table = pa.table(columns, names=[str(number) for number in range(len(columns))])
        return RowSample(seed, size, self.rows, table).smallest()


def sample_block(sample: RowSample, *, weighted: bool) -> Block:
    """A block of the rows of a merged `Prepared.sample`."""
    columns = np.stack([column.to_numpy() for column in sample.table.columns])
    return Block(columns[:-1].copy(), columns[-1]) if weighted else Block(columns)


@dataclass(frozen=True)
class Preparation:
    """Which columns enter the mixture and how: (name, transform) in the mixture's order, and the weight column."""

    transforms: tuple[tuple[str, Transform], ...]
    weight: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns to read."""
        return [name for name, _ in self.transforms] + ([self.weight] if self.weight else [])

    @property
    def row_bytes(self) -> int:
        """Bytes that a prepared row takes: its cells, its weight and its number."""
        return 8 * (len(self.columns) + 1)

    def load(self, shard: Shard) -> Prepared:
        """Read and prepare a shard."""
        return self.prepare(shard.read(self.columns), shard.start, shard.where)

    def prepare(self, table: pa.Table, first_row: int, where: str) -> Prepared:
        """Complete rows of positive weight in model units. Raises BadInputError for values outside a curve's domain."""
        source, weights = self.source_units(table, where), self._weights(table, where)
        complete = ~np.isnan(source).any(axis=0)
        used = complete if weights is None else complete & (weights > 0)
        if not used.all():
            source, weights = source[:, used], None if weights is None else weights[used]
        z, log_jacobian = self.model_units(source, where)
        block = Block(z, weights)
        total = float(log_jacobian.sum() if weights is None else weights @ log_jacobian)
        tally = Tally(table.num_rows, int(complete.sum()), block.n_rows, block.weight, total)
        return Prepared(block, tally, first_row + np.flatnonzero(used))

    def source_units(self, table: pa.Table, where: str) -> Float:
        """The modelled columns (d, n) in source units, NaN where missing."""
        return np.stack([numeric(table, name, where) for name, _ in self.transforms])

    def model_units(self, source: Float, where: str) -> tuple[Float, Float]:
        """z (d, n) and the sum over observed columns of log|dz/dx| (n,), from source units (d, n).

        Raises BadInputError, at `where`, for a value outside the domain of a column's transform."""
        z, log_jacobian = np.empty_like(source), np.zeros(source.shape[1])
        for row, (name, transform) in enumerate(self.transforms):
            z[row] = transform.forward(source[row], place(where, name))
            log_jacobian += np.nan_to_num(transform.log_jacobian(source[row]), nan=0.0)
        return z, log_jacobian

    def _weights(self, table: pa.Table, where: str) -> Float | None:
        if self.weight is None:
            return None
        weights = numeric(table, self.weight, where)
        if not np.all(weights >= 0):
            row = int(np.argmin(weights >= 0))
            raise BadInputError(
                f"column {self.weight!r} holds {weights[row]} in row {row}",
                expected="weights that are there and not negative",
                where=where,
                advice="Mend the column, or give it the role ignored.",
            )
        return weights
