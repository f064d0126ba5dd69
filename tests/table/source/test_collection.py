import pickle

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from distributed import Client, LocalCluster

from gmm_dask.errors import BadInputError, ResourceError, UsageError
from gmm_dask.table.source import open_source

FRAME = pd.DataFrame(
    {"x": np.arange(10.0), "text": list("abcdefghij"), "kind": pd.Categorical(["u", "v"] * 5), "gap": [1.0, np.nan] * 5}
)


@pytest.fixture
def frame():
    return dd.from_pandas(FRAME, npartitions=3)


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster


def test_a_frame_has_one_piece_per_partition(frame):
    source = open_source(frame)
    assert source.name == "Dask DataFrame"
    assert source.n_rows == 10
    assert source.breaks.tolist() == [0, 4, 7, 10]
    assert source.schema.names == ["x", "text", "kind", "gap"]
    assert source.read(3, 8, ["text", "x"]).to_pydict() == {"text": list("defgh"), "x": [3.0, 4.0, 5.0, 6.0, 7.0]}
    assert source.read(2, 2).num_rows == 0
    assert source.where(0, 1) == "Dask DataFrame, partition 0"
    assert source.where(3, 8) == "Dask DataFrame, partitions 0 to 2"
    assert source.narrowed(5, 10).where(0, 1) == "Dask DataFrame, partition 1"


def test_values_are_those_of_the_frame_itself(frame):
    assert open_source(frame).read(0, 10).to_pydict()["kind"] == FRAME["kind"].tolist()
    gaps = open_source(frame).read(0, 10)["gap"]
    assert gaps.null_count == 0
    assert np.isnan(gaps[1].as_py())


def test_a_named_index_is_a_column():
    indexed = dd.from_pandas(FRAME.set_index("x"), npartitions=2)
    assert open_source(indexed).schema.names == ["x", "text", "kind", "gap"]


def test_an_array_has_its_columns_in_one_chunk():
    array = da.from_array(np.arange(20.0).reshape(10, 2), chunks=(4, 1))
    source = open_source(array)
    assert source.breaks.tolist() == [0, 4, 8, 10]
    assert source.read(3, 5).to_pydict() == {"x0": [6.0, 8.0], "x1": [7.0, 9.0]}


def test_lengths_that_dask_does_not_know_are_computed():
    array = da.from_array(np.arange(20.0).reshape(10, 2), chunks=(4, 2))
    some = array[array[:, 0] > 7]
    assert np.isnan(some.shape[0])
    assert open_source(some).breaks.tolist() == [0, 4, 6]
    assert open_source(dd.from_pandas(FRAME, npartitions=3).query("x > 4")).breaks.tolist() == [0, 2, 5]


def test_only_partitions_that_overlap_are_computed():
    computed = []

    def part(number):
        computed.append(number)
        return pd.DataFrame({"x": [number] * 2})

    source = open_source(dd.from_map(part, range(5), meta=pd.DataFrame({"x": [0]})))
    computed.clear()
    assert source.read(3, 5)["x"].to_pylist() == [1, 2]
    assert computed == [1, 2]


def test_batches_compute_each_partition_once():
    computed = []

    def part(number):
        computed.append(number)
        return pd.DataFrame({"x": range(10 * number, 10 * number + 10)})

    source = open_source(dd.from_map(part, range(3), meta=pd.DataFrame({"x": [0]})))
    computed.clear()
    batches = source.batches(5, 28, rows=4)
    assert next(batches)["x"].to_pylist() == [5, 6, 7, 8]
    assert computed == [0]
    assert [batch.num_rows for batch in batches] == [4, 4, 4, 4, 3]
    assert computed == [0, 1, 2]


def test_a_narrowed_source_carries_its_own_partitions_alone():
    source = open_source(dd.from_pandas(pd.DataFrame({"x": np.arange(100_000)}), npartitions=100))
    data = pickle.dumps(source.narrowed(1_500, 2_500))
    assert len(data) < len(pickle.dumps(source)) / 20
    assert pickle.loads(data).read(0, 1_000)["x"].to_pylist() == list(range(1_500, 2_500))


def test_fingerprints_tell_the_content(frame):
    assert open_source(frame).fingerprint == open_source(dd.from_pandas(FRAME, npartitions=3)).fingerprint
    assert open_source(frame.assign(x=frame.x + 1)).fingerprint != open_source(frame).fingerprint


def frames(*parts, meta):
    return dd.from_map(lambda part: pd.DataFrame(part), list(parts), meta=pd.DataFrame(meta))


def test_empty_partitions_are_fine():
    source = open_source(frames({"x": [1]}, {"x": []}, {"x": [2]}, {}, meta={"x": [0]}))
    assert source.breaks.tolist() == [0, 1, 2]
    assert source.read(0, 2)["x"].to_pylist() == [1, 2]


def test_partitions_of_different_types_are_told():
    with pytest.raises(BadInputError, match="column 'x': int64 in the collection's own description, double in part"):
        open_source(frames({"x": [1]}, {"x": [1.5]}, meta={"x": [0]}))
    with pytest.raises(BadInputError, match=r"column 'y': missing in .*, int64 in partition 1"):
        open_source(frames({"x": [1]}, {"x": [1], "y": [1]}, meta={"x": [0]}))


def test_what_is_no_table(frame):
    with pytest.raises(UsageError, match="a Dask Series"):
        open_source(frame["x"])
    with pytest.raises(UsageError, match="a Dask Delayed"):
        open_source(dask.delayed(FRAME))
    with pytest.raises(BadInputError, match="a Dask array of 1 dimensions"):
        open_source(da.ones(3))
    with pytest.raises(BadInputError, match="there are no rows"):
        open_source(frame.query("x > 100"))


def test_a_partition_that_comes_out_differently_is_noticed():
    lengths = iter((2, 3))
    source = open_source(dd.from_map(lambda _: FRAME[["x"]][: next(lengths)], [0], meta=FRAME[["x"]]))
    with pytest.raises(BadInputError, match=r"3 rows; expected 2 rows.*write the collection to Parquet"):
        source.read(0, 2)


def read_all(source):
    return source.read(0, source.n_rows)


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("kind", ["frame", "array"])
def test_on_a_cluster_a_task_reads_its_part(cluster, frame, kind, persisted):
    collection = {"frame": frame[["x"]], "array": da.from_array(FRAME[["x"]].to_numpy(), chunks=(4, 1))}[kind]
    with Client(cluster) as client:
        source = open_source((collection.persist() if persisted else collection) + 1)
        parts = [source.narrowed(0, 3), source.narrowed(3, 10)]
        tables = client.gather([client.submit(read_all, part, pure=False) for part in parts])
    assert pa.concat_tables(tables).column(0).to_pylist() == list(range(1, 11))


def test_a_persisted_partition_that_was_let_go_is_an_error(cluster, frame):
    with Client(cluster) as client:
        data = pickle.dumps(open_source(frame.persist()))
        with pytest.raises(ResourceError, match="no longer holds"):
            client.submit(lambda data: read_all(pickle.loads(data)), data).result()
