"""Where rows lie in a run of pieces: row groups of files, partitions of a collection, slices of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_dask.table.source.batches import BATCH_ROWS


class Stretch(NamedTuple):
    """Rows [start, stop) of one piece of `rows` rows, counted from the piece's own first row."""

    piece: int
    start: int
    stop: int
    rows: int


@dataclass(frozen=True, eq=False)
class Layout:
    """Consecutive pieces of known length, of which a run of rows is used.

    edges: (p + 1,) int64, the row each piece begins with and the row after the last one; the first is negative where
    rows of the first piece precede row 0, the last beyond n_rows where rows of the last piece follow. n_rows: rows in
    use. Work on a run of rows costs what its pieces cost, however many there are.
    """

    edges: NDArray[np.int64]
    n_rows: int

    @classmethod
    def of(cls, rows: Sequence[int]) -> Layout:
        """The layout that uses every row of pieces of these lengths."""
        edges = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(rows, out=edges[1:])
        return cls(edges, int(edges[-1]))

    @classmethod
    def regular(cls, n_rows: int) -> Layout:
        """Pieces of BATCH_ROWS rows, the last one shorter."""
        full, rest = divmod(n_rows, BATCH_ROWS)
        return cls.of([BATCH_ROWS] * full + [rest] * (rest > 0))

    @property
    def skip(self) -> int:
        """Rows of the first piece that precede row 0."""
        return -int(self.edges[0])

    @property
    def breaks(self) -> NDArray[np.int64]:
        """(b,) int64, increasing: row 0, every piece boundary between, and n_rows."""
        return np.unique(np.clip(self.edges, 0, self.n_rows))

    def stretches(self, start: int, stop: int) -> Iterator[Stretch]:
        """The pieces that hold rows [start, stop), in order, each with its own rows that belong to them."""
        first, last = self._overlap(start, stop)
        for piece in range(first, last):
            begin, end = int(self.edges[piece]), int(self.edges[piece + 1])
            stretch = Stretch(piece, max(start, begin) - begin, min(stop, end) - begin, end - begin)
            if stretch.start < stretch.stop:
                yield stretch

    def narrowed(self, start: int, stop: int) -> tuple[slice, Layout]:
        """Which pieces rows [start, stop) need, and the layout of those rows within these pieces alone."""
        first, last = self._overlap(start, stop)
        if first == last:
            return slice(first, last), Layout.of([])
        return slice(first, last), Layout(self.edges[first : last + 1] - start, stop - start)

    def _overlap(self, start: int, stop: int) -> tuple[int, int]:
        """The half-open range of pieces that overlap rows [start, stop)."""
        if start == stop:
            return 0, 0
        ends = self.edges[1:]
        return int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(ends, stop, side="left")) + 1
