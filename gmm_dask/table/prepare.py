"""From rows as they came to blocks in model units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_dask.errors import BadInputError
from gmm_dask.mixture import Block, Float
from gmm_dask.table.columns import numeric, place
from gmm_dask.table.shards import Shard
from gmm_dask.table.sketches import RowSample, row_priorities
from gmm_dask.table.source import BATCH_ROWS
from gmm_dask.table.transforms import Transform

OVERSAMPLING = 2
"""How many times the rows wanted are looked at for a sample: with 200 or more expected, too few are never met."""

_AT_A_TIME = 4096  # rows whose priorities take no fresh memory, which would cost more than they do
_FEWEST_SEEN = 100  # complete rows that say well enough how many of a table's rows are complete


class Batch(NamedTuple):
    """Some rows of a table, the number of the first of them in the whole table, and where they come from."""

    table: pa.Table
    first_row: int
    where: str


def batches_of(shard: Shard, columns: Sequence[str] | None = None) -> Iterator[Batch]:
    """A shard's rows, `BATCH_ROWS` at a time: what that takes does not depend on the size of the shard."""
    done = 0
    for table in shard.batches(columns):
        yield Batch(table, shard.start + done, shard.source.where(done, done + table.num_rows))
        done += table.num_rows


Space = tuple[Float, NDArray[np.float32] | None]
"""Memory for prepared cells: of float64 and, where there are any, of float32 columns."""


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
class Sampling:
    """A uniform sample of rows without replacement, the same however they are cut: the `size` rows of smallest
    priority (see `RowSample`). Only the given `share` of all priorities, the smallest, is looked at: every part of a
    table then holds its share of the sample, and not a sample of its own."""

    seed: int
    size: int
    share: float = 1.0

    @classmethod
    def among(cls, seed: int, size: int, n_rows: float) -> Sampling:
        """`size` rows of about `n_rows` that can be drawn."""
        return cls(seed, size, min(1.0, OVERSAMPLING * size / max(n_rows, 1.0)))

    def of(self, rows: NDArray[np.int64], columns: Iterable[Float]) -> RowSample:
        """The sample of rows by their numbers in the whole table (n,), with the values of these columns, each (n,)."""
        if self.share < 1 and len(rows):
            limit = np.uint64(int(self.share * 2**64))
            parts = (rows[start : start + _AT_A_TIME] for start in range(0, len(rows), _AT_A_TIME))
            near = np.flatnonzero(np.concatenate([row_priorities(self.seed, part) < limit for part in parts]))
            rows, columns = rows[near], (column[near] for column in columns)
        table = pa.table({str(number): column for number, column in enumerate(columns)})
        return RowSample(self.seed, self.size, rows, table).smallest()


@dataclass(frozen=True)
class Prepared:
    """A batch of rows ready to be swept: the complete ones of positive weight in model units, what was counted on the
    way, and the rows' numbers in the whole table (n,)."""

    block: Block
    tally: Tally
    rows: NDArray[np.int64]

    def sample(self, sampling: Sampling) -> RowSample:
        """What these rows give to a sample of the table: columns as in z, then the weights where there are any."""
        weights = [] if self.block.weights is None else [self.block.weights]
        return sampling.of(self.rows, [*self.block.dense(), *weights])


def sample_block(sample: RowSample, *, weighted: bool) -> Block:
    """A block of the rows of a merged `Prepared.sample`."""
    columns = np.stack([column.to_numpy() for column in sample.table.columns])
    return Block(columns[:-1].copy(), columns[-1]) if weighted else Block(columns)


