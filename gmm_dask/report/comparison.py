"""The candidates of a selection, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gmm_dask.em import Outcome
from gmm_dask.mixture import criterion_named
from gmm_dask.model import MixtureModel


@dataclass(frozen=True)
class Row:
    """A fitted candidate. `value` is its criterion, `difference` that to the best: negative only if untrustworthy."""

    n_components: int
    covariance_type: str
    value: float
    difference: float
    log_likelihood: float
    n_parameters: int
    n_iter: int
    smallest_weight: float
    outcome: Outcome
    best: bool


@dataclass(frozen=True)
class Comparison:
    """All candidates under one criterion: the best first, those not to be trusted last."""

    criterion: str
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, selection: pd.DataFrame, criterion: str) -> Comparison:
        """From the frame of a selection. Raises `UsageError` for an unknown criterion."""
        criterion_named(criterion)
        records: list[dict[Any, Any]] = selection.to_dict("records")
        least = next(float(record[criterion]) for record in records if record["best"])
        rows = [_row(record, float(record[criterion]), least) for record in records]
        return cls(
            criterion, tuple(sorted(rows, key=lambda row: (not row.best, not row.outcome.trustworthy, row.value)))
        )

    @property
    def name(self) -> str:
        """The criterion as people write it."""
        return self.criterion.upper()

    @property
    def best(self) -> Row:
        return self.rows[0]

    @property
    def covariance_types(self) -> list[str]:
        """In alphabetical order, so that each keeps its colour when the ranking changes."""
        return sorted({row.covariance_type for row in self.rows})

    @property
    def unusual_outcomes(self) -> list[Outcome]:
        """Endings other than convergence, in the order of their declaration."""
        met = {row.outcome for row in self.rows}
        return [outcome for outcome in Outcome if outcome in met and outcome is not Outcome.CONVERGED]

    @property
    def is_best_at_the_edge(self) -> bool:
        """Whether the best has the most segments of those tried, so that more might be better still."""
        tried = {row.n_components for row in self.rows}
        return len(tried) > 1 and self.best.n_components == max(tried)

    def prefers(self, model: MixtureModel) -> bool:
        """Whether the model is the best candidate, rather than another one that somebody picked."""
        shape = (model.n_components, model.parameters.family.name)
        return shape == (self.best.n_components, self.best.covariance_type)


def _row(record: Mapping[str, Any], value: float, least: float) -> Row:
    return Row(
        n_components=int(record["n_components"]),
        covariance_type=str(record["covariance_type"]),
        value=value,
        difference=value - least,
        log_likelihood=float(record["log_likelihood"]),
        n_parameters=int(record["n_parameters"]),
        n_iter=int(record["n_iter"]),
        smallest_weight=float(record["smallest_weight"]),
        outcome=Outcome(record["outcome"]),
        best=bool(record["best"]),
    )
