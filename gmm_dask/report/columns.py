"""What became of each column, in words."""

from __future__ import annotations

from dataclasses import dataclass

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
    """A column of the table. `transform` is empty unless it is modelled."""

    name: str
    type: str
    role: str
    reason: str
    transform: str
    gaps: Gaps


def column_rows(model: MixtureModel) -> list[ColumnRow]:
    """All columns in the order of the table, with their gaps."""
    missing, n_rows = model.training.missing, model.training.n_rows
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
            Gaps(missing[column.name], missing[column.name] / n_rows),
        )
        for column in model.schema.columns
    ]
