"""Score: to which segment a row belongs, how surely, and how likely such a row is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gmm_dask.model import MixtureModel
from gmm_dask.verbs.rows import gaps, patterns, posterior, with_columns
from gmm_dask.verbs.verb import Verb


class Score(Verb):
    """Adds `segment`, `segment_probability`, `log_density` (natural log, source units), and if asked for a
    `probability_<number>` for each segment. Segments have the model's numbers.

    A row with gaps is scored on what it holds: the density is that of its observed columns. A row in which no modelled
    column is observed gets nulls. `prefix` goes before each added name.
    """

    name = "score"

    def __init__(self, model: MixtureModel, *, probabilities: bool = False, prefix: str = "") -> None:
        self.model, self.probabilities, self.prefix = model, probabilities, prefix

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return with_columns(schema, self._added())

    def apply(self, table: pa.Table, where: str) -> pa.Table:
        source, missing = gaps(self.model, table, where)
        z, log_jacobian = self.model.preparation.model_units(source, where)
        k, n = self.model.n_components, table.num_rows
        responsibilities, log_density = np.empty((k, n)), np.empty(n)
        for pattern in patterns(missing):
            cells = z[np.ix_(pattern.observed, pattern.rows)]
            responsibilities[:, pattern.rows], log_density[pattern.rows] = posterior(
                self.model, cells, pattern.observed
            )
        nothing_observed = missing.all(axis=0)
        labels = np.array(self.model.labels, np.int32)
        columns = [
            pa.array(labels[responsibilities.argmax(axis=0)], mask=nothing_observed),
            pa.array(responsibilities.max(axis=0), mask=nothing_observed),
            pa.array(log_density + log_jacobian, mask=nothing_observed),
            *(pa.array(row, mask=nothing_observed) for row in responsibilities if self.probabilities),
        ]
        for field, column in zip(self._added(), columns, strict=True):
            table = table.append_column(field, column)
        return table

    def _added(self) -> list[pa.Field]:
        fields = [
            pa.field(self.prefix + "segment", pa.int32()),
            pa.field(self.prefix + "segment_probability", pa.float64()),
            pa.field(self.prefix + "log_density", pa.float64()),
        ]
        if self.probabilities:
            names = (f"{self.prefix}probability_{label}" for label in self.model.labels)
            fields += [pa.field(name, pa.float64()) for name in names]
        return fields
