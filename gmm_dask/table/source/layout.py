"""Where rows lie in a run of pieces: row groups of files, partitions of a collection, slices of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROWS_PER_PIECE = 65_536
"""Rows of a piece where nothing natural says otherwise: small enough to hold, large enough to be worth a call."""


class Stretch(NamedTuple):
    """Rows [start, stop) of one piece, counted from the piece's own first row."""

    piece: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Layout:
    """Consecutive pieces of known length, of which a run of rows is used.

    rows: (p,) int64, the rows of each piece; skip: rows of the first piece that precede row 0; n_rows: rows in use.
    """

    rows: NDArray[np.int64]
    skip: int
    n_rows: int

    @classmethod
    def of(cls, rows: Sequence[int]) -> Layout:
        """The layout that uses every row of pieces of these lengths."""
        lengths = np.asarray(rows, dtype=np.int64)
        return cls(lengths, 0, int(lengths.sum()))

    @classmethod
    def regular(cls, n_rows: int) -> Layout:
        """Pieces of ROWS_PER_PIECE rows, the last one shorter."""
        full, rest = divmod(n_rows, ROWS_PER_PIECE)
        return cls.of([ROWS_PER_PIECE] * full + [rest] * (rest > 0))

    @property
    def breaks(self) -> NDArray[np.int64]:
        """(b,) int64, increasing: row 0, every piece boundary between, and n_rows."""
        inner = self._ends
        return np.unique(np.concatenate(([0], inner[(inner > 0) & (inner < self.n_rows)], [self.n_rows])))

    @property
    def _ends(self) -> NDArray[np.int64]:
        """(p,) int64: the row after each piece, counted from row 0."""
        return np.cumsum(self.rows) - self.skip

    def stretches(self, start: int, stop: int) -> Iterator[Stretch]:
        """The pieces that hold rows [start, stop), in order, each with its own rows that belong to them."""
        ends = self._ends
        first, last = self._overlap(ends, start, stop)
        for piece in range(first, last):
            begin = int(ends[piece] - self.rows[piece])
            stretch = Stretch(piece, max(start - begin, 0), min(stop - begin, int(self.rows[piece])))
            if stretch.start < stretch.stop:
                yield stretch

    def narrowed(self, start: int, stop: int) -> tuple[slice, Layout]:
        """Which pieces rows [start, stop) need, and the layout of those rows within these pieces alone."""
        ends = self._ends
        first, last = self._overlap(ends, start, stop)
        if first == last:
            return slice(first, last), Layout.of([])
        begin = int(ends[first] - self.rows[first])
        return slice(first, last), Layout(self.rows[first:last], start - begin, stop - start)

    @staticmethod
    def _overlap(ends: NDArray[np.int64], start: int, stop: int) -> tuple[int, int]:
        """The half-open range of pieces that overlap rows [start, stop)."""
        if start == stop:
            return 0, 0
        return int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(ends, stop, side="left")) + 1
