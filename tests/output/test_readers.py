"""What is published reads as it is with the readers that people have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from gmm_dask.output import commit, drafting, resolve, verify, write_part

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        ("Name, with space", pa.string()),
        ("delay", pa.float32()),
        ("at", pa.timestamp("us", "Europe/Paris")),
        ("carrier", pa.dictionary(pa.int8(), pa.string())),
        ("tags", pa.list_(pa.int32())),
    ]
)
NAMES = ["a", None, "c", "d"]
TIME = datetime(2013, 1, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Published twice, so that a reader which strays into the old version is found out."""
    path = tmp_path / "flights"
    for ids in ([9], [0, 1, 2, 3]):
        table = pa.table(
            [ids, NAMES[: len(ids)], [0.5] * len(ids), [TIME] * len(ids), ["UA"] * len(ids), [[1, 2]] * len(ids)],
            schema=SCHEMA,
        )
        with drafting(path, "table") as draft:
            halves = (table.slice(0, 2), table.slice(2))
            parts = [write_part(draft.folder, number, half, SCHEMA) for number, half in enumerate(halves)]
            commit(draft, parts, schema=SCHEMA, provenance={})
    return path


READERS: dict[str, Callable[[Path], list[object]]] = {
    "pandas": lambda path: pd.read_parquet(path)["id"].tolist(),
    "dask": lambda path: dd.read_parquet(path)["id"].compute().tolist(),
    "polars folder": lambda path: pl.read_parquet(path)["id"].to_list(),
    "polars glob": lambda path: pl.read_parquet(path / "*.parquet")["id"].to_list(),
    "polars scan": lambda path: pl.scan_parquet(path).filter(pl.col("id") >= 0).collect()["id"].to_list(),
    "polars count": lambda path: list(range(pl.scan_parquet(path).select(pl.len()).collect().item())),
    "duckdb": lambda path: [
        row[0] for row in duckdb.sql(f"SELECT id FROM read_parquet('{path}/*.parquet')").fetchall()
    ],
    "arrow dataset": lambda path: ds.dataset(path).to_table()["id"].to_pylist(),
    "arrow table": lambda path: pq.read_table(path)["id"].to_pylist(),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_sees_the_rows_in_order_and_no_others(path: Path, name: str) -> None:
    assert READERS[name](path) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", READERS)
def test_every_reader_can_open_the_versions_own_folder(path: Path, name: str) -> None:
    assert READERS[name](resolve(path).folder) == [0, 1, 2, 3]


def test_names_types_units_and_zones_go_back_as_they_came(path: Path) -> None:
    table = ds.dataset(path).to_table()
    assert table.schema.equals(SCHEMA)
    assert table["Name, with space"].to_pylist() == NAMES
    assert [value.timestamp() for value in table["at"].to_pylist()] == [TIME.timestamp()] * 4
    assert [(column.name, column.type) for column in verify(path).schema] == [
        (f.name, str(f.type)) for f in table.schema
    ]


def test_a_type_that_parquet_does_not_have_is_listed_as_it_is_read(tmp_path: Path) -> None:
    schema = pa.schema([("at", pa.timestamp("s")), ("clock", pa.time32("s")), ("day", pa.date64())])
    path = tmp_path / "times"
    with drafting(path, "table") as draft:
        commit(draft, [write_part(draft.folder, 0, schema.empty_table(), schema)], schema=schema, provenance={})
    assert [column.type for column in verify(path).schema] == ["timestamp[ms]", "time32[ms]", "date32[day]"]


def test_the_manifest_itself_can_be_read_by_hand(path: Path) -> None:
    assert (
        b'"format": "gmm_dask publication"'
        in pq.read_metadata(path / "_manifest.parquet").metadata[b"gmm_dask.manifest"]
    )
