"""One pass over a table: truth against pandas, the merge law over any split, and what is refused."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmm_dask.errors import BadInputError
from gmm_dask.table.columns import numeric
from gmm_dask.table.profile import ColumnProfile, TableProfile, merge, profile_batch

SEED = 20260301

TEMPORAL = {
    "stamp": pa.timestamp("us", "Europe/Berlin"),
    "day": pa.date32(),
    "clock": pa.time32("s"),
    "span": pa.duration("ms"),
}

rows = st.fixed_dictionaries(
    {
        "float": st.none() | st.just(float("nan")) | st.floats(-1e6, 1e6).map(lambda x: round(x, 2)),
        "integer": st.none() | st.integers(-50, 50),
        "flag": st.none() | st.booleans(),
        "text": st.none() | st.sampled_from("abcdefgh"),
        "stamp": st.none() | st.integers(0, 10**6),
    }
)
SCHEMA = pa.schema(
    {
        "float": pa.float64(),
        "integer": pa.int64(),
        "flag": pa.bool_(),
        "text": pa.string(),
        "stamp": pa.timestamp("us"),
    }
)


def profile(table: pa.Table, first_row: int = 0, sample_rows: int = 10_000, n_rows: int | None = None) -> TableProfile:
    return profile_batch(table, first_row=first_row, seed=SEED, sample_rows=sample_rows, n_rows=n_rows, where="part 0")


def profile_in_parts(
    table: pa.Table, cuts: list[int], sample_rows: int = 10_000, n_rows: int | None = None
) -> list[TableProfile]:
    edges = [0, *sorted(min(cut, table.num_rows) for cut in cuts), table.num_rows]
    return [profile(table.slice(start, end - start), start, sample_rows, n_rows) for start, end in pairwise(edges)]


def assert_same(a: TableProfile, b: TableProfile) -> None:
    """Equal, but for rounding of the moments."""
    assert (a.n_rows, a.names) == (b.n_rows, b.names)
    np.testing.assert_array_equal(a.sample.rows, b.sample.rows)
    for name in a.sample.table.column_names:
        np.testing.assert_array_equal(numeric(a.sample.table, name), numeric(b.sample.table, name))
    for left, right in zip(a.columns, b.columns, strict=True):
        assert (left.type, left.n_rows, left.n_missing) == (right.type, right.n_rows, right.n_missing)
        assert (left.minimum, left.maximum, left.distinct) == (right.minimum, right.maximum, right.distinct)
        assert left.is_constant == right.is_constant
        assert left.distinct_values == right.distinct_values
        np.testing.assert_array_equal(left.quantile(0.3), right.quantile(0.3))
        np.testing.assert_allclose([left.mean, left.sd], [right.mean, right.sd], rtol=1e-9, atol=1e-6)


@settings(max_examples=50)
@given(st.lists(rows, max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_any_split_gives_the_profile_of_the_whole(records: list[dict[str, object]], cuts: list[int]) -> None:
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    parts, whole = profile_in_parts(table, cuts), profile(table)
    assert_same(reduce(merge, parts), whole)
    assert_same(reduce(merge, parts[::-1]), whole)
    assert_same(reduce(lambda right, left: merge(left, right), parts[::-1]), whole)


def measurements(n: int = 5000) -> pa.Table:
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame(
        {
            "skewed": rng.exponential(size=n) * 100,
            "small": rng.integers(0, 7, n).astype(np.int8),
            "text": rng.choice(["a", "b", "c"], n),
        }
    )
    frame.loc[rng.random(n) < 0.2, "skewed"] = np.nan
    return pa.Table.from_pandas(frame)


@pytest.mark.parametrize("cuts", [[], [100, 101, 3000]])
def test_numbers_agree_with_pandas(cuts: list[int]) -> None:
    table = measurements()
    found, frame = reduce(merge, profile_in_parts(table, cuts)), table.to_pandas()
    for name in ("skewed", "small"):
        column, truth = found[name], frame[name].astype(float)
        assert column.n_missing == truth.isna().sum()
        assert (column.minimum, column.maximum) == (truth.min(), truth.max())
        assert column.mean == pytest.approx(truth.mean(), rel=1e-12)
        assert column.sd == pytest.approx(truth.std(ddof=0), rel=1e-12)
        n = truth.count()
        unbiased = column.skewness * np.sqrt(n * (n - 1)) / (n - 2)  # pandas gives the bias-corrected one
        assert unbiased == pytest.approx(truth.skew(), rel=1e-9)
        assert column.distinct == truth.nunique()
        for q in (0.05, 0.5, 0.95):
            assert column.quantile(q) == pytest.approx(truth.quantile(q), rel=1e-12)
    assert (found["text"].distinct, found["text"].n_missing) == (3, 0)


def test_the_sample_holds_the_numeric_columns_of_its_rows() -> None:
    table = measurements()
    sample = profile(table, first_row=1000, sample_rows=50).sample
    assert sample.table.column_names == ["skewed", "small"]
    assert sample.table.equals(table.select(["skewed", "small"]).take(sample.rows - 1000))
    values = numeric(sample.table, "skewed")
    assert np.isnan(values).any()


def test_the_sample_is_the_same_for_any_batches() -> None:
    table = measurements()
    whole = profile(table, sample_rows=200).sample
    for cuts in ([2500], [1, 2, 3], list(range(0, 5000, 97))):
        for n_rows in (None, 5000):
            sample = reduce(merge, profile_in_parts(table, cuts, 200, n_rows)).sample
            assert sample.table.equals(whole.table)


def test_a_batch_of_a_large_table_samples_its_share() -> None:
    parts = profile_in_parts(measurements(), list(range(0, 5000, 100)), 200, 5000)
    assert sum(part.sample.table.num_rows for part in parts) < 3 * 200


def test_quantiles_come_from_the_sample() -> None:
    rng = np.random.default_rng(SEED)
    values = rng.exponential(size=100_000) ** 4
    table = pa.table({"text": ["a"] * 100_000, "float": values, "integer": np.rint(values * 10).astype(np.int64)})
    found = reduce(merge, profile_in_parts(table, [50_000], 20_000, 100_000))
    for name, column in zip(table.column_names, found.columns, strict=True):
        assert [column.quantile(p) for p in (0.1, 0.9)] == pytest.approx(
            [found[name].quantile(p) for p in (0.1, 0.9)], nan_ok=True
        )
    assert np.isnan(found["text"].quantile(0.5))
    for p in (0.01, 0.25, 0.5, 0.99):
        error = 4 * np.sqrt(p * (1 - p) / 20_000)
        lower, upper = np.quantile(values, [p - error, p + error])
        assert lower <= found["float"].quantile(p) <= upper
        assert found["integer"].quantile(p).is_integer()
        assert np.floor(10 * lower) <= found["integer"].quantile(p) <= np.ceil(10 * upper)


def test_quantiles_of_huge_numbers_are_finite() -> None:
    column = profile(pa.table({"x": [-1.7e308, 1.7e308, np.inf, np.nan]}))["x"]
    assert (column.quantile(0), column.quantile(0.5), column.quantile(1)) == (-1.7e308, 0, 1.7e308)


def test_there_are_no_quantiles_without_a_sample() -> None:
    assert np.isnan(profile(measurements(), sample_rows=0)["skewed"].quantile(0.5))
    nothing = pa.table({"x": pa.array([None, np.nan, np.inf], pa.float64())})
    assert np.isnan(profile(nothing)["x"].quantile(0.5))


def test_columns_of_one_name_have_each_their_own_sample() -> None:
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array(["a"]), pa.array([3.0])], names=["x", "x", "x"])
    assert [column.quantile(0.5) for column in profile(table).columns] == pytest.approx([1, np.nan, 3], nan_ok=True)


@pytest.mark.parametrize("name", TEMPORAL)
def test_times_have_extremes_and_distinct_values_but_no_moments(name: str) -> None:
    kind = TEMPORAL[name]
    stored = pa.array([7, None, 3, 7], pa.int64() if kind.bit_width == 64 else pa.int32())
    column = profile(pa.table({name: stored.cast(kind)}))[name]
    assert (column.minimum, column.maximum, column.distinct, column.n_missing) == (3, 7, 2, 1)
    assert np.isnan([column.mean, column.sd, column.skewness, column.quantile(0.5)]).all()
    assert not column.is_constant


def test_times_are_shown_as_iso_text() -> None:
    stamps = pa.array([pd.Timestamp("2013-07-01 05:00", tz="UTC")]).cast(pa.timestamp("us", "America/New_York"))
    shown = profile(pa.table({"t": stamps}))["t"].to_json()
    assert shown["min"] == shown["max"] == "2013-07-01 01:00:00-04:00"


LABELS = {
    "string": pa.array(["a", "b", None, "a"]),
    "empty string": pa.array(["", "b", None, ""]),
    "empty binary": pa.array([b"", b"b", None, b""]),
    "large string": pa.array(["a", "b", None, "a"], pa.large_string()),
    "string view": pa.array(["a", "b", None, "a"], pa.string_view()),
    "binary": pa.array([b"\xff", b"\xfe", None, b"\xff"]),
    "fixed binary": pa.array([b"ab", b"ac", None, b"ab"], pa.binary(2)),
    "binary view": pa.array([b"\xff", b"\xfe", None, b"\xff"], pa.binary_view()),
    "dictionary": pa.array(["a", "b", None, "a"]).dictionary_encode(),
    "dictionary of numbers": pa.array([1.5, 2.5, None, 1.5]).dictionary_encode(),
    "dictionary of times": pa.array([1, 2, None, 1], pa.timestamp("s")).dictionary_encode(),
    "boolean": pa.array([True, False, None, True]),
}


@pytest.mark.parametrize("name", LABELS)
def test_distinct_labels_are_counted_across_batches(name: str) -> None:
    table = pa.table({name: LABELS[name]})
    column = reduce(merge, profile_in_parts(table, [2]))[name]
    assert (column.n_rows, column.n_missing, column.distinct) == (4, 1, 2)
    one = profile(table.slice(0, 1))[name]
    assert one.is_constant


TEXTS = ["", "a", "\0", "a\0", "ab", "ba", "é", "x" * 1000, "x" * 1001]


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()],
    ids=str,
)
def test_texts_are_told_apart_by_every_byte(kind: pa.DataType) -> None:
    texts = pa.array([*TEXTS, None, *TEXTS]).cast(kind)
    chunked = pa.chunked_array([texts.slice(0, 3), texts.slice(3, 0), texts.slice(3)])
    assert profile(pa.table({"x": chunked}))["x"].distinct == len(TEXTS)
    twins = pa.array(["x", "x", "y"]).cast(kind)
    assert profile(pa.table({"x": twins.slice(1)}))["x"].distinct == 2
    assert profile(pa.table({"x": pa.array(["", None, ""]).cast(kind)}))["x"].is_constant
    assert profile(pa.table({"x": pa.nulls(2, kind)}))["x"].distinct == 0


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.int8(), pa.timestamp("us")], ids=str)
def test_integers_are_told_apart_by_every_bit(kind: pa.DataType) -> None:
    largest = 127 if kind == pa.int8() else 2**63 - 1
    values = pa.array([largest, largest - 1, None, 0, largest], pa.int8() if kind == pa.int8() else pa.int64())
    parts = profile_in_parts(pa.table({"x": values.cast(kind)}), [2])
    assert reduce(merge, parts)["x"].distinct == 3


@pytest.mark.parametrize(
    "values",
    [
        pa.nulls(3),
        pa.array([[1], None, [2, 3]]),
        pa.array([{"a": 1}, None, {"a": 2}]),
        pa.array([(1, 2, 3), None, (4, 5, 6)], pa.month_day_nano_interval()),
    ],
    ids=lambda values: str(values.type),
)
def test_types_without_distinct_values_still_profile(values: pa.Array) -> None:
    column = profile(pa.table({"x": values}))["x"]
    assert column.distinct is None
    assert not column.is_constant
    assert column.n_missing == values.null_count


def test_extremes_of_integers_are_exact_beyond_float64() -> None:
    column = profile(pa.table({"x": [2**60, 2**60 + 1]}))["x"]
    assert (column.minimum, column.maximum) == (2**60, 2**60 + 1)
    assert not column.is_constant


def test_empty_batches_and_columns_without_values() -> None:
    empty = pa.table({"x": pa.array([], pa.float64()), "s": pa.array([], pa.string())})
    found = profile(empty)
    assert found.n_rows == 0
    full = pa.table({"x": [1.0, None], "s": [None, "a"]})
    assert_same(merge(found, profile(full)), profile(full))
    missing = profile(pa.table({"x": pa.array([None, float("nan")], pa.float64())}))["x"]
    assert (missing.n_missing, missing.minimum, missing.distinct, missing.is_constant) == (2, None, 0, False)
    assert np.isnan(missing.mean)


def test_infinite_values_are_counted_apart_with_the_place_of_the_first() -> None:
    found = profile(pa.table({"x": [1.0, np.nan, 3.0, np.inf, -np.inf]}))["x"]
    assert (found.n_infinite, found.n_missing, found.n_present) == (2, 1, 2)
    assert (found.minimum, found.maximum, found.mean) == (1.0, 3.0, 2.0)
    assert "part 0, row 3" in found.infinite_at
    later = profile(pa.table({"x": [np.inf]}))["x"]
    assert found.merge(later).n_infinite == 3
    assert found.merge(later).infinite_at == found.infinite_at
    assert np.isnan(found.merge(later).quantile(0.5))  # neither's sample is that of both


def test_the_layout_in_memory_does_not_matter() -> None:
    table = measurements(500)
    chunked = pa.concat_tables([table.slice(0, 123), table.slice(123)])
    for a, b in zip(profile(chunked).columns, profile(table).columns, strict=True):
        assert a == replace(b, n_bytes=a.n_bytes)  # a null bitmap rounds up to whole bytes


def test_profiles_cross_processes() -> None:
    found = profile(measurements(500))
    sent = pickle.loads(pickle.dumps(found))
    assert sent.columns == found.columns
    assert merge(sent, profile(measurements(10), 500)).n_rows == 510


def test_a_profile_says_the_same_in_two_words() -> None:
    """`columns` and the column by its name."""
    found = profile(measurements(500))
    assert found.columns == tuple(found[name] for name in found.names)


def test_profiles_of_different_tables_do_not_merge() -> None:
    left, right = profile(pa.table({"x": [1.0]})), profile(pa.table({"y": [1.0]}))
    with pytest.raises(ValueError, match="different tables"):
        merge(left, right)
    with pytest.raises(ValueError, match="int64"):
        merge(left, profile(pa.table({"x": [1]}), first_row=1))


def test_an_unknown_column_gets_a_suggestion() -> None:
    with pytest.raises(BadInputError, match="Did you mean 'skewed'"):
        profile(measurements(10))["skewd"]


def test_the_frame_and_the_json_show_every_column() -> None:
    found = profile(measurements())
    frame = found.to_frame({"text": "categorical"})
    assert list(frame["name"]) == ["skewed", "small", "text"]
    assert list(frame["role"]) == ["", "", "categorical"]
    counts = ["name", "type", "role", "rows", "missing", "missing %", "distinct"]
    numbers = ["mean", "sd", "min", "q05", "q25", "median", "q75", "q95", "max", "skewness", "memory"]
    assert list(frame.columns) == counts + numbers
    shown = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert shown["rows"] == 5000
    assert shown["columns"][2]["mean"] is None
    assert shown["columns"][1]["median"] == 3


def test_movies_agree_with_pandas(shared_data: Path) -> None:
    table = pq.read_table(shared_data / "movies.parquet")
    found, frame = reduce(merge, profile_in_parts(table, [20_000, 40_000])), table.to_pandas()
    assert found.n_rows == 58_788
    for column in found.columns:
        assert isinstance(column, ColumnProfile)
        assert column.n_missing == frame[column.name].isna().sum()
        assert column.distinct == pytest.approx(frame[column.name].nunique(), rel=0.013)
    assert found["budget"].sd == pytest.approx(frame["budget"].std(ddof=0), rel=1e-12)
