"""Score with clusters: beside its segment every row gets the cluster of merged components that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gmm_dask.errors import BadInputError
from gmm_dask.verbs.rows import gaps, patterns, posterior, with_columns
from gmm_dask.verbs.score import Score
from gmm_dask.verbs.verb import Verb


class ScoreClusters(Verb):
    """Adds what `score` adds, and `cluster` and `cluster_probability`.

    The probability of a cluster is the sum over its components, and a row belongs to the most probable cluster; that is
    most often, but not always, the one of its segment. `clusters` (K,): the cluster of each component, 0 to k - 1.
    """

    name = "score"

    def __init__(self, score: Score, clusters: Sequence[int]) -> None:
        self.score, self.clusters = score, tuple(clusters)
        if len(self.clusters) != score.model.n_components:
            raise BadInputError(
                f"clusters of {len(self.clusters)} components", expected=f"{score.model.n_components} components"
            )

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return with_columns(self.score.output_schema(schema), self._added())

    def apply(self, table: pa.Table, where: str) -> pa.Table:
        model = self.score.model
        source, missing = gaps(model, table, where)
        z, _ = model.preparation.model_units(source, where)
        probabilities = np.zeros((max(self.clusters) + 1, table.num_rows))
        for pattern in patterns(missing):
            responsibilities, _ = posterior(model, z[np.ix_(pattern.observed, pattern.rows)], pattern.observed)
            for cluster, row in zip(self.clusters, responsibilities, strict=True):
                probabilities[cluster, pattern.rows] += row
        nothing_observed = missing.all(axis=0)
        scored = self.score.apply(table, where)
        columns = (probabilities.argmax(axis=0).astype(np.int32), np.minimum(probabilities.max(axis=0), 1.0))
        for field, values in zip(self._added(), columns, strict=True):
            scored = scored.append_column(field, pa.array(values, mask=nothing_observed))
        return scored

    def _added(self) -> list[pa.Field]:
        return [
            pa.field(self.score.prefix + "cluster", pa.int32()),
            pa.field(self.score.prefix + "cluster_probability", pa.float64()),
        ]
