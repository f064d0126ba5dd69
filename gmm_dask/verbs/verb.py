"""A verb: a pure function from rows to rows, and its lift over an engine into a publication."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from gmm_dask.engine import Done, Engine, silent
from gmm_dask.output import Draft, Part, Publication, commit, drafting, write_part
from gmm_dask.table.shards import Shard, plan_shards
from gmm_dask.table.source import Source


class Verb(ABC):
    """Turns rows into rows. Verbs are pickled to workers, and depend on nothing but what they were made with."""

    name: ClassVar[str]

    @abstractmethod
    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """The schema of `apply`'s result for a table of this schema. Raises BadInputError where names collide."""

    @abstractmethod
    def apply(self, table: pa.Table, where: str) -> pa.Table:
        """The result for these rows. `where` names the place they came from, for errors."""


class Copy(Verb):
    """The rows as they are: publishes a table."""

    name = "ingest"

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def apply(self, table: pa.Table, where: str) -> pa.Table:
        return table


def apply_in_memory(verb: Verb, source: Source, engine: Engine) -> pa.Table:
    """The verb's result over a whole table, as one table."""
    schema = verb.output_schema(source.schema)
    tables = engine.map(_apply_shard, plan_shards(source), (verb, schema))
    return pa.concat_tables([schema.empty_table(), *tables])


def publish(
    verb: Verb,
    source: Source,
    path: str | Path,
    engine: Engine,
    *,
    provenance: Mapping[str, object],
    done: Done = silent,
) -> Publication:
    """The verb's result over a whole table, published at `path`: a part per shard, all or nothing."""
    schema = verb.output_schema(source.schema)
    with drafting(path, "table") as draft:
        parts = engine.map(_write_shard, plan_shards(source), (verb, schema, draft), done)
        return commit(draft, parts, schema=schema, provenance=provenance)


def _apply_shard(shard: Shard, shared: tuple[Verb, pa.Schema]) -> pa.Table:
    verb, schema = shared
    return pa.concat_tables([schema.empty_table(), *_results(shard, verb, schema)])


def _write_shard(shard: Shard, shared: tuple[Verb, pa.Schema, Draft]) -> Part:
    verb, schema, draft = shared
    return write_part(draft.folder, shard.number, _results(shard, verb, schema), schema)


def _results(shard: Shard, verb: Verb, schema: pa.Schema) -> Iterator[pa.Table]:
    for rows in shard.batches():
        yield verb.apply(rows, shard.where).cast(schema)
