"""What every source promises, whatever its table came as and however its rows lie in pieces."""

import itertools
import pickle
import tempfile
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmm_dask.table.source import open_source


def table_of(n_rows):
    """Numbers, texts, categories and gaps; every row differs from every other one."""
    rows = range(n_rows)
    columns = {
        "number": pa.array([row / 2 for row in rows], pa.float64()),
        "gap": pa.array([row if row % 3 else None for row in rows], pa.int64()),
        "text": pa.array([f"row {row}" for row in rows], pa.large_string()),
        "kind": pa.array(["ab"[row % 2] for row in rows], pa.large_string()).dictionary_encode(),
    }
    return pa.table(columns)


def pieces(table, lengths):
    ends = itertools.accumulate(lengths)
    return [table[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def as_frame(table):
    """With a gap in integers as a gap, not as NaN, which equals nothing."""
    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


def as_parquet(table, lengths, folder):
    """A file for each piece, in row groups of two rows."""
    for number, piece in enumerate(pieces(table, lengths)):
        pq.write_table(piece, folder / f"{number:02d}.parquet", row_group_size=2)
    return open_source(folder)


def as_csv(table, lengths, folder):
    for number, piece in enumerate(pieces(table, lengths)):
        piece.to_pandas().to_csv(folder / f"{number:02d}.csv", index=False)
    return open_source(folder)


def as_arrow(table, lengths, folder):
    return open_source(pa.concat_tables(pieces(table, lengths)))


def as_pandas(table, lengths, folder):
    return open_source(as_frame(table))


def as_dask(table, lengths, folder):
    frames = [as_frame(piece) for piece in pieces(table, lengths)]
    with dask.config.set(scheduler="synchronous"):
        return open_source(dd.from_map(pd.DataFrame, frames, meta=as_frame(table)))


FORMS = (as_parquet, as_csv, as_arrow, as_pandas, as_dask)
LENGTHS = st.lists(st.integers(0, 7), min_size=1, max_size=5).filter(any)


def spans(draw, n_rows, count):
    """Ranges, each within the one before it and counted from its start."""
    for _ in range(count):
        start, stop = sorted(draw(st.tuples(st.integers(0, n_rows), st.integers(0, n_rows))))
        yield start, stop
        n_rows = stop - start


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), lengths=LENGTHS)
def test_reading_a_range_is_slicing_the_whole(form, data, lengths):
    with tempfile.TemporaryDirectory() as folder:
        source = form(table_of(sum(lengths)), lengths, Path(folder))
        whole = source.read(0, source.n_rows)
        assert source.n_rows == sum(lengths)
        assert whole["text"].to_pylist() == [f"row {row}" for row in range(source.n_rows)]
        assert whole.schema == source.schema

        columns = data.draw(st.permutations(source.schema.names).map(lambda names: names[:3]))
        (start, stop), (inner, end) = spans(data.draw, source.n_rows, 2)
        narrowed = source.narrowed(start, stop)
        for other in (source, pickle.loads(pickle.dumps(source))):
            assert other.read(start, stop, columns) == whole.select(columns)[start:stop]
        for other in (narrowed, pickle.loads(pickle.dumps(narrowed))):
            assert other.read(inner, end) == whole[start + inner : start + end]
            assert other.narrowed(inner, end).read(0, end - inner) == whole[start + inner : start + end]
            assert other.schema == source.schema


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15, deadline=None)
@given(data=st.data(), lengths=LENGTHS, rows=st.integers(1, 9))
def test_batches_are_what_reading_returns_in_tables_of_one_length(form, data, lengths, rows):
    with tempfile.TemporaryDirectory() as folder:
        source = form(table_of(sum(lengths)), lengths, Path(folder))
        (begin, end), (start, stop) = spans(data.draw, source.n_rows, 2)
        source = source.narrowed(begin, end)
        columns = data.draw(st.none() | st.permutations(source.schema.names).map(lambda names: names[:2]))
        batches = list(source.batches(start, stop, columns, rows))
        whole = source.read(start, stop, columns)
        assert pa.concat_tables([whole[:0], *batches]) == whole
        assert all(batch.schema == whole.schema for batch in batches)
        full, rest = divmod(stop - start, rows)
        assert [batch.num_rows for batch in batches] == [rows] * full + [rest] * (rest > 0)
        for batch in batches:
            kinds = [column for column in batch.columns if pa.types.is_dictionary(column.type)]
            assert all(len({str(chunk.dictionary) for chunk in kind.chunks}) == 1 for kind in kinds)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10, deadline=None)
@given(data=st.data(), lengths=LENGTHS)
def test_breaks_cut_a_source_into_sources(form, data, lengths):
    with tempfile.TemporaryDirectory() as folder:
        source = form(table_of(sum(lengths)), lengths, Path(folder))
        assert source.breaks.dtype == np.int64
        assert source.breaks[0] == 0
        assert source.breaks[-1] == source.n_rows
        assert (np.diff(source.breaks) > 0).all()
        parts = [source.narrowed(start, stop) for start, stop in itertools.pairwise(source.breaks)]
        assert pa.concat_tables([part.read(0, part.n_rows) for part in parts]) == source.read(0, source.n_rows)
        assert len({part.fingerprint for part in parts}) == len(parts)
        (start, stop), _ = spans(data.draw, source.n_rows, 2)
        narrowed = source.narrowed(start, stop)
        inner = [edge - start for edge in source.breaks.tolist() if start < edge < stop]
        assert narrowed.breaks.tolist() == sorted({0, *inner, stop - start})
