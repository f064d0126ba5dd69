"""Merged components on disk: a published table, by which later jobs give rows their clusters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask.config import Score as Options
from gmm_dask.errors import BadInputError
from gmm_dask.model import MixtureModel
from gmm_dask.output import Publication, commit, drafting, verify, write_part
from gmm_dask.verbs import MergedComponents, Score, ScoreClusters, Verb

_KEY = "merged_model"  # in the provenance: whose components these are

_SCHEMA = pa.schema(
    [("n_clusters", pa.int32()), ("segment", pa.int32()), ("cluster", pa.int32()), ("entropy", pa.float64()),
     ("rows", pa.float64()), ("suggested", pa.bool_()), ("chosen", pa.bool_())]
)  # fmt: skip


def publish_merged(
    merged: MergedComponents, model: MixtureModel, path: str | Path, provenance: Mapping[str, Any]
) -> Publication:
    """A row per number of clusters and segment: its cluster, with that cluster's rows and the entropy of them all."""
    rows = [
        (level.n_clusters, segment, int(cluster), level.entropy, float(level.sizes[cluster]),
         level.n_clusters == merged.suggested, level.n_clusters == merged.n_clusters)
        for level in merged.hierarchy.levels
        for segment, cluster in zip(merged.segments, level.labels, strict=True)
    ]  # fmt: skip
    table = pa.table(list(zip(*rows, strict=True)), schema=_SCHEMA)
    with drafting(path, "table") as draft:
        part = write_part(draft.folder, 0, table, _SCHEMA)
        return commit(draft, [part], schema=_SCHEMA, provenance={**provenance, _KEY: _digest(model)})


def clusters_of(path: str | Path, model: MixtureModel) -> list[int]:
    """The chosen cluster of each component of the model. Raises BadInputError where others were merged there."""
    publication = verify(path)
    if publication.provenance.get(_KEY) != _digest(model):
        raise BadInputError(
            "these are not the merged components of this model",
            expected="what `gmm-dask merge` published for it",
            where=str(path),
            advice="Merge the components of this model, or name the model that was merged.",
        )
    table = pq.read_table(str(publication.folder), columns=["segment", "cluster", "chosen"])
    chosen = table.filter(table.column("chosen"))
    known = dict(zip(chosen.column("segment").to_pylist(), chosen.column("cluster").to_pylist(), strict=True))
    return [known[label] for label in model.labels]


def scoring(model: MixtureModel, options: Options) -> Verb:
    """The verb that scores as asked."""
    score = Score(model, probabilities=options.probabilities, prefix=options.prefix)
    return score if options.merged is None else ScoreClusters(score, clusters_of(options.merged, model))


def _digest(model: MixtureModel) -> str:
    """Of the mixture and its segment numbers: another fit has another, a copy of the folder the same."""
    parameters, digest = model.parameters, hashlib.sha256(repr((model.columns, model.labels)).encode())
    for array in (parameters.weights, parameters.means, parameters.covariances):
        digest.update(np.ascontiguousarray(array, "<f8").tobytes())
    return digest.hexdigest()
