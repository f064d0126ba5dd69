"""What became of each column, in words."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from gmm_dask.model import MixtureModel

_TRANSFORMS = {
    "none": "centred, in its own units",
    "standardise": "centred and scaled to unit variance",
    "log1p": "log(1 + x), then standardised",
    "yeo-johnson": "Yeo–Johnson with power {power:.2f}, then standardised",
}


@dataclass(frozen=True)
class Gaps:
    """How many cells of a column are missing, and which share of all."""

    count: int
    share: float


@dataclass(frozen=True)
class ColumnRow:
    """A column of the table. `transform` is empty unless it is modelled; `gaps` is None where nobody counted."""

    name: str
    type: str
    role: str
    reason: str
    transform: str
    gaps: Gaps | None


def column_rows(model: MixtureModel, profile: pd.DataFrame | None) -> list[ColumnRow]:
    """All columns in the order of the table, with their gaps where there is a profile."""
    gaps = {} if profile is None else _gaps(profile)
    transforms = {
        name: _TRANSFORMS.get(transform.kind, transform.kind).format(**transform.to_json())
        for name, transform in model.preparation.transforms
    }
    return [
        ColumnRow(
            column.name,
            str(column.type),
            str(column.role),
            column.reason,
            transforms.get(column.name, ""),
            gaps.get(column.name),
        )
        for column in model.schema.columns
    ]


def _gaps(profile: pd.DataFrame) -> dict[str, Gaps]:
    triples = zip(profile["name"], profile["missing"], profile["missing %"], strict=True)
    return {str(name): Gaps(int(count), float(percent) / 100) for name, count, percent in triples}
