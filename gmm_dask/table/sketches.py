"""Summaries of values and rows that merge: moments and a sample of rows; `distinct` has that of distinct values.

Each is an immutable value, combined by `merge`, which is associative and commutative: exactly for `RowSample`, up to
rounding for `Moments`. None draws random numbers, so the same batches give the same bits; all pickle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gmm_dask.table.columns import Float
from gmm_dask.table.compiling import given
from gmm_dask.table.hashing import Bits, Rows, priorities, rows_below
from gmm_dask.table.scanning import Scan, power_of_two, scan


@dataclass(frozen=True)
class Moments:
    """Count, mean, standard deviation (divisor n) and skewness (third central moment over sd cubed) of some numbers.

    Kept in this scale-free form, and computed in units of a power of two, because sums of cubes overflow from 1e103 on.
    Merging follows Chan, Golub & LeVeque (1983) and, for the third moment, Pébay (2008, Sandia SAND2008-6212, eq. 2.1).
    """

    count: int
    mean: float
    sd: float
    skewness: float

    @classmethod
    def of(cls, values: Float) -> Moments:
        """The moments of finite values (n,); not a number if one is not."""
        found = scan(values)
        if found.n_finite < values.size:
            return cls(values.size, math.nan, math.nan, math.nan)
        return cls.found(found)

    @classmethod
    def found(cls, scanned: Scan) -> Moments:
        """Those of the finite values of a scan."""
        return cls(scanned.n_finite, scanned.mean, scanned.sd, scanned.skewness)

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of numbers together."""
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        p, q = self.count / count, other.count / count
        unit = power_of_two(max(abs(self.mean), abs(other.mean), self.sd, other.sd))
        delta = other.mean / unit - self.mean / unit
        a, b = self.sd / unit, other.sd / unit
        second = p * a**2 + q * b**2 + p * q * delta**2
        third = p * self.skewness * a**3 + q * other.skewness * b**3
        third += p * q * delta * ((p - q) * delta**2 + 3 * (b**2 - a**2))
        skewness = third / second**1.5 if second > 0 else 0.0
        return Moments(count, (self.mean / unit + q * delta) * unit, math.sqrt(second) * unit, skewness)


@dataclass(frozen=True, eq=False)
class RowSample:
    """A uniform sample of rows without replacement that does not depend on how the rows were cut into batches.

    Every row has a priority that only the seed and its number in the whole table decide; the `size` rows of smallest
    priority are the sample. `rows` (m,) are their numbers, increasing; `table` holds these rows in the same order. The
    sample of some rows is `RowSample(seed, size, rows, table).smallest()`.
    """

    seed: int
    size: int
    rows: Rows
    table: pa.Table

    @classmethod
    def of_batch(cls, seed: int, size: int, first_row: int, table: pa.Table, n_rows: int | None = None) -> RowSample:
        """The sample of a batch whose first row has this number, of a table of `n_rows` in all, where that is known.

        Then a batch gives only its share: the rows below twice the priority at which the sample should end, and a few
        more. That the whole table has too few of these to fill the sample has a chance below 1e-30.
        """
        n, share = table.num_rows, (2 * size + 100) / max(table.num_rows if n_rows is None else n_rows, 1)
        if share < 1:
            rows = rows_below(np.uint64(seed % 2**64), first_row, n, np.uint64(int(share * 2**64)))
        else:
            rows = np.arange(first_row, first_row + n, dtype=np.int64)
        # Taken even if it is all of them: a slice would hold, and pickle with, the whole of what it is cut from.
        return cls(seed, size, rows, table.take(pa.array(rows - first_row)) if table.num_columns else table).smallest()

    def merge(self, other: RowSample) -> RowSample:
        """The sample of both sets of rows together; they must share seed, size and columns and no row."""
        if (self.seed, self.size) != (other.seed, other.size):
            raise ValueError(f"samples of different seed or size: {self.seed, self.size}, {other.seed, other.size}")
        rows = np.concatenate([self.rows, other.rows])
        return RowSample(self.seed, self.size, rows, pa.concat_tables([self.table, other.table])).smallest()

    def smallest(self) -> RowSample:
        """The sample of the rows held: they may be too many and in any order."""
        rows, table = self.rows, self.table
        kept = np.arange(rows.size)
        if rows.size > self.size:
            kept = np.argpartition(row_priorities(self.seed, rows), self.size)[: self.size]
        if rows.size > self.size or np.any(rows[1:] < rows[:-1]):
            kept = kept[np.argsort(rows[kept])]
            rows, table = rows[kept], table.take(pa.array(kept)) if table.num_columns else table
        return RowSample(self.seed, self.size, rows, table.combine_chunks())


def row_priorities(seed: int, rows: Rows) -> Bits:
    """64 pseudo-random bits per row number (m,): output number `row` of SplitMix64 (Steele, Lea & Flood 2014).

    Different rows of one seed never tie, as each step of the generator is a bijection of 64 bits.
    """
    return priorities(np.uint64(seed % 2**64), given(rows))
