import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_dask.table.source.batches import in_batches


def tables_of(lengths):
    """Consecutive numbers in tables of these lengths."""
    first = 0
    for length in lengths:
        yield pa.table({"x": range(first, first + length)}, schema=pa.schema([("x", pa.int64())]))
        first += length


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 7))
def test_the_same_rows_in_tables_of_one_length(lengths, rows):
    batches = list(in_batches(tables_of(lengths), rows))
    n_rows = sum(lengths)
    assert [row for batch in batches for row in batch["x"].to_pylist()] == list(range(n_rows))
    assert [batch.num_rows for batch in batches] == [rows] * (n_rows // rows) + [n_rows % rows] * (n_rows % rows > 0)
    assert all(batch["x"].num_chunks == 1 for batch in batches)


def test_no_more_is_taken_than_the_next_batch_needs():
    taken = []
    tables = (taken.append(number) or table for number, table in enumerate(tables_of([2] * 10)))
    batches = in_batches(tables, 3)
    next(batches)
    assert taken == [0, 1]
    next(batches)
    assert taken == [0, 1, 2]


def test_what_comes_as_one_chunk_is_not_copied():
    table = pa.table({"x": range(10)})
    first, second = in_batches([table], 5)
    assert first["x"].chunk(0).buffers()[1].address == second["x"].chunk(0).buffers()[1].address


@pytest.mark.parametrize("rows", [3, 100])
def test_one_code_means_one_value_throughout_a_batch(rows):
    tables = [pa.table({"k": pa.array(values).dictionary_encode()}) for values in (["a", "b"], ["b", None, "c"])]
    batches = list(in_batches(tables, rows))
    assert [value for batch in batches for value in batch["k"].to_pylist()] == ["a", "b", "b", None, "c"]
    assert all(batch["k"].num_chunks == 1 for batch in batches)
