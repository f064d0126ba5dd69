"""Parts of a table for cross-validation: every row belongs to one, by its number in the table and a seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_dask.mixture import Block
from gmm_dask.table.hashing import Rows
from gmm_dask.table.sketches import row_priorities

_STREAM = 0x5F01D5  # apart from the samples of the same seed, which must not fall into one fold


@dataclass(frozen=True)
class Folds:
    """`n` parts of about the same size, the same however rows are cut into batches and whichever of them are used."""

    seed: int
    n: int

    def of(self, rows: Rows) -> NDArray[np.int64]:
        """The fold of each row (m,), by its number in the whole table."""
        folds: NDArray[np.int64] = (row_priorities(self.seed ^ _STREAM, rows) % np.uint64(self.n)).astype(np.int64)
        return folds

    def split(self, block: Block, rows: Rows) -> Iterator[Block]:
        """A block of rows with these numbers (m,) as `n` blocks, fold by fold; some may be of no rows."""
        folds = self.of(rows)
        for fold in range(self.n):
            chosen = np.flatnonzero(folds == fold)
            yield Block(
                np.take(block.z, chosen, axis=1),
                None if block.weights is None else block.weights[chosen],
                None if block.narrow is None else np.take(block.narrow, chosen, axis=1),
                block.is_narrow,
            )
