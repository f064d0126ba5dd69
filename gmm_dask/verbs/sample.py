"""Sample: synthetic rows with the source's columns and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from gmm_dask.engine import Done, Engine, silent
from gmm_dask.errors import UsageError
from gmm_dask.mixture import Float, MixtureParameters
from gmm_dask.model import MixtureModel
from gmm_dask.output import Draft, Part, Publication, commit, drafting, write_part
from gmm_dask.table.columns import restore
from gmm_dask.table.source import BATCH_ROWS

SHARD_ROWS = 262_144
"""Rows drawn from one random stream; part of what a seed means, so a change of it changes every sample."""

_STREAM = 2  # the stage number of samples in seed sequences


@dataclass(frozen=True)
class SampleShard:
    """Rows of a sample that share a stream; the stream derives from (seed, number) alone."""

    number: int
    n_rows: int


def sample_schema(model: MixtureModel) -> pa.Schema:
    """The source's columns, types and order; every column may hold nulls."""
    return pa.schema([pa.field(column.name, column.type) for column in model.schema.columns])


def sample_in_memory(model: MixtureModel, n_rows: int, *, seed: int, engine: Engine) -> pa.Table:
    """`n_rows` synthetic rows as one table; see `publish_sample`."""
    shards = _plan(n_rows)
    return pa.concat_tables([sample_schema(model).empty_table(), *engine.map(_draw_shard, shards, (model, seed))])


def publish_sample(
    model: MixtureModel,
    n_rows: int,
    path: str | Path,
    engine: Engine,
    *,
    seed: int,
    provenance: Mapping[str, object],
    done: Done = silent,
) -> Publication:
    """Publish `n_rows` rows drawn from the model: the same rows for a seed, whatever the cluster.

    Modelled columns come back in source units and types, inside the range that the source showed; the others are
    null.
    """
    with drafting(path, "table") as draft:
        parts = engine.map(_write_shard, _plan(n_rows), (model, seed, draft), done)
        return commit(draft, parts, schema=sample_schema(model), provenance=provenance)


def _plan(n_rows: int) -> list[SampleShard]:
    if n_rows < 1:
        raise UsageError(f"a sample of {n_rows} rows", expected="at least one row")
    starts = range(0, n_rows, SHARD_ROWS)
    return [SampleShard(number, min(SHARD_ROWS, n_rows - start)) for number, start in enumerate(starts)]


def _draw_shard(shard: SampleShard, shared: tuple[MixtureModel, int]) -> pa.Table:
    return pa.concat_tables(_draw(shard, *shared))


def _write_shard(shard: SampleShard, shared: tuple[MixtureModel, int, Draft]) -> Part:
    model, seed, draft = shared
    return write_part(draft.folder, shard.number, _draw(shard, model, seed), sample_schema(model))


def _draw(shard: SampleShard, model: MixtureModel, seed: int) -> Iterator[pa.Table]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, _STREAM, shard.number]))
    for start in range(0, shard.n_rows, BATCH_ROWS):
        yield _as_table(model, draw_rows(model.parameters, min(BATCH_ROWS, shard.n_rows - start), rng))


def draw_rows(parameters: MixtureParameters, n: int, rng: np.random.Generator) -> Float:
    """(d, n) independent rows of the mixture, in model units."""
    labels = rng.choice(parameters.n_components, size=n, p=parameters.weights)
    z = rng.standard_normal((parameters.n_columns, n))
    for component, covariance in enumerate(parameters.dense_covariances()):
        rows = labels == component
        z[:, rows] = parameters.means[component][:, None] + np.linalg.cholesky(covariance) @ z[:, rows]
    return z


def _as_table(model: MixtureModel, z: Float) -> pa.Table:
    transforms = dict(model.preparation.transforms)
    columns = dict(zip(model.columns, z, strict=True))
    arrays = []
    for column in model.schema.columns:
        if column.name in columns:
            transform = transforms[column.name]
            values = np.clip(transform.inverse(columns[column.name]), transform.lowest, transform.highest)
            arrays.append(restore(values, column.type))
        else:
            arrays.append(pa.nulls(z.shape[1], column.type))
    return pa.table(arrays, schema=sample_schema(model))
