"""Dask collections, one piece per partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, final

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pyarrow as pa
from dask.optimization import cull
from distributed import Future, worker_client

from gmm_dask.errors import BadInputError, ResourceError, UsageError
from gmm_dask.table.source.arrow_tables import ACCEPTED, as_arrow
from gmm_dask.table.source.base import Source, digest
from gmm_dask.table.source.batches import in_batches
from gmm_dask.table.source.layout import Layout
from gmm_dask.table.source.memory import content_digest
from gmm_dask.table.source.schemas import common_schema


@dataclass(frozen=True)
class Held:
    """A result that a cluster holds, by its key: a Future is void in a task that finds it inside of an argument."""

    key: Any

    def result(self) -> Any:
        """The result, fetched from within a task, which steps aside so that its worker can go on meanwhile."""
        with worker_client() as client:
            answer = client.sync(client.scheduler.gather, keys=[self.key])
        if answer["status"] != "OK":
            raise ResourceError(
                f"the cluster no longer holds the persisted partition {self.key}",
                advice="Keep the persisted collection until the work is done, or hand over the one before persist().",
            )
        return answer["data"][self.key]


class Partition:
    """What it takes to compute one partition: its own part of the collection's graph, and the key of the result."""

    def __init__(self, number: int, graph: Mapping[Any, Any], key: object) -> None:
        self.number, self._graph, self._key = number, graph, key

    def table(self) -> pa.Table:
        """The partition, computed here and now, so that a task may ask for it; what is held elsewhere is fetched."""
        graph = {key: node.result() if isinstance(node, (Future, Held)) else node for key, node in self._graph.items()}
        return as_arrow(dask.get(graph, self._key))

    def __reduce__(self) -> tuple[object, ...]:
        graph = {key: Held(node.key) if isinstance(node, Future) else node for key, node in self._graph.items()}
        return Partition, (self.number, graph, self._key)


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class DaskSource(Source):
    """The rows of a Dask collection, each partition computed anew whenever its rows are read.

    partitions: one for each piece of the layout. Of a persisted collection they are handles: pickled they are good in
    tasks of its cluster, and only as long as the source or the collection itself is held on to.
    """

    partitions: tuple[Partition, ...]

    def _read(self, start: int, stop: int, columns: list[str]) -> pa.Table:
        tables = list(self._tables(start, stop, columns))
        return pa.concat_tables(tables).unify_dictionaries() if tables else self.schema.empty_table().select(columns)

    def _batches(self, start: int, stop: int, columns: list[str], rows: int) -> Iterator[pa.Table]:
        return in_batches(self._tables(start, stop, columns), rows)

    def _tables(self, start: int, stop: int, columns: list[str]) -> Iterator[pa.Table]:
        """Rows [start, stop), a table from each partition, which is computed once."""
        schema = pa.schema([self.schema.field(name) for name in columns])
        for stretch in self.layout.stretches(start, stop):
            table = self.partitions[stretch.piece].table()
            if table.num_rows != stretch.rows:
                raise BadInputError(
                    f"{table.num_rows} rows",
                    expected=f"{stretch.rows} rows as when the table was opened",
                    where=self._where(start, stop),
                    advice="Each computation of a partition must give the same rows; write the collection to Parquet.",
                )
            yield table.select(columns)[stretch.start : stretch.stop].cast(schema)

    def _where(self, start: int, stop: int) -> str:
        numbers = [self.partitions[stretch.piece].number for stretch in self.layout.stretches(start, stop)]
        if len(numbers) < 2:
            return f"{self.name}, partition {numbers[0]}" if numbers else self.name
        return f"{self.name}, partitions {numbers[0]} to {numbers[-1]}"

    def _narrowed(self, start: int, stop: int, fingerprint: str) -> DaskSource:
        pieces, layout = self.layout.narrowed(start, stop)
        return replace(self, fingerprint=fingerprint, layout=layout, partitions=self.partitions[pieces])


class Probe(NamedTuple):
    """What opening a collection needs to know of a partition."""

    schema: pa.Schema
    n_rows: int
    fingerprint: str


def dask_source(collection: Any) -> DaskSource:
    """A Dask DataFrame, or a two-dimensional Dask array whose columns are brought into one chunk.

    Every partition is computed once here, on the current client's cluster where there is one, else on threads. Raises
    BadInputError where the types of partitions differ from each other or from what the collection says of itself.
    """
    if isinstance(collection, da.Array):
        name, promised, delayed = _array_parts(collection)
    elif isinstance(getattr(collection, "_meta", None), pd.DataFrame):
        name, promised, delayed = "Dask DataFrame", as_arrow(collection._meta).schema, collection.to_delayed()
    else:
        raise UsageError(f"a Dask {type(collection).__name__}", expected=ACCEPTED)
    probes: tuple[Probe, ...] = dask.compute(*(dask.delayed(_probe)(part) for part in delayed))
    if not any(probe.n_rows for probe in probes):
        raise BadInputError("there are no rows", where=name)
    found = [(f"partition {number}", probe.schema) for number, probe in enumerate(probes) if probe.n_rows]
    return DaskSource(
        name=name,
        schema=common_schema([("the collection's own description", promised), *found], where=name),
        fingerprint=digest(*((probe.n_rows, probe.fingerprint) for probe in probes)),
        layout=Layout.of([probe.n_rows for probe in probes]),
        partitions=_partitions(delayed),
    )


def _array_parts(array: Any) -> tuple[str, pa.Schema, list[Any]]:
    if array.ndim != 2:
        raise BadInputError(f"a Dask array of {array.ndim} dimensions", expected="two, rows and columns")
    array = array.rechunk({1: -1})
    promised = as_arrow(np.empty((0, array.shape[1]), dtype=array.dtype)).schema
    # Dask's own optimisation of an array loses the results that a cluster holds.
    return "Dask array", promised, list(array.to_delayed(optimize_graph=False).ravel())


def _probe(part: object) -> Probe:
    table = as_arrow(part)
    return Probe(table.schema, table.num_rows, content_digest(table))


def _partitions(delayed: Sequence[Any]) -> tuple[Partition, ...]:
    """Each with its part of the one graph that they share."""
    graph = dict(delayed[0].dask)
    return tuple(Partition(number, cull(graph, [part.key])[0], part.key) for number, part in enumerate(delayed))
