"""Impute: missing cells of modelled columns get their conditional mean given what the row holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gmm_dask.engine import Engine
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import Float, conditionals
from gmm_dask.model import MixtureModel
from gmm_dask.table.columns import restore
from gmm_dask.table.shards import Shard, plan_shards
from gmm_dask.table.source import Source
from gmm_dask.verbs.rows import Pattern, gaps, patterns, posterior
from gmm_dask.verbs.verb import Verb

SUFFIX = "_imputed"


class Impute(Verb):
    """Fills `columns` and adds `<column>_imputed`, true where a cell was filled.

    The value is E[x_m | x_o] under the mixture, in source units and the column's own type: sum_k r_k E[x_m | x_o, k]
    (Ghahramani & Jordan 1994), the inner expectation taken through the column's transform. Cells that were there are
    untouched, bit by bit. A row in which nothing is observed gets the mixture's mean.
    """

    name = "impute"

    def __init__(self, model: MixtureModel, columns: Sequence[str]) -> None:
        self.model, self.columns = model, tuple(columns)

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        for column in self.columns:
            schema = self._typed(schema, column)
            if column + SUFFIX in schema.names:
                raise BadInputError(
                    f"the table already has a column {column + SUFFIX!r}",
                    advice="It looks imputed before; leave that column out, or impute the original table.",
                )
            schema = schema.append(pa.field(column + SUFFIX, pa.bool_()))
        return schema

    def _typed(self, schema: pa.Schema, column: str) -> pa.Schema:
        """The schema with the model's type for a column that came without one, all its cells missing."""
        position = schema.get_field_index(column)
        if not pa.types.is_null(schema.field(position).type):
            return schema
        return schema.set(position, self.model.schema.arrow.field(column))

    def apply(self, table: pa.Table, where: str) -> pa.Table:
        for column in self.columns:
            table = table.cast(self._typed(table.schema, column))
        source, missing = gaps(self.model, table, where)
        z, _ = self.model.preparation.model_units(source, where)
        for pattern in patterns(missing):
            if pattern.missing.size:
                source[np.ix_(pattern.missing, pattern.rows)] = self._expected(z, pattern)
        for column in self.columns:
            index = self.model.columns.index(column)
            table = _filled(table, column, source[index], missing[index])
        return table

    def _expected(self, z: Float, pattern: Pattern) -> Float:
        """(m, n) conditional means of the pattern's missing cells, in source units."""
        observed = z[np.ix_(pattern.observed, pattern.rows)]
        responsibilities, _ = posterior(self.model, observed, pattern.observed)
        given = conditionals(self.model.parameters, pattern.observed, pattern.missing)
        means, expected = given.means(observed), np.empty((pattern.missing.size, pattern.rows.size))
        for row, column in enumerate(pattern.missing):
            _, transform = self.model.preparation.transforms[column]
            inner = transform.mean_of_inverse(means[:, row], given.variances[:, row, None])
            expected[row] = (responsibilities * inner).sum(axis=0)
        return expected


def columns_with_gaps(model: MixtureModel, source: Source, engine: Engine) -> list[str]:
    """The modelled columns in which the table misses cells, found by a pass over them."""
    counts = engine.map_reduce(_count_gaps, plan_shards(source), model, np.add)
    return [column for column, count in zip(model.columns, counts, strict=True) if count]


def _count_gaps(shard: Shard, model: MixtureModel) -> np.ndarray:
    _, missing = gaps(model, shard.read(model.columns), shard.where)
    counts: np.ndarray = missing.sum(axis=1)
    return counts


def _filled(table: pa.Table, column: str, values: Float, missing: np.ndarray) -> pa.Table:
    """The table with the missing cells of one column replaced, and its indicator appended."""
    position = table.schema.get_field_index(column)
    field = table.schema.field(position)
    mask = pa.array(missing)
    if missing.any():
        filled = pc.replace_with_mask(
            table.column(position).combine_chunks(), mask, restore(values[missing], field.type)
        )
        table = table.set_column(position, field, filled)
    return table.append_column(pa.field(column + SUFFIX, pa.bool_()), mask)
