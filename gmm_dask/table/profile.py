"""What one pass over a table finds out about its columns: the ground for roles, transforms and starting points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from itertools import repeat

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.errors import BadInputError, did_you_mean
from gmm_dask.table.columns import Float, as_float64, is_numeric, is_temporal
from gmm_dask.table.counting import count_distinct, is_countable, stored_as
from gmm_dask.table.distinct import EXACT, DistinctSketch
from gmm_dask.table.scanning import scan
from gmm_dask.table.sketches import Moments, RowSample

_NO_MOMENTS, _NO_VALUES = Moments(0, 0.0, 0.0, 0.0), DistinctSketch(b"")


@dataclass(frozen=True)
class ColumnProfile:
    """One column in numbers. `merge` is that of a commutative monoid, up to rounding.

    NaN counts as missing; infinities are counted, and left out of the other numbers, so that a column which nobody
    models may hold them. `infinite_at`: where the first was met. `n_bytes`: memory as an Arrow column. `minimum` and
    `maximum`: of a numeric column, or the integers by which Arrow stores a temporal one; else None. Moments are of
    numeric columns; those of others, and the distinct values of nested ones, stay empty. `sample`: the column in the
    sample of the table's rows, if it is numeric; `TableProfile` hands it out with the column.
    """

    name: str
    type: pa.DataType
    n_rows: int
    n_missing: int
    n_bytes: int
    minimum: float | None = None
    maximum: float | None = None
    moments: Moments = _NO_MOMENTS
    distinct_values: DistinctSketch = _NO_VALUES
    n_infinite: int = 0
    infinite_at: str = ""
    sample: pa.ChunkedArray | None = field(default=None, compare=False, repr=False)

    @property
    def n_present(self) -> int:
        """Values that are known and finite."""
        return self.n_rows - self.n_missing - self.n_infinite

    @property
    def mean(self) -> float:
        """NaN for a column without numbers, as are `sd` (divisor n) and `skewness`."""
        return self.moments.mean if self.moments.count else math.nan

    @property
    def sd(self) -> float:
        return self.moments.sd if self.moments.count else math.nan

    @property
    def skewness(self) -> float:
        return self.moments.skewness if self.moments.count else math.nan

    @cached_property
    def distinct(self) -> int | None:
        """The number of distinct values that are not missing; None for a type that cannot be counted.

        Exact up to 4,096, beyond that estimated with a standard error of 0.4 %."""
        if not is_countable(self.type):
            return None
        return min(self.distinct_values.estimate(), self.n_present)

    @property
    def is_constant(self) -> bool:
        """There are values, and all of them are the same."""
        return self.minimum == self.maximum if self.minimum is not None else self.distinct == 1

    def quantile(self, probability: float) -> float:
        """A quantile of the sample, interpolated, an integer for integers; NaN where the sample has no numbers.

        Of a table that is no larger than its sample it is exact. Else, with m numbers in the sample, the share of the
        column that lies below has a standard error of sqrt(p (1 - p) / m): 0.35 % for the median and m = 20,000.
        """
        if not self._sampled.size:
            return math.nan
        # Of halves, since the difference of two numbers may overflow.
        value = 2 * float(np.quantile(self._sampled / 2, probability))
        return float(np.rint(value)) if pa.types.is_integer(self.type) else value

    @cached_property
    def _sampled(self) -> Float:
        """(m,) the finite numbers of the sample, increasing."""
        numbers = np.empty(0) if self.sample is None else as_float64(self.sample)
        return np.sort(numbers[np.isfinite(numbers)])

    def merge(self, other: ColumnProfile) -> ColumnProfile:
        """The profile of both parts of the column together."""
        if (self.name, self.type) != (other.name, other.type):
            raise ValueError(f"{self.name!r} of type {self.type} cannot merge with {other.name!r} of type {other.type}")
        return replace(
            self,
            n_rows=self.n_rows + other.n_rows,
            n_missing=self.n_missing + other.n_missing,
            n_bytes=self.n_bytes + other.n_bytes,
            minimum=_outermost(min, self.minimum, other.minimum),
            maximum=_outermost(max, self.maximum, other.maximum),
            moments=self.moments.merge(other.moments),
            distinct_values=self.distinct_values.merge(other.distinct_values),
            n_infinite=self.n_infinite + other.n_infinite,
            infinite_at=self.infinite_at or other.infinite_at,
            sample=None,
        )

    def to_json(self, role: str = "") -> dict[str, object]:
        """One row of a report: JSON types only, None for what the column does not have, ISO text for times."""
        record = {
            "name": self.name,
            "type": str(self.type),
            "role": role,
            "rows": self.n_rows,
            "missing": self.n_missing,
            "missing %": 100 * self.n_missing / self.n_rows if self.n_rows else 0.0,
            "distinct": self.distinct,
            "mean": self.mean,
            "sd": self.sd,
            "min": self._readable(self.minimum),
            "q05": self.quantile(0.05),
            "q25": self.quantile(0.25),
            "median": self.quantile(0.5),
            "q75": self.quantile(0.75),
            "q95": self.quantile(0.95),
            "max": self._readable(self.maximum),
            "skewness": self.skewness,
            "memory": self.n_bytes,
        }
        return {key: None if value != value else value for key, value in record.items()}  # NaN is not JSON

    def _readable(self, extreme: float | None) -> float | str | None:
        if extreme is None or not pa.types.is_temporal(self.type):
            return extreme
        return str(pa.scalar(extreme, stored_as(self.type)).cast(self.type))


@dataclass(frozen=True)
class TableProfile:
    """All columns of a table in its order, and a sample of its rows (numeric columns only).

    `merge` is associative and commutative up to rounding, so the batches of a table may be profiled anywhere.
    `unsampled`: the columns as they are merged, without their part of the sample; to read them, see `columns`.
    """

    n_rows: int
    unsampled: tuple[ColumnProfile, ...]
    sample: RowSample

    @property
    def columns(self) -> tuple[ColumnProfile, ...]:
        """The profile of each column, with its part of the sample."""
        return tuple(replace(column, sample=sample) for column, sample in self._sampled())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.unsampled)

    def __getitem__(self, name: str) -> ColumnProfile:
        """The profile of a column by its name; raises `BadInputError` for an unknown one."""
        for column, sample in self._sampled():
            if column.name == name:
                return replace(column, sample=sample)
        raise BadInputError(f"there is no column {name!r}", advice=did_you_mean(name, self.names))

    def to_json(self, roles: Mapping[str, str] | None = None) -> dict[str, object]:
        """The profile as JSON types, without the sample; `roles` maps column names to what is shown as their role."""
        roles = roles or {}
        columns = [column.to_json(roles.get(column.name, "")) for column in self.columns]
        return {"rows": self.n_rows, "columns": columns}

    def to_frame(self, roles: Mapping[str, str] | None = None) -> pd.DataFrame:
        """The profile for display, one row per column."""
        roles = roles or {}
        return pd.DataFrame([column.to_json(roles.get(column.name, "")) for column in self.columns])

    def _sampled(self) -> Iterator[tuple[ColumnProfile, pa.ChunkedArray | None]]:
        samples = self.sample.table.itercolumns()
        for column in self.unsampled:
            yield column, next(samples) if is_numeric(column.type) else None


def profile_batch(
    table: pa.Table, *, first_row: int, seed: int, sample_rows: int, n_rows: int | None = None, where: str = ""
) -> TableProfile:
    """The profile of a batch of rows, the first of which has number `first_row` in the whole table.

    `n_rows`: those of the whole table, where they are known. The sample of the batch is then only what can get into
    that of the table: see `RowSample.of_batch`. `where` names the batch, for errors about what is found in it.
    """
    columns = tuple(map(_profile_column, table.column_names, table.columns, repeat(where)))
    numeric_columns = table.select([i for i, kind in enumerate(table.schema.types) if is_numeric(kind)])
    sample = RowSample.of_batch(seed, sample_rows, first_row, numeric_columns, n_rows)
    return TableProfile(table.num_rows, columns, sample)


def merge(left: TableProfile, right: TableProfile) -> TableProfile:
    """The profile of two disjoint sets of rows of one table together."""
    if left.names != right.names:
        raise ValueError(f"profiles of different tables: {left.names} and {right.names}")
    columns = tuple(a.merge(b) for a, b in zip(left.unsampled, right.unsampled, strict=True))
    return TableProfile(left.n_rows + right.n_rows, columns, left.sample.merge(right.sample))


def compile_profile() -> None:
    """Compile what a profile runs, or load it from its cache on disk, so that no later call waits for that."""
    table = pa.table({"number": np.arange(EXACT, dtype=np.float64), "text": ["a"] * EXACT})
    other = table.set_column(0, "number", pa.array(np.arange(EXACT, 2.0 * EXACT)))
    parts = (profile_batch(part, first_row=0, seed=0, sample_rows=1) for part in (table, other))
    reduce(merge, parts)


def _profile_column(name: str, values: pa.ChunkedArray, where: str) -> ColumnProfile:
    kind = values.type
    profile = ColumnProfile(name, kind, len(values), values.null_count, values.nbytes)
    if is_numeric(kind):
        return _with_numbers(profile, values, where)
    if is_countable(kind):
        profile = replace(profile, distinct_values=count_distinct(values))
    if is_temporal(kind):
        minimum, maximum = _extremes(values.cast(stored_as(kind)))
        profile = replace(profile, minimum=minimum, maximum=maximum)
    return profile


def _with_numbers(profile: ColumnProfile, values: pa.ChunkedArray, where: str) -> ColumnProfile:
    numbers, is_integer = as_float64(values), pa.types.is_integer(profile.type)
    found = scan(numbers)
    profile = replace(
        profile,
        n_missing=numbers.size - found.n_finite - found.n_infinite,
        moments=Moments.found(found),
        distinct_values=count_distinct(values) if is_integer else DistinctSketch.of(numbers),
    )
    if found.n_infinite:
        row = f"row {np.argmax(np.isinf(numbers))}"
        profile = replace(
            profile, n_infinite=found.n_infinite, infinite_at=f"{where}, {row} of these" if where else row
        )
    if not found.n_finite:
        return profile
    # Those of integers are exact, also beyond 2**53.
    extremes = _extremes(values) if is_integer else (found.minimum, found.maximum)
    return replace(profile, minimum=extremes[0], maximum=extremes[1])


def _extremes(values: pa.ChunkedArray) -> tuple[int | None, int | None]:
    """The smallest and largest of a column of integers; None when all are null."""
    extremes = pc.min_max(values)
    return extremes["min"].as_py(), extremes["max"].as_py()


def _outermost(choose: Callable[[float, float], float], left: float | None, right: float | None) -> float | None:
    """The smaller or larger of two extremes, where a part without values has none."""
    if left is None or right is None:
        return right if left is None else left
    return choose(left, right)
