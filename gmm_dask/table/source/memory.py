"""Tables in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, final

import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.arrow_tables import as_arrow
from gmm_dask.table.source.base import Source
from gmm_dask.table.source.batches import BATCH_ROWS
from gmm_dask.table.source.layout import Layout


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class MemorySource(Source):
    """The rows of one Arrow table. Values may be shared with the object it came from, which must not change then."""

    table: pa.Table

    def _read(self, start: int, stop: int, columns: list[str]) -> pa.Table:
        return self.table.select(columns)[start:stop]

    def _where(self, start: int, stop: int) -> str:
        return f"{self.name}, rows {start} to {stop - 1}"

    def _narrowed(self, start: int, stop: int, fingerprint: str) -> MemorySource:
        _, layout = self.layout.narrowed(start, stop)
        return replace(self, fingerprint=fingerprint, layout=layout, table=self.table[start:stop])

    def __getstate__(self) -> dict[str, Any]:
        """The table as an Arrow stream: a slice would otherwise take along all of what it was cut from."""
        return {**self.__dict__, "table": _stream_of(self.table).to_pybytes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "table": pa.ipc.open_stream(state["table"]).read_all()})


def memory_source(table: object) -> MemorySource:
    """Any table in memory that `as_arrow` takes."""
    name = type(table).__name__
    arrow = as_arrow(table)
    if not arrow.num_rows or not arrow.num_columns:
        raise BadInputError(f"there are no {'rows' if arrow.num_columns else 'columns'}", where=name)
    return MemorySource(
        name=name,
        schema=arrow.schema,
        fingerprint=content_digest(arrow),
        layout=Layout.regular(arrow.num_rows),
        table=arrow.unify_dictionaries(),
    )


def content_digest(table: pa.Table) -> str:
    """SHA-256 in hex digits of names, types and values; how the values are cut into chunks makes no difference."""
    total = hashlib.sha256(repr([(field.name, str(field.type)) for field in table.schema]).encode())
    for start in range(0, table.num_rows, BATCH_ROWS):
        for column in table[start : start + BATCH_ROWS].columns:
            total.update(_stream_of(pa.table({"valid": pc.is_valid(column).combine_chunks().cast(pa.uint8())})))
            total.update(_stream_of(pa.table({"values": _bare(column)})))
    return total.hexdigest()


def _bare(column: pa.ChunkedArray) -> pa.Array:
    """The values that are there and nothing else: neither chunks, nor the order of a dictionary, nor unused bits."""
    values = column.combine_chunks().drop_null()
    if pa.types.is_dictionary(values.type):
        return values.dictionary_decode()
    return values.cast(pa.uint8()) if pa.types.is_boolean(values.type) else values


def _stream_of(table: pa.Table) -> pa.Buffer:
    """The table as an Arrow stream, which holds its rows and not all of the buffers they lie in."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
