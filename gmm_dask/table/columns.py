"""Arrow columns to float64 and back: the one place where source types become numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.errors import BadInputError

Float = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LARGEST_EXACT_INTEGER = 2**53
"""float64 holds every integer up to this size; beyond it neighbours become equal."""


def is_numeric(kind: pa.DataType) -> bool:
    """Whether `numeric` can read the type: integers, floats, booleans, decimals."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind))


def is_narrow(kind: pa.DataType) -> bool:
    """Whether float32 holds all values of the type: float32 itself and float16."""
    return bool(pa.types.is_float32(kind) or pa.types.is_float16(kind))


def is_binary(kind: pa.DataType) -> bool:
    """Bytes of any layout."""
    types = pa.types
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )


def is_text(kind: pa.DataType) -> bool:
    """Labels: strings and bytes of any layout, and dictionary-encoded columns of whatever flat type."""
    types = pa.types
    if types.is_dictionary(kind):
        return is_text(kind.value_type) or is_numeric(kind.value_type) or is_temporal(kind.value_type)
    return is_binary(kind) or bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_temporal(kind: pa.DataType) -> bool:
    """Dates, times, timestamps and durations, which Arrow stores as one integer each; not calendar intervals."""
    return bool(pa.types.is_temporal(kind) and not pa.types.is_interval(kind))


def place(where: str, column: str) -> str:
    """The `where` of an error about a column."""
    return f"{where}, column {column!r}" if where else f"column {column!r}"


def numeric(table: pa.Table, column: str, where: str = "") -> Float:
    """A column as float64 (n,), NaN where the value is null or NaN. A column of Arrow's null type is all missing.

    Raises `BadInputError` for a type that is not numeric, for an infinite value, and for an integer that float64 would
    round: two identifiers silently made equal are worse than a refusal.
    """
    values = table.column(column)
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    if not is_numeric(values.type):
        raise BadInputError(
            f"the type is {values.type}", expected="an integer, float, boolean or decimal", where=place(where, column)
        )
    _refuse_rounding(values, column, where)
    numbers = as_float64(values)
    refuse_infinite(numbers, column, where)
    return numbers


def as_float64(values: pa.ChunkedArray) -> Float:
    """A numeric column as float64 (n,), NaN for missing, integers beyond 2**53 rounded: for summaries, not for rows.

    Read-only, and no copy, where the column is float64 in one piece without nulls.
    """
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())  # straight to float64 takes seven times as long
    numbers: Float = values.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def refuse_infinite(numbers: Float, column: str, where: str) -> None:
    """Raise `BadInputError` if any of the numbers is infinite."""
    rows = np.flatnonzero(np.isinf(numbers))
    if len(rows):
        raise BadInputError(
            f"{len(rows)} infinite value{'s' if len(rows) > 1 else ''}, the first in row {rows[0]} of these rows",
            expected="finite numbers",
            where=place(where, column),
            advice="Replace infinite values by nulls where the table is made; nulls are modelled as missing.",
        )


def _refuse_rounding(values: pa.ChunkedArray, column: str, where: str) -> None:
    if not pa.types.is_integer(values.type) or values.type.bit_width < 64:
        return
    extremes = pc.min_max(values)
    for extreme in (extremes["min"].as_py(), extremes["max"].as_py()):
        if extreme is not None and abs(extreme) > LARGEST_EXACT_INTEGER:
            raise BadInputError(
                f"the integer {extreme} would be rounded",
                expected="integers of at most 2**53 in size",
                where=place(where, column),
                advice="Give the column the role key or ignored; its values then travel through unchanged.",
            )


def restore(values: Float, kind: pa.DataType, nulls: Mask | None = None) -> pa.Array:
    """float64 values (n,) in source units as an array of a column's own numeric type.

    NaN and the rows where `nulls` is true become null. Integers and booleans are rounded to the nearest, decimals to
    their scale; all are held to the range of the type.
    """
    missing = np.isnan(values) if nulls is None else np.isnan(values) | nulls
    known = np.where(missing, 0.0, values)
    if pa.types.is_boolean(kind):
        return pa.array(known >= 0.5, type=kind, mask=missing)
    if not is_numeric(kind):
        raise BadInputError(f"numbers cannot be written as {kind}", expected="an integer, float, boolean or decimal")
    lowest, highest = _range(kind)
    known = np.clip(known, lowest, highest)
    if pa.types.is_decimal(kind):
        return pa.array(known, mask=missing).cast(kind)
    if pa.types.is_integer(kind):
        known = np.rint(known)
    return pa.array(known.astype(kind.to_pandas_dtype()), type=kind, mask=missing)


def _range(kind: pa.DataType) -> tuple[float, float]:
    """The extreme float64 values that a numeric type can hold."""
    if pa.types.is_decimal(kind):
        bound = 10.0 ** (kind.precision - kind.scale)
        # Below 16 digits the first is the type's largest value, above the second is the largest float64 under it.
        highest = min(bound - 10.0**-kind.scale, float(np.nextafter(bound, 0.0)))
        return -highest, highest
    if pa.types.is_floating(kind):
        limits = np.finfo(kind.to_pandas_dtype())
        return float(limits.min), float(limits.max)
    bounds = np.iinfo(kind.to_pandas_dtype())
    highest = float(bounds.max)
    if highest > bounds.max:  # 2**63 - 1 and 2**64 - 1 round up to a value out of range
        highest = float(np.nextafter(highest, 0.0))
    return float(bounds.min), highest
