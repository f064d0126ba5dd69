"""Arrow to float64 and back."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_dask.errors import BadInputError
from gmm_dask.table.columns import as_float64, is_numeric, numeric, restore

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
DECIMALS = [pa.decimal32(7, 2), pa.decimal64(12, 3), pa.decimal128(20, 2), pa.decimal128(38, 0), pa.decimal256(50, 3)]


def table(values: list[object], kind: pa.DataType) -> pa.Table:
    """A column "x" in two chunks, as it comes from a file with two row groups."""
    chunks = [pa.array(values[:1], kind), pa.array(values[1:], kind)]
    return pa.table({"x": pa.chunked_array(chunks, kind)})


@pytest.mark.parametrize("kind", [*INTEGERS, pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_numbers_become_float64_and_nulls_nan(kind: pa.DataType) -> None:
    values = numeric(table([3, None, 7], kind), "x")
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [3, np.nan, 7])


def test_booleans_and_decimals_are_numbers() -> None:
    np.testing.assert_array_equal(numeric(table([True, None, False], pa.bool_()), "x"), [1, np.nan, 0])
    decimals = table([Decimal("1.25"), None, Decimal("-0.10")], pa.decimal128(10, 2))
    np.testing.assert_array_equal(numeric(decimals, "x"), [1.25, np.nan, -0.1])


def test_float64_in_one_piece_is_not_copied() -> None:
    column = pa.chunked_array([pa.array([0.5, 1.5, 2.5])]).slice(1)
    address = column.chunk(0).buffers()[1].address + 8
    assert as_float64(column).ctypes.data == address
    assert numeric(pa.table({"x": column}), "x").ctypes.data == address


def test_nan_is_missing_like_null() -> None:
    np.testing.assert_array_equal(numeric(table([float("nan"), None, 1.5], pa.float64()), "x"), [np.nan, np.nan, 1.5])


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.binary(), pa.timestamp("us"), pa.date32(), pa.list_(pa.int8())], ids=str
)
def test_other_types_are_refused_by_name(kind: pa.DataType) -> None:
    assert not is_numeric(kind)
    with pytest.raises(BadInputError) as caught:
        numeric(table([None, None], kind), "x", "trips.parquet")
    assert caught.value.where == "trips.parquet, column 'x'"
    assert str(kind) in caught.value.found


def test_infinite_values_are_counted_and_located() -> None:
    with pytest.raises(BadInputError, match=r"part 3, column 'x': 2 infinite values, the first in row 1"):
        numeric(table([1.0, float("inf"), 2.0, float("-inf")], pa.float64()), "x", "part 3")


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()], ids=str)
def test_an_integer_that_would_be_rounded_is_refused(kind: pa.DataType) -> None:
    np.testing.assert_array_equal(numeric(table([2**53], kind), "x"), [2.0**53])
    with pytest.raises(BadInputError, match=rf"{2**53 + 1} would be rounded.*role key or ignored"):
        numeric(table([1, 2**53 + 1], kind), "x")
    with pytest.raises(BadInputError, match="would be rounded"):
        numeric(table([1, -(2**53) - 1], pa.int64()), "x")


@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_restored_integers_are_rounded_and_held_to_their_range(kind: pa.DataType) -> None:
    limits = np.iinfo(kind.to_pandas_dtype())
    restored = restore(np.array([1.6, np.nan, -1e30, 1e30]), kind)
    assert restored.type == kind
    one, missing, smallest, largest = restored.to_pylist()
    assert (one, missing, smallest) == (2, None, limits.min)
    assert limits.max - 2048 * (limits.bits == 64) <= largest <= limits.max


@pytest.mark.parametrize("kind", DECIMALS, ids=str)
def test_restored_decimals_are_quantised_and_held_to_their_range(kind: pa.DataType) -> None:
    unit = Decimal(1).scaleb(-kind.scale)
    low, value, missing, high = restore(np.array([-1e60, 1.618, np.nan, 1e60]), kind).to_pylist()
    assert value == Decimal("1.618").quantize(unit)
    assert missing is None
    assert low.copy_negate() == high
    bound = Decimal(10) ** (kind.precision - kind.scale)
    assert bound * (1 - Decimal("1e-6")) < high < bound


def test_restored_floats_never_become_infinite() -> None:
    restored = restore(np.array([0.1, 1e300, -1e300]), pa.float32())
    assert restored.to_pylist() == [np.float32(0.1), np.finfo(np.float32).max, np.finfo(np.float32).min]
    assert restore(np.array([0.5, 1e9]), pa.float16()).to_pylist() == [0.5, 65504.0]


def test_restored_booleans_and_masked_rows() -> None:
    assert restore(np.array([0.2, 0.7, np.nan]), pa.bool_()).to_pylist() == [False, True, None]
    assert restore(np.array([1.0, 2.0]), pa.float64(), np.array([True, False])).to_pylist() == [None, 2.0]


def test_numbers_cannot_be_restored_as_text() -> None:
    with pytest.raises(BadInputError, match="string"):
        restore(np.zeros(1), pa.string())


@given(st.lists(st.none() | st.integers(-(2**53), 2**53), max_size=20))
def test_integers_survive_the_round_trip(values: list[int | None]) -> None:
    column = table(list(values), pa.int64())
    assert restore(numeric(column, "x"), pa.int64()).to_pylist() == values


@given(st.lists(st.none() | st.decimals(-99999, 99999, places=2, allow_nan=False), max_size=20))
def test_decimals_survive_the_round_trip(values: list[Decimal | None]) -> None:
    kind = pa.decimal128(9, 2)
    assert restore(numeric(table(list(values), kind), "x"), kind).to_pylist() == values


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=20))
def test_float32_survives_the_round_trip(values: list[float | None]) -> None:
    assert restore(numeric(table(list(values), pa.float32()), "x"), pa.float32()).to_pylist() == values
