"""What one pass over a table finds out about its columns: the ground for roles, transforms and starting points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.errors import BadInputError, did_you_mean
from gmm_dask.table.columns import as_float64, is_binary, is_numeric, is_temporal, is_text
from gmm_dask.table.sketches import DistinctSketch, Moments, QuantileSketch, RowSample

_NO_MOMENTS, _NO_VALUES, _NO_QUANTILES = Moments.of(np.empty(0)), DistinctSketch.of(()), QuantileSketch.of(np.empty(0))


@dataclass(frozen=True)
class ColumnProfile:
    """One column in numbers. `merge` is that of a commutative monoid, up to rounding and the sketches' rank error.

    NaN counts as missing; infinities are counted, and left out of the other numbers, so that a column which nobody
    models may hold them. `infinite_at`: where the first was met. `n_bytes`: memory as an Arrow column. `minimum` and
    `maximum`: of a numeric column, or the integers by which Arrow stores a temporal one; else None. Moments and
    quantiles are of numeric columns; those of others, and the distinct values of nested ones, stay empty.
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
    quantiles: QuantileSketch = _NO_QUANTILES
    n_infinite: int = 0
    infinite_at: str = ""

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
        """The estimated number of distinct values that are not missing; None for a type that cannot be counted."""
        if not _is_countable(self.type):
            return None
        return min(self.distinct_values.estimate(), self.n_present)

    @property
    def is_constant(self) -> bool:
        """There are values, and all of them are the same."""
        return self.minimum == self.maximum if self.minimum is not None else self.distinct == 1

    def quantile(self, probability: float) -> float:
        """An approximate quantile, an integer for integers; NaN for a column without numbers."""
        value = self.quantiles.quantile(probability)
        return float(np.rint(value)) if pa.types.is_integer(self.type) else value

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
            quantiles=self.quantiles.merge(other.quantiles),
            n_infinite=self.n_infinite + other.n_infinite,
            infinite_at=self.infinite_at or other.infinite_at,
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
        return str(pa.scalar(extreme, _stored_as(self.type)).cast(self.type))


@dataclass(frozen=True)
class TableProfile:
    """All columns of a table in its order, and a sample of its rows (numeric columns only).

    `merge` is associative and commutative up to rounding, so the batches of a table may be profiled anywhere.
    """

    n_rows: int
    columns: tuple[ColumnProfile, ...]
    sample: RowSample

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> ColumnProfile:
        """The profile of a column by its name; raises `BadInputError` for an unknown one."""
        for column in self.columns:
            if column.name == name:
                return column
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


def profile_batch(table: pa.Table, *, first_row: int, seed: int, sample_rows: int, where: str = "") -> TableProfile:
    """The profile of a batch of rows, the first of which has number `first_row` in the whole table.

    `where` names the batch, for errors about what is found in it.
    """
    columns = tuple(
        _profile_column(field, values, where) for field, values in zip(table.schema, table.columns, strict=True)
    )
    numeric_columns = table.select([i for i, field in enumerate(table.schema) if is_numeric(field.type)])
    rows = np.arange(first_row, first_row + table.num_rows, dtype=np.int64)
    sample = RowSample(seed, sample_rows, rows, numeric_columns).smallest()
    return TableProfile(table.num_rows, columns, sample)


def merge(left: TableProfile, right: TableProfile) -> TableProfile:
    """The profile of two disjoint sets of rows of one table together."""
    if left.names != right.names:
        raise ValueError(f"profiles of different tables: {left.names} and {right.names}")
    columns = tuple(a.merge(b) for a, b in zip(left.columns, right.columns, strict=True))
    return TableProfile(left.n_rows + right.n_rows, columns, left.sample.merge(right.sample))


def _profile_column(field: pa.Field, values: pa.ChunkedArray, where: str) -> ColumnProfile:
    profile = ColumnProfile(field.name, field.type, len(values), values.null_count, values.nbytes)
    if is_numeric(field.type):
        return _with_numbers(profile, values, where)
    if is_temporal(field.type):
        values = values.cast(_stored_as(field.type))
        minimum, maximum = _extremes(values)
        profile = replace(profile, minimum=minimum, maximum=maximum)
    if _is_countable(field.type):
        profile = replace(profile, distinct_values=DistinctSketch.of(_distinct_texts(values)))
    return profile


def _with_numbers(profile: ColumnProfile, values: pa.ChunkedArray, where: str) -> ColumnProfile:
    numbers = as_float64(values)
    is_infinite = np.isinf(numbers)
    if is_infinite.any():
        at = f"{where}, row {np.argmax(is_infinite)} of these" if where else f"row {np.argmax(is_infinite)}"
        profile = replace(profile, n_infinite=int(is_infinite.sum()), infinite_at=at)
    present = np.sort(numbers[np.isfinite(numbers)])  # sorted once: for the distinct values, and a quicker t-digest
    profile = replace(profile, n_missing=len(numbers) - len(present) - profile.n_infinite)
    if not len(present):
        return profile
    is_first = np.concatenate([[True], present[1:] != present[:-1]])
    # Those of integers are exact, also beyond 2**53.
    is_integer = pa.types.is_integer(profile.type)
    minimum, maximum = _extremes(values) if is_integer else (float(present[0]), float(present[-1]))
    return replace(
        profile,
        minimum=minimum,
        maximum=maximum,
        moments=Moments.of(present),
        distinct_values=DistinctSketch.of(present[is_first].tolist()),
        quantiles=QuantileSketch.of(present),
    )


def _extremes(values: pa.ChunkedArray) -> tuple[int | None, int | None]:
    """The smallest and largest of a column of integers; None when all are null."""
    extremes = pc.min_max(values)
    return extremes["min"].as_py(), extremes["max"].as_py()


def _is_countable(kind: pa.DataType) -> bool:
    return is_numeric(kind) or is_text(kind) or is_temporal(kind)


def _distinct_texts(values: pa.ChunkedArray) -> list[str]:
    """The distinct values that are not null, each as a text of its own, which is never empty."""
    if pa.types.is_string_view(values.type) or pa.types.is_binary_view(values.type):
        # Of views, pyarrow 26 counts a null as an empty text.
        values = values.cast(pa.binary() if pa.types.is_binary_view(values.type) else pa.string())
    unique = pc.unique(values)
    if pa.types.is_dictionary(unique.type):
        unique = unique.dictionary_decode()
    if is_binary(unique.type):
        return [f"={value.decode('latin-1')}" for value in unique.to_pylist() if value is not None]
    return [f"={value}" for value in unique.cast(pa.string()).to_pylist() if value is not None]


def _stored_as(kind: pa.DataType) -> pa.DataType:
    """The integers by which Arrow stores a temporal type."""
    return pa.int64() if kind.bit_width == 64 else pa.int32()


def _outermost(choose: Callable[[float, float], float], left: float | None, right: float | None) -> float | None:
    """The smaller or larger of two extremes, where a part without values has none."""
    if left is None or right is None:
        return right if left is None else left
    return choose(left, right)
