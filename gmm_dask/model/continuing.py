"""A model meets another table: the same columns, read in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gmm_dask.errors import BadInputError, did_you_mean
from gmm_dask.model.mixture_model import MixtureModel
from gmm_dask.table.columns import is_narrow, is_numeric, place
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.source import Source


def preparation_for(model: MixtureModel, source: Source) -> Preparation:
    """How to bring rows of `source` to the model's units: by its transforms, with its weights, each column as wide as
    it comes.

    Raises BadInputError where the table has no rows, or not the columns that the model reads, as numbers.
    """
    if source.n_rows == 0:
        raise BadInputError("the table has no rows", expected="rows to learn from", where=source.name)
    model.schema.check(source.schema, source.name)
    weight = model.preparation.weight
    if weight is not None:
        found = source.schema.get_all_field_indices(weight)
        if len(found) != 1:
            advice = did_you_mean(weight, source.schema.names)
            found_text = f"{len(found)} columns are named {weight!r}, by which the model weighs rows"
            raise BadInputError(found_text, expected="one", where=source.name, advice=advice)
        kind = source.schema.field(found[0]).type
        if not is_numeric(kind):
            raise BadInputError(f"the type is {kind}", expected="numbers", where=place(source.name, weight))
    narrow = (name for name in model.columns if is_narrow(source.schema.field(name).type))
    return replace(model.preparation, narrow=frozenset(narrow))


def widened(preparation: Preparation, ranges: Iterable[tuple[float, float]]) -> Preparation:
    """With the range observed of each column taking in another one, (lowest, highest) in source units."""
    transforms = (
        (name, replace(transform, lowest=min(transform.lowest, low), highest=max(transform.highest, high)))
        for (name, transform), (low, high) in zip(preparation.transforms, ranges, strict=True)
    )
    return replace(preparation, transforms=tuple(transforms))
