"""The rules of inference, one by one."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from gmm_dask.errors import BadInputError
from gmm_dask.table.profile import ColumnProfile, profile_batch
from gmm_dask.table.roles import Role, infer_role

N = 200
RNG = np.random.default_rng(20260301)


def column(values: object, name: str = "x", kind: pa.DataType | None = None) -> ColumnProfile:
    table = pa.table({name: pa.array(values, kind)})
    return profile_batch(table, first_row=0, seed=0, sample_rows=0)[name]


def role(values: object, name: str = "x", kind: pa.DataType | None = None) -> Role:
    return infer_role(column(values, name, kind)).role


def test_measurements_are_continuous() -> None:
    assert role(RNG.normal(size=N)) is Role.CONTINUOUS
    assert role(RNG.integers(0, 60, N)) is Role.CONTINUOUS
    assert role([Decimal(i) / 4 for i in range(20)]) is Role.CONTINUOUS
    assert role(np.arange(N) / 7) is Role.CONTINUOUS  # all distinct, but not integers


@pytest.mark.parametrize(
    "name", ["id", "ID", "Key", "uuid", "rownames", "index", "user_id", "CUST_ID", "CustomerID", "userId"]
)
def test_integers_with_an_identifying_name_are_keys(name: str) -> None:
    verdict = infer_role(column(RNG.integers(0, 60, N), name))
    assert verdict.role is Role.KEY
    assert "name" in verdict.reason


@pytest.mark.parametrize("name", ["paid", "PAID", "BID", "humid", "indexed", "keys_pressed", "id_count"])
def test_names_that_only_look_identifying_are_not(name: str) -> None:
    assert role(RNG.integers(0, 60, N), name) is Role.CONTINUOUS


def test_a_fraction_is_no_identifier_whatever_its_name() -> None:
    assert role(RNG.normal(size=N), "id") is Role.CONTINUOUS


def test_integers_that_are_all_distinct_are_keys() -> None:
    assert role(np.arange(N)) is Role.KEY
    assert role(np.arange(100)) is Role.CONTINUOUS  # too few rows to tell
    assert role([None, *range(N)]) is Role.CONTINUOUS
    assert role([*range(N), *range(4)]) is Role.KEY  # 98.04 % distinct
    assert role([*range(N), *range(5)]) is Role.CONTINUOUS


@pytest.mark.parametrize("n", [101, 10_000, 150_000, 1_000_000])
def test_all_distinct_integers_are_recognised_though_their_number_is_estimated(n: int) -> None:
    assert role(np.arange(n) * 4) is Role.KEY


def test_all_distinct_integers_that_spread_wide_are_measurements() -> None:
    assert role(np.arange(N) * 7919) is Role.CONTINUOUS


def test_infinite_values_are_refused_with_their_place() -> None:
    with pytest.raises(BadInputError, match="row 2, column 'x': 1 infinite value"):
        infer_role(column([1.0, 2.0, np.inf, 4.0]))
    with pytest.raises(BadInputError, match="2 infinite values"):
        infer_role(column([-np.inf, np.inf]))


def test_a_column_of_nulls_without_a_type_is_refused() -> None:
    with pytest.raises(BadInputError, match="all 2 values are missing"):
        infer_role(column([None, None], kind=pa.null()))


def test_integers_that_float64_would_round_are_keys() -> None:
    assert role([2**53 + 1, 5, 5, 7], "code") is Role.KEY
    assert role([-(2**53) - 1, 5, 5, 7], "code") is Role.KEY
    assert role([2**64 - 1, 5], "code", pa.uint64()) is Role.KEY
    assert role([2**53, *range(20)], "code") is Role.CONTINUOUS


def test_few_distinct_numbers_are_categories() -> None:
    assert role(np.arange(N) % 10) is Role.CATEGORICAL
    assert role(np.arange(N) % 11) is Role.CONTINUOUS
    assert role(np.arange(N) % 2 / 3) is Role.CATEGORICAL
    assert role(np.arange(N) % 3 / 3) is Role.CONTINUOUS


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_labels_are_keys_when_nearly_all_distinct_else_categories(kind: pa.DataType) -> None:
    names = [f"name {i}" for i in range(N)]
    assert (
        role(pa.array(names).cast(kind) if not pa.types.is_dictionary(kind) else pa.array(names).dictionary_encode())
        is Role.KEY
    )
    assert role(pa.array(names[:50] * 4).cast(pa.string())) is Role.CATEGORICAL
    assert role(pa.array(names[:100]).cast(pa.string())) is Role.CATEGORICAL


def test_missing_labels_do_not_count_against_a_key() -> None:
    assert role([None] * N + [f"name {i}" for i in range(N)]) is Role.KEY


def test_booleans_are_categories() -> None:
    assert role([True, False] * 100) is Role.CATEGORICAL


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("us", "UTC"), pa.date32(), pa.time64("ns"), pa.duration("s"), pa.list_(pa.int8())],
    ids=str,
)
def test_other_types_travel_through_even_without_values(kind: pa.DataType) -> None:
    verdict = infer_role(column([None, None], kind=kind))
    assert verdict.role is Role.IGNORED
    assert "travels through" in verdict.reason
    assert not verdict.is_warning


@pytest.mark.parametrize("values", [[3.0, None, 3.0], [7, 7], ["a", "a", None], [True, True]])
def test_constants_are_ignored_with_a_warning(values: list[object]) -> None:
    verdict = infer_role(column(values))
    assert verdict.role is Role.IGNORED
    assert verdict.is_warning


@pytest.mark.parametrize("kind", [pa.float64(), pa.int32(), pa.string()], ids=str)
def test_a_column_without_values_is_refused(kind: pa.DataType) -> None:
    with pytest.raises(BadInputError, match=r"column 'fare': all 2 values are missing.*role ignored"):
        infer_role(column([None, None], "fare", kind))
