"""Row weights that come as an array, as a column of the table they belong to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

import pyarrow as pa

from gmm_dask.mixture import Float
from gmm_dask.table.source import Source
from gmm_dask.table.source.base import digest


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class WeightedSource(Source):
    """The columns of `table`, and one more, the last of the schema, that holds `weights` (n_rows,)."""

    table: Source
    weights: Float

    @property
    def weight(self) -> str:
        """The name of the column of weights."""
        return str(self.schema.names[-1])

    def _read(self, start: int, stop: int, columns: list[str]) -> pa.Table:
        return self._with_weights(self.table.read(start, stop, self._others(columns)), start, columns)

    def _batches(self, start: int, stop: int, columns: list[str], rows: int) -> Iterator[pa.Table]:
        for batch in self.table.batches(start, stop, self._others(columns), rows):
            yield self._with_weights(batch, start, columns)
            start += batch.num_rows

    def _others(self, columns: list[str]) -> list[str]:
        return [name for name in columns if name != self.weight]

    def _with_weights(self, others: pa.Table, start: int, columns: list[str]) -> pa.Table:
        weights = pa.chunked_array([self.weights[start : start + others.num_rows]])
        return pa.table({name: weights if name == self.weight else others[name] for name in columns})

    def _where(self, start: int, stop: int) -> str:
        return self.table.where(start, stop)

    def _narrowed(self, start: int, stop: int, fingerprint: str) -> WeightedSource:
        table = self.table.narrowed(start, stop)
        weights = self.weights[start:stop]
        return replace(self, fingerprint=fingerprint, layout=table.layout, table=table, weights=weights)


def with_weights(table: Source, weights: Float) -> WeightedSource:
    """The table with a column of weights (n_rows,) under a name that it does not have yet."""
    name = "sample_weight"
    while name in table.schema.names:
        name += "_"
    return WeightedSource(
        name=table.name,
        schema=table.schema.append(pa.field(name, pa.float64())),
        fingerprint=digest(table.fingerprint, name, hashlib.sha256(weights.tobytes()).hexdigest()),
        layout=table.layout,
        table=table,
        weights=weights,
    )
