"""From an Arrow column to the sketch of its distinct values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.table.columns import is_numeric, is_temporal, is_text
from gmm_dask.table.compiling import given
from gmm_dask.table.distinct import DistinctSketch, Integers
from gmm_dask.table.hashing import Bits, hash_bytes


def is_countable(kind: pa.DataType) -> bool:
    """Whether distinct values are counted: not those of nested and extension types, nulls and calendar intervals."""
    return is_numeric(kind) or is_text(kind) or is_temporal(kind)


def count_distinct(values: pa.ChunkedArray) -> DistinctSketch:
    """The sketch of texts, times or integers that are not null."""
    return DistinctSketch.of(_text_bits(values) if is_text(values.type) else _integers(values))


def stored_as(kind: pa.DataType) -> pa.DataType:
    """The integers by which Arrow stores a temporal type."""
    return pa.int64() if kind.bit_width == 64 else pa.int32()


def _integers(values: pa.ChunkedArray) -> Integers:
    """Integers and times as int64; those of uint64 beyond 2**63 wrap around, but stay distinct."""
    if is_temporal(values.type):
        values = values.cast(stored_as(values.type))
    integers: Integers = values.drop_null().cast(pa.int64(), safe=False).to_numpy()
    return integers


def _text_bits(values: pa.ChunkedArray) -> Bits:
    """64 bits for each text that is not null; of a dictionary-encoded column, for each that occurs."""
    if pa.types.is_dictionary(values.type):
        values = pc.unique(values).dictionary_decode()
        if not is_text(values.type):
            values = values.cast(pa.string())
    values = values.cast(pa.large_binary()).drop_null()
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if not len(values):
        return np.empty(0, np.uint64)
    _, offsets, data = values.buffers()
    return hash_bytes(
        given(np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]),
        given(np.frombuffer(data or b"", np.uint8)),
    )
