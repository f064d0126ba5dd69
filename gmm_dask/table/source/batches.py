"""Tables cut anew: the same rows in tables of one length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

BATCH_ROWS = 65_536
"""Rows handled at a time: few enough to hold, enough to be worth a call."""


def in_batches(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The rows of tables of one schema, in order, as tables of exactly `rows` rows; the last one may be shorter.

    No more is taken from `tables` than the next batch needs. What comes in many small chunks leaves as one, with one
    dictionary: work on thousands of chunks costs more than the copy. What comes as one chunk is not copied.
    """
    held: list[pa.Table] = []
    missing = rows
    for table in tables:
        rest = table
        while rest.num_rows >= missing:
            yield pa.concat_tables([*held, rest[:missing]]).combine_chunks()
            rest, held, missing = rest[missing:], [], rows
        if rest.num_rows:
            held.append(rest)
            missing -= rest.num_rows
    if held:
        yield pa.concat_tables(held).combine_chunks()
