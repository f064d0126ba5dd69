import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.table.source import BATCH_ROWS, open_source


def read(table):
    source = open_source(table)
    return source.read(0, source.n_rows)


class TestPandas:
    FRAME = pd.DataFrame(
        {
            "float": [1.5, np.nan, 2.5],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(["b", None, "a"], categories=["b", "a"], ordered=True),
            "zoned": pd.to_datetime(["2020-01-01", None, "2020-01-03"]).tz_localize("Europe/Berlin"),
            "naive": pd.to_datetime(["2020-01-01", None, "2020-01-03"]),
            "text": ["x", None, "z"],
            "object": pd.Series(["x", None, np.nan], dtype=object),
            "flag": [True, False, True],
            "span": pd.to_timedelta([1, None, 3], unit="s"),
            3: np.arange(3, dtype="int16"),
        }
    )

    def test_types_survive(self):
        types = dict(zip(read(self.FRAME).column_names, read(self.FRAME).schema.types, strict=True))
        assert types["float"] == pa.float64()
        assert types["nullable"] == pa.int64()
        assert types["kind"] == pa.dictionary(pa.int32(), pa.large_string(), ordered=True)
        assert types["zoned"].tz == "Europe/Berlin"
        assert types["naive"].tz is None
        assert types["flag"] == pa.bool_()
        assert types["object"] == pa.string()
        assert types["3"] == pa.int16()

    def test_values_survive(self):
        table = read(self.FRAME).to_pydict()
        assert table["nullable"] == [1, None, 3]
        assert table["kind"] == ["b", None, "a"]
        assert table["text"] == ["x", None, "z"]
        assert table["object"] == ["x", None, None]
        assert table["naive"][1] is None
        assert table["span"][1] is None

    def test_nan_is_not_missing_here(self):
        column = read(self.FRAME)["float"]
        assert column.null_count == 0
        assert np.isnan(column[1].as_py())

    def test_numbers_are_not_copied(self):
        frame = pd.DataFrame({"a": np.arange(4.0), "b": np.arange(4.0)})
        source = open_source(frame)
        assert source.table["a"].chunk(0).buffers()[1].address == frame["a"].to_numpy().ctypes.data

    def test_an_index_is_a_column_if_it_has_a_name(self):
        frame = pd.DataFrame({"a": [1, 2]}, index=[7, 8])
        assert read(frame).column_names == ["a"]
        assert read(frame.rename_axis("key")).to_pydict() == {"key": [7, 8], "a": [1, 2]}
        levels = pd.MultiIndex.from_tuples([(1, "u"), (2, "v")], names=["first", None])
        assert read(frame.set_axis(levels)).to_pydict() == {"first": [1, 2], "a": [1, 2]}
        with pytest.raises(BadInputError, match="'a' occurs more than once"):
            open_source(frame.rename_axis("a"))

    @pytest.mark.parametrize(
        "values",
        [
            pd.Series([1, "a"], dtype=object),
            pd.Series([True, 2], dtype=object),
            pd.Series([1 + 2j]),
            pd.Series([object()]),
            pd.Series(pd.arrays.SparseArray([0, 1])),
        ],
    )
    def test_a_column_without_one_type_is_named(self, values):
        with pytest.raises(BadInputError, match=r"column 'bad' of dtype .* has no Arrow type"):
            open_source(pd.DataFrame({"good": range(len(values)), "bad": values}))

    def test_duplicate_names_are_refused(self):
        with pytest.raises(BadInputError, match="'1' occurs more than once"):
            open_source(pd.DataFrame([[1, 2]], columns=[1, "1"]))


class TestNumpy:
    def test_columns_are_counted(self):
        assert read(np.array([[1.0, 2.0], [3.0, np.nan]])).column_names == ["x0", "x1"]
        assert read(np.eye(2, dtype="float32"))["x1"].to_pylist() == [0.0, 1.0]

    def test_columns_in_one_piece_are_not_copied(self):
        array = np.asfortranarray(np.eye(3))
        assert open_source(array).table["x1"].chunk(0).buffers()[1].address == array[:, 1].ctypes.data

    def test_a_mask_means_missing(self):
        array = np.ma.masked_array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
        assert read(array)["x1"].to_pylist() == [None, 4]

    @pytest.mark.parametrize("shape", [(3,), (3, 1, 1), ()])
    def test_other_shapes_are_refused(self, shape):
        with pytest.raises(BadInputError, match=f"an array of {len(shape)} dimensions"):
            open_source(np.zeros(shape))


