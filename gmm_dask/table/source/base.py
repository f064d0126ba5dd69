"""What a source is: a table that can be read by row range."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_dask.errors import BadInputError, UsageError, did_you_mean
from gmm_dask.table.source.batches import BATCH_ROWS
from gmm_dask.table.source.layout import Layout


@dataclass(frozen=True, eq=False, kw_only=True)
class Source(ABC):
    """A table whose rows have fixed numbers, 0 to n_rows - 1, and can be read by those.

    name: a short name for people. schema: the columns in order with their Arrow types as found; field and schema
    metadata are not kept. fingerprint: SHA-256 in hex digits; other data have another one. layout: the pieces the
    rows lie in.

    A source is immutable and pickles. Concrete sources are final; they say how to read, place and narrow a range of
    rows that is known to be within bounds.
    """

    name: str
    schema: pa.Schema
    fingerprint: str
    layout: Layout

    @property
    def n_rows(self) -> int:
        return self.layout.n_rows

    @property
    def breaks(self) -> NDArray[np.int64]:
        """(b,) int64, increasing from 0 to n_rows, both included: where the table can be cut at no cost."""
        return self.layout.breaks

    @property
    def n_skipped(self) -> int:
        """Rows before row 0 that are decoded and dropped whenever reading begins there."""
        return 0

    @final
    def read(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows [start, stop) in order; these columns in this order, or all of them.

        Raises BadInputError for an unknown column and for data that cannot be read.
        """
        self._check_range(start, stop)
        return self._read(start, stop, self._known(columns))

    @final
    def batches(
        self, start: int, stop: int, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
    ) -> Iterator[pa.Table]:
        """What `read` returns, as tables of exactly `rows` rows, the last one of the rest; none for no rows.

        To go through many rows this is the way: each is decoded once, and no more than a batch or two are held.
        Categories have one dictionary within a batch; another batch may have another one.

        Raises as `read` does: at once for what is asked for, while iterating for data that cannot be read.
        """
        self._check_range(start, stop)
        if rows < 1:
            raise UsageError(f"batches of {rows} rows", expected="at least one row", where=self.name)
        return self._batches(start, stop, self._known(columns), rows)

    @final
    def where(self, start: int, stop: int) -> str:
        """The place of rows [start, stop) as a person would name it: files and row groups, or partitions."""
        self._check_range(start, stop)
        return self._where(start, stop)

    @final
    def narrowed(self, start: int, stop: int) -> Self:
        """Rows [start, stop) as a source of their own, numbered from 0, that carries no piece it does not need."""
        self._check_range(start, stop)
        if (start, stop) == (0, self.n_rows):
            return self
        return self._narrowed(start, stop, digest(self.fingerprint, int(start), int(stop)))

    def _known(self, columns: Sequence[str] | None) -> list[str]:
        names = self.schema.names if columns is None else list(columns)
        for name in names:
            if name not in self.schema.names:
                advice = did_you_mean(name, self.schema.names)
                raise BadInputError(f"there is no column {name!r}", where=self.name, advice=advice)
        return names

    def _check_range(self, start: int, stop: int) -> None:
        if not 0 <= start <= stop <= self.n_rows:
            raise UsageError(f"rows {start} to {stop}", expected=f"a range within 0 to {self.n_rows}", where=self.name)

    @abstractmethod
    def _read(self, start: int, stop: int, columns: list[str]) -> pa.Table:
        """As `read`, every name known to be in the schema."""

    def _batches(self, start: int, stop: int, columns: list[str], rows: int) -> Iterator[pa.Table]:
        """As `batches`. A source for which reading a few rows costs more than those rows has a way of its own."""
        for first in range(start, stop, rows):
            yield self._read(first, min(first + rows, stop), columns)

    @abstractmethod
    def _where(self, start: int, stop: int) -> str:
        """As `where`."""

    @abstractmethod
    def _narrowed(self, start: int, stop: int, fingerprint: str) -> Self:
        """As `narrowed`, with the fingerprint that the new source shall bear."""


def digest(*parts: object) -> str:
    """SHA-256 in hex digits of the parts' representations: for strings, numbers and tuples of these."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