@dataclass(frozen=True)
class Preparation:
    """Which columns enter the mixture and how: (name, transform) in the mixture's order, and the weight column.

    narrow: those that came as float32 and stay so once prepared; what is computed with them is float64.
    """

    transforms: tuple[tuple[str, Transform], ...]
    weight: str | None = None
    narrow: frozenset[str] = frozenset()

    @property
    def columns(self) -> list[str]:
        """The columns to read."""
        return [name for name, _ in self.transforms] + ([self.weight] if self.weight else [])

    @property
    def row_bytes(self) -> int:
        """Bytes that a prepared row takes: its cells and its weight."""
        return 8 * len(self.columns) - 4 * len(self.narrow)

    def batches(self, shard: Shard) -> Iterator[Prepared]:
        """A shard prepared batch by batch: the same batches, with the same bits, whenever and wherever it is asked.

        Each takes over the memory of the one before: a block is good until the next.
        """
        space = self.space(min(shard.n_rows, BATCH_ROWS))
        return (self.prepare(*batch, space) for batch in batches_of(shard, self.columns))

    def space(self, n_rows: int) -> Space:
        """Memory for the prepared cells of so many rows."""
        n_narrow = len(self.narrow)
        wide = np.empty((len(self.transforms) - n_narrow) * n_rows)
        return wide, np.empty(n_narrow * n_rows, np.float32) if n_narrow else None

    def prepare(self, table: pa.Table, first_row: int, where: str, space: Space | None = None) -> Prepared:
        """Complete rows of positive weight in model units, in `space` if that is given.

        Raises BadInputError for values outside a curve's domain.
        """
        columns, weights = self._columns(table, where), self._weights(table, where)
        complete = _complete(columns)
        used = _used(complete, weights)
        weights = None if weights is None else weights[used]
        block = self._block(int(np.count_nonzero(used)), weights, space)
        wide, narrow, log_jacobian = iter(block.z), iter(() if block.narrow is None else block.narrow), 0.0
        for column, (name, transform) in zip(columns, self.transforms, strict=True):
            x = column if used.all() else column[used]
            if name in self.narrow:
                next(narrow)[:] = transform.forward(x, place(where, name))
            else:
                _to_model_units(transform, x, next(wide), place(where, name))
            log_jacobian += _total_log_jacobian(transform, x, weights)
        tally = Tally(table.num_rows, int(complete.sum()), block.n_rows, block.weight, log_jacobian)
        return Prepared(block, tally, first_row + np.flatnonzero(used))

    def sampling(self, drawn: RowSample, n_rows: int, size: int) -> Sampling:
        """How to sample `size` of the rows that will be used, by the seed of `drawn`, which samples all `n_rows`."""
        used = _used(_complete(self._columns(drawn.table, "")), self._weights(drawn.table, ""))
        expected = n_rows * float(used.mean()) if used.sum() >= _FEWEST_SEEN else 0.0
        return Sampling.among(drawn.seed, size, expected)

    def source_units(self, table: pa.Table, where: str) -> Float:
        """The modelled columns (d, n) in source units, NaN where missing."""
        return np.stack(self._columns(table, where))

    def model_units(self, source: Float, where: str) -> tuple[Float, Float]:
        """z (d, n) and the sum over observed columns of log|dz/dx| (n,), from source units (d, n).

        Raises BadInputError, at `where`, for a value outside the domain of a column's transform."""
        z, log_jacobian = np.empty_like(source), np.zeros(source.shape[1])
        for row, (name, transform) in enumerate(self.transforms):
            _to_model_units(transform, source[row], z[row], place(where, name))
            log_jacobian += np.nan_to_num(transform.log_jacobian(source[row]), nan=0.0)
        return z, log_jacobian

    def _block(self, n: int, weights: Float | None, space: Space | None) -> Block:
        """A block of n rows, its cells still to be filled in."""
        wide, narrow = self.space(n) if space is None else space
        n_narrow = len(self.narrow)
        n_wide = len(self.transforms) - n_narrow
        z = wide[: n_wide * n].reshape(n_wide, n)
        if narrow is None:
            return Block(z, weights)
        is_narrow = np.array([name in self.narrow for name, _ in self.transforms])
        return Block(z, weights, narrow[: n_narrow * n].reshape(n_narrow, n), is_narrow)

    def _columns(self, table: pa.Table, where: str) -> list[Float]:
        return [numeric(table, name, where) for name, _ in self.transforms]

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


def _complete(columns: Sequence[Float]) -> NDArray[np.bool_]:
    """(n,) whether a row has a value in each of the columns."""
    complete = np.ones(len(columns[0]), dtype=bool)
    for column in columns:
        complete &= ~np.isnan(column)
    return complete


def _used(complete: NDArray[np.bool_], weights: Float | None) -> NDArray[np.bool_]:
    """(n,) whether a row counts."""
    return complete if weights is None else complete & (weights > 0)


def _to_model_units(transform: Transform, x: Float, out: Float, where: str) -> None:
    """z of x into `out`; of most columns without memory of its own, which would cost more than the arithmetic."""
    if transform.affine:
        np.subtract(x, transform.shift, out=out)
        np.divide(out, transform.scale, out=out)
    else:
        out[:] = transform.forward(x, where)


def _total_log_jacobian(transform: Transform, x: Float, weights: Float | None) -> float:
    """The sum of w * log|dz/dx| over one column's values (n,) in source units."""
    if transform.affine:
        return -math.log(transform.scale) * float(len(x) if weights is None else weights.sum())
    slopes = transform.log_jacobian(x)
    return float(slopes.sum() if weights is None else weights @ slopes)