class TestArrow:
    def test_a_table_is_taken_as_it_is(self):
        table = pa.table({"a": pa.chunked_array([[1.0], [float("nan"), None]]), "b": ["x", None, "z"]})
        assert open_source(table).table["a"].chunk(0).buffers()[1].address == table["a"].chunk(0).buffers()[1].address
        assert read(table)["a"].null_count == 1
        assert read(table.to_batches()[0]).num_rows == 1
        assert read(table.to_reader()).num_rows == 3

    def test_dictionaries_of_several_chunks_become_one(self):
        chunks = [pa.array(values).dictionary_encode() for values in (["a"], ["b", "a"])]
        assert {str(chunk.dictionary) for chunk in read(pa.table({"k": pa.chunked_array(chunks)}))["k"].chunks} == {
            str(pa.array(["a", "b"]))
        }

    def test_polars(self):
        frame = pl.DataFrame({"n": [1, None], "t": ["x", None], "k": pl.Series(["u", "v"], dtype=pl.Categorical)})
        table = read(frame)
        assert table.to_pydict() == {"n": [1, None], "t": ["x", None], "k": ["u", "v"]}
        assert table.schema.field("t").type == pa.large_string()
        assert table.schema.field("k").type == pa.dictionary(pa.int32(), pa.large_string())


class TestSource:
    def test_breaks_and_places(self):
        source = open_source(np.zeros((BATCH_ROWS + 5, 1)))
        assert source.breaks.tolist() == [0, BATCH_ROWS, BATCH_ROWS + 5]
        assert source.narrowed(10, BATCH_ROWS + 2).breaks.tolist() == [0, BATCH_ROWS - 10, BATCH_ROWS - 8]
        assert source.where(2, 4) == "ndarray, rows 2 to 3"
        assert source.name == "ndarray"

    def test_a_narrowed_source_pickles_only_its_rows(self):
        frame = pd.DataFrame({"a": np.arange(100_000.0), "k": pd.Categorical(["u", "v"] * 50_000)})
        narrowed = open_source(frame).narrowed(500, 510)
        data = pickle.dumps(narrowed)
        assert len(data) < 5_000
        assert pickle.loads(data).read(0, 10) == narrowed.read(0, 10)

    @pytest.mark.parametrize("table", [pd.DataFrame({"a": []}), np.zeros((0, 2)), pa.table({"a": pa.nulls(0)})])
    def test_no_rows(self, table):
        with pytest.raises(BadInputError, match="there are no rows"):
            open_source(table)

    @pytest.mark.parametrize("table", [pd.DataFrame(index=[1, 2]), np.zeros((2, 0))])
    def test_no_columns(self, table):
        with pytest.raises(BadInputError, match="there are no columns"):
            open_source(table)

    @pytest.mark.parametrize(
        "table", [None, 3, {"a": [1]}, [1, 2], [[1, 2], [3, 4]], pd.Series([1]), pl.Series([1]), pa.array([1])]
    )
    def test_what_is_no_table(self, table):
        with pytest.raises(UsageError, match="expected a path"):
            open_source(table)

    def test_a_source_is_returned_as_it_is(self):
        source = open_source(np.eye(2))
        assert open_source(source) is source


class TestFingerprint:
    def test_it_tells_the_content(self):
        table = pa.table({"a": [1, 2, None], "b": ["x", None, "z"], "c": [True, None, False]})
        same = [
            pa.concat_tables([table[:1], table[1:]]),
            pa.concat_tables([table, table])[3:],
            pa.table({name: table[name].to_pylist() for name in "abc"}),
        ]
        assert {open_source(other).fingerprint for other in same} == {open_source(table).fingerprint}

    def test_what_lies_under_a_missing_value_does_not_count(self):
        valid = pa.py_buffer(b"\x01")
        first, second = (
            pa.Array.from_buffers(pa.int64(), 2, [valid, pa.py_buffer(np.array([1, hidden]))]) for hidden in (5, 6)
        )
        assert len({open_source(pa.table({"a": values})).fingerprint for values in (first, second)}) == 1

    def test_the_order_of_categories_does_not_count(self):
        frames = [
            pd.DataFrame({"k": pd.Categorical(["u", "v"], categories=order)}) for order in (["u", "v"], ["v", "u"])
        ]
        assert len({open_source(frame).fingerprint for frame in frames}) == 1

    def test_every_difference_counts(self):
        tables = [
            {"a": [1, 2]},
            {"a": [2, 1]},
            {"b": [1, 2]},
            {"a": [1, None]},
            {"a": [None, 1]},
            {"a": [1.0, 2.0]},
            {"a": ["1", "2"]},
            {"a": ["12", ""]},
            {"a": [1, 2], "b": [1, 2]},
            {"a": [1, 2, 3]},
        ]
        assert len({open_source(pa.table(table)).fingerprint for table in tables}) == len(tables)
