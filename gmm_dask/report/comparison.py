"""The candidates of a selection, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gmm_dask.em import Outcome
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import criterion_named
from gmm_dask.mixture.criteria import KNOWN_CRITERIA
from gmm_dask.model import MixtureModel

_NEEDED = (
    "n_components", "covariance_type", "log_likelihood", "n_parameters", "smallest_weight", "smallest_rows",
    "smallest_variance", "min_entropy", "n_iter", "outcome", "set_aside", "best",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A fitted candidate. `value` is its criterion, `difference` that to the best: negative only if untrustworthy.
    `standard_error`: of the difference, if it was cross-validated, otherwise 0.

    `smallest_*` are of its smallest and of its narrowest component, `set_aside` is why it is not to be trusted: see
    docs/choice.md. `criteria` has all criteria by name.
    """

    n_components: int
    covariance_type: str
    value: float
    difference: float
    log_likelihood: float
    n_parameters: int
    n_iter: int
    standard_error: float
    smallest_weight: float
    smallest_rows: float
    smallest_variance: float
    min_entropy: float
    outcome: Outcome
    set_aside: str
    best: bool
    criteria: Mapping[str, float]

    @property
    def name(self) -> str:
        return f"K = {self.n_components}, {self.covariance_type}"


@dataclass(frozen=True)
class Comparison:
    """All candidates under one criterion: the best first, those not to be trusted last."""

    criterion: str
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, selection: pd.DataFrame, criterion: str) -> Comparison:
        """From the frame of a selection. Raises `UsageError` for an unknown criterion, `BadInputError` for a frame that
        is none of a selection or does not have the criterion."""
        criterion_named(criterion)
        _require([*_NEEDED, criterion], list(selection.columns))
        records: list[dict[Any, Any]] = selection.to_dict("records")
        least = next(float(record[criterion]) for record in records if record["best"])
        rows = [_row(record, float(record[criterion]), least) for record in records]
        return cls(
            criterion, tuple(sorted(rows, key=lambda row: (not row.best, not row.outcome.trustworthy, row.value)))
        )

    @property
    def name(self) -> str:
        """The criterion as people write it."""
        return written(self.criterion)

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

    @property
    def trusted(self) -> list[Row]:
        """Candidates to be trusted, the best first."""
        return [row for row in self.rows if row.outcome.trustworthy]

    def next_best(self, differs: Callable[[Row], bool]) -> Row | None:
        """The best candidate to be trusted for which this holds."""
        return next((row for row in self.trusted if differs(row)), None)

    def choices(self) -> dict[str, Row]:
        """What each of the other criteria would choose, by its name."""
        known = [name for name in self.best.criteria if name != self.criterion]
        return {name: min(self.trusted or self.rows, key=lambda row: row.criteria[name]) for name in known}

    def prefers(self, model: MixtureModel) -> bool:
        """Whether the model is the best candidate, rather than another one that somebody picked."""
        shape = (model.n_components, model.parameters.family.name)
        return shape == (self.best.n_components, self.best.covariance_type)


def written(criterion: str) -> str:
    """The name of a criterion as people write it."""
    return criterion.upper()


def _require(names: Sequence[str], found: Sequence[str]) -> None:
    missing = [name for name in names if name not in found]
    if missing:
        raise BadInputError(
            f"the comparison of candidates has no column {', '.join(map(repr, missing))}",
            expected="a table that a selection of this version published",
            advice="Run the selection again, by this criterion.",
        )


def _row(record: Mapping[str, Any], value: float, least: float) -> Row:
    return Row(
        n_components=int(record["n_components"]),
        covariance_type=str(record["covariance_type"]),
        value=value,
        difference=value - least,
        log_likelihood=float(record["log_likelihood"]),
        n_parameters=int(record["n_parameters"]),
        n_iter=int(record["n_iter"]),
        standard_error=float(record.get("standard_error", 0.0)),
        smallest_weight=float(record["smallest_weight"]),
        smallest_rows=float(record["smallest_rows"]),
        smallest_variance=float(record["smallest_variance"]),
        min_entropy=float(record["min_entropy"]),
        outcome=Outcome(record["outcome"]),
        set_aside=str(record["set_aside"]),
        best=bool(record["best"]),
        criteria={name: float(record[name]) for name in KNOWN_CRITERIA if name in record},
    )
