"""Schemas: overrides, validation of other tables, JSON of all Arrow types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from gmm_dask.errors import BadInputError, GmmDaskError, UsageError
from gmm_dask.table.profile import profile_batch
from gmm_dask.table.roles import Role
from gmm_dask.table.schema import Column, TableSchema, infer_schema

RNG = np.random.default_rng(20260301)
N = 300


def trips() -> pa.Table:
    return pa.table(
        {
            "trip_id": np.arange(N),
            "fare": RNG.gamma(2, size=N),
            "distance": RNG.gamma(3, size=N),
            "minutes": RNG.integers(1, 90, N),
            "zone": RNG.choice(["a", "b", "c"], N),
            "passengers": RNG.integers(1, 5, N),
            "copies": RNG.integers(1, 20, N),
            "currency": np.full(N, 978),
            "started": pa.array(np.arange(N), pa.timestamp("s", "UTC")),
        }
    )


def schema(table: pa.Table, overrides: Mapping[str, str | Sequence[str]] | None = None) -> TableSchema:
    return infer_schema(profile_batch(table, first_row=0, seed=0, sample_rows=0), overrides=overrides)


def test_inference_gives_every_column_a_role_and_a_reason() -> None:
    found = schema(trips())
    assert [column.name for column in found.columns] == trips().column_names
    assert found.continuous == ("fare", "distance", "minutes", "copies")
    assert found.keys == ("trip_id",)
    assert found.categorical == ("zone", "passengers")
    assert found.named(Role.IGNORED) == ("currency", "started")
    assert found.weight is None
    assert all(column.reason for column in found.columns)
    assert found.warnings == ("column 'currency' is left out: all its values are the same",)
    assert found.roles["fare"] == "continuous"


def test_overrides_come_first() -> None:
    found = schema(trips(), {"weight": "copies", "ignored": ["fare"], "key": ["zone"], "categorical": ["minutes"]})
    assert found.weight == "copies"
    assert found.continuous == ("distance",)
    assert found.keys == ("trip_id", "zone")
    assert found.categorical == ("minutes", "passengers")


def test_a_list_of_continuous_columns_is_complete() -> None:
    found = schema(trips(), {"continuous": ["distance", "passengers", "fare"]})
    assert found.continuous == ("fare", "distance", "passengers")  # in the order of the table
    reasons = {column.name: column.reason for column in found.columns}
    assert reasons["minutes"] == "not listed as continuous"
    assert found.categorical == ("zone",)


def test_a_constant_column_is_left_out_even_if_named_continuous() -> None:
    found = schema(trips(), {"continuous": ["fare", "currency"]})
    assert found.continuous == ("fare",)
    assert len(found.warnings) == 1


def with_column(values: pa.Array) -> pa.Table:
    return trips().append_column("other", values)


REFUSED: dict[str, tuple[pa.Table, dict[str, str | list[str]], type[GmmDaskError], str]] = {
    "unknown role": (trips(), {"keys": ["zone"]}, UsageError, "Did you mean 'key'"),
    "unknown column": (trips(), {"key": ["zona"]}, BadInputError, "Did you mean 'zone'"),
    "named twice": (trips(), {"key": ["zone"], "ignored": ["zone"]}, UsageError, "'zone' is named twice"),
    "two weights": (trips(), {"weight": ["copies", "minutes"]}, UsageError, "2 columns are weights"),
    "text as continuous": (trips(), {"continuous": ["zone"]}, BadInputError, "column 'zone': the type is string"),
    "text as weight": (trips(), {"weight": "zone"}, BadInputError, "column 'zone': the type is string"),
    "negative weight": (with_column(pa.array(np.arange(N) - 1.0)), {"weight": "other"}, BadInputError, r"-1\.0 to"),
    "zero weights": (with_column(pa.array(np.zeros(N))), {"weight": "other"}, BadInputError, "not all zero"),
    "missing weight": (
        with_column(pa.array([None, *range(1, N)])),
        {"weight": "other"},
        BadInputError,
        "1 weights are missing",
    ),
    "too large": (
        with_column(pa.array([2**53 + 1] * 2 + [1] * (N - 2))),
        {"continuous": "other"},
        BadInputError,
        r"beyond 2\*\*53.*role key",
    ),
    "no values": (with_column(pa.nulls(N, pa.float64())), {}, BadInputError, "'other': all 300 values are missing"),
    "no values asked for": (
        with_column(pa.nulls(N, pa.float64())),
        {"continuous": ["other"]},
        BadInputError,
        "'other': all 300 values are missing",
    ),
    "nothing left": (trips().select(["zone", "trip_id"]), {}, BadInputError, "'zone' is categorical.*'trip_id' is key"),
    "names twice": (
        trips().append_column("fare", trips()["copies"]),
        {},
        BadInputError,
        "several columns are named 'fare'",
    ),
    "no rows": (trips().slice(0, 0), {}, BadInputError, "no rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused(case: str) -> None:
    table, overrides, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        schema(table, overrides)


@pytest.mark.parametrize("overrides", [{"ignored": ["other"]}, {"key": ["other"]}, {"continuous": ["fare"]}])
def test_a_column_without_values_may_be_set_aside(overrides: dict[str, list[str]]) -> None:
    found = schema(with_column(pa.nulls(N, pa.float64())), overrides)
    assert "other" not in found.continuous


def test_another_table_needs_the_continuous_columns_only() -> None:
    found = schema(trips())
    found.check(trips().select(["minutes", "copies", "fare", "distance"]).schema)
    found.check(trips().append_column("more", pa.nulls(N)).schema)
    found.check(
        pa.schema({"minutes": pa.float32(), "copies": pa.int8(), "fare": pa.decimal128(9, 2), "distance": pa.int64()})
    )


def test_a_missing_wrong_or_doubled_column_is_named() -> None:
    found = schema(trips())
    with pytest.raises(BadInputError, match=r"new\.parquet: there is no column 'fare'.*Did you mean 'fares'"):
        found.check(trips().rename_columns({"fare": "fares"}).schema, "new.parquet")
    with pytest.raises(BadInputError, match="column 'fare': the type is string"):
        found.check(trips().set_column(1, "fare", pa.array(["1"] * N)).schema)
    with pytest.raises(BadInputError, match="column 'fare': 2 columns have this name"):
        found.check(trips().append_column("fare", pa.nulls(N, pa.float64())).schema)


def test_json_brings_back_every_arrow_type() -> None:
    types = [
        pa.float64(),
        pa.uint64(),
        pa.decimal128(38, 10),
        pa.decimal256(60, 2),
        pa.timestamp("ns", "Europe/Berlin"),
        pa.time32("ms"),
        pa.duration("us"),
        pa.dictionary(pa.int8(), pa.large_string(), ordered=True),
        pa.list_(pa.struct({"a": pa.int8(), "b": pa.list_(pa.string(), 3)})),
        pa.map_(pa.string(), pa.binary(4)),
        pa.null(),
    ]
    columns = tuple(Column(f"c{i}", kind, Role.IGNORED, "") for i, kind in enumerate(types))
    original = TableSchema((*columns, Column("Größe", pa.float16(), Role.CONTINUOUS, "as asked")), ("careful",))
    sent = json.loads(json.dumps(original.to_json()))
    assert TableSchema.from_json(sent) == original
    assert sent["columns"][4]["type"] == "timestamp[ns, tz=Europe/Berlin]"


def test_diamonds(shared_data: Path) -> None:
    found = schema(pq.read_table(shared_data / "diamonds.parquet"))
    assert found.keys == ("rownames",)
    assert found.continuous == ("carat", "depth", "table", "price", "x", "y", "z")
    assert found.categorical == ("cut", "color", "clarity")


def test_credit_default(shared_data: Path) -> None:
    table = pyarrow.csv.read_csv(shared_data / "credit_default_uci.csv.gz")
    found = schema(table)
    assert table.column_names[0] in found.keys
    assert {"LIMIT_BAL", "AGE", "BILL_AMT1", "PAY_AMT6"} <= set(found.continuous)
    assert {"SEX", "MARRIAGE", "EDUCATION"} <= set(found.categorical)


def test_what_is_not_listed_may_be_infinite_or_constant() -> None:
    table = pa.table({"x": [1.0, 2.0, 3.5], "wild": [1.0, np.inf, 2.0], "same": [7.0] * 3})
    found = schema(table, {"continuous": ["x"]})
    assert found.roles == {"x": "continuous", "wild": "ignored", "same": "ignored"}
    assert found.warnings == ()
