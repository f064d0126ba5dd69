"""What came of fitting candidates to a table: the results, the choice among them, and what should be known of it."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmm_dask.em import MaximumAPosteriori, MaximumLikelihood, Selected, choose
from gmm_dask.em.flaws import smallest_variance
from gmm_dask.engine import one_blas_thread
from gmm_dask.mixture.criteria import standard_error
from gmm_dask.model import Basis, MixtureModel, Training, succeeding
from gmm_dask.table.prepare import Preparation, Tally
from gmm_dask.table.profile import TableProfile
from gmm_dask.table.schema import TableSchema
from gmm_dask.version import __version__


@dataclass(frozen=True)
class Selection:
    """Fitted candidates over one table, and which is best by `criterion`.

    `estimation`: how parameters come of statistics. `previous`: the model whose segment numbers the new one takes up.
    """

    profile: TableProfile
    schema: TableSchema
    preparation: Preparation
    tally: Tally
    results: tuple[Selected, ...]
    criterion: str
    seed: int
    source_fingerprint: str
    estimation: MaximumLikelihood | MaximumAPosteriori
    previous: MixtureModel | None = None

    @property
    def best_index(self) -> int:
        return choose(self.results, self.criterion)

    @property
    def best(self) -> MixtureModel:
        """The chosen candidate as a model; nothing is fitted again."""
        return self.model(self.best_index)

    def model(self, index: int) -> MixtureModel:
        """Any candidate as a model: components in order of falling weight, or with the numbers of the model before."""
        result = self.results[index]
        fit = result.fit
        assert fit.statistics is not None
        training = Training(
            outcome=result.outcome.value,
            n_iter=fit.n_iter,
            n_rows=self.tally.n_rows,
            n_complete=self.tally.n_complete,
            weight=self.tally.weight,
            log_likelihood=result.summary.log_likelihood,
            criteria=dict(result.criteria),
            seed=self.seed,
            missing=self._missing(),
        )
        provenance = {
            "gmm_dask": __version__,
            "python": platform.python_version(),
            "source_fingerprint": self.source_fingerprint,
        }
        basis = Basis(fit.statistics, self.estimation)
        model = MixtureModel(fit.parameters, self.schema, self.preparation, training, provenance, basis)
        model = model.ordered(np.argsort(-fit.parameters.weights, kind="stable"))
        if self.previous is None:
            return model
        with one_blas_thread():
            return succeeding(model, self.previous)

    def _missing(self) -> dict[str, int]:
        """The gaps of each column of the schema; one that the table does not have has nothing but gaps."""
        known = {column.name: column.n_missing for column in self.profile.columns}
        return {column.name: known.get(column.name, self.tally.n_rows) for column in self.schema.columns}

    def notes(self) -> list[str]:
        """What a reader should know: columns and rows left out, what is wrong with the best, who was set aside."""
        best = self.results[self.best_index]
        notes = [*self.schema.warnings, *left_out_note(self.tally), *_weight_note(self.tally)]
        if best.outcome.advice:
            notes.append(f"{self._named(best)}: {best.outcome.sentence} {best.outcome.advice}")
        better = [
            result
            for result in self.results
            if result.criteria[self.criterion] < best.criteria[self.criterion] and not result.outcome.trustworthy
        ]
        if best.outcome.trustworthy and better:
            named = "; ".join([*map(self._named, better[:3]), *(["..."] if len(better) > 3 else [])])
            notes.append(
                f"{len(better)} of {len(self.results)} candidates have a better {self.criterion.upper()} than the one "
                f"chosen, but it is not to be trusted: {named}. {better[0].outcome.advice}"
            )
        succession = self.best.succession
        return notes if succession is None else [*notes, *succession.changes.sentences()]

    def _named(self, result: Selected) -> str:
        """A candidate, and what is wrong with it where something is."""
        name = f"K = {result.candidate.n_components}, {result.candidate.family.name}, {result.outcome.value}"
        return name if result.fit.flaw is None else f"{name} ({self._place(result)})"

    def _place(self, result: Selected) -> str:
        """Which component is at fault, and in which column, or else what happened."""
        flaw = result.fit.flaw
        if flaw is None:
            return result.outcome.sentence
        share = result.fit.parameters.weights[flaw.component]
        where = "" if flaw.column is None else f" on a spike of column {self.schema.continuous[flaw.column]!r}"
        return f"a component of {share:.2%} of the rows{where}"

    def _error(self, result: Selected) -> dict[str, float]:
        """Of the difference to the best, where candidates were cross-validated."""
        best = self.results[self.best_index].summary
        return {"standard_error": standard_error(result.summary, best)} if best.held_out else {}

    def to_frame(self) -> pd.DataFrame:
        """One row per candidate, in the order they were given; docs/choice.md says what each column tells."""
        best = self.best_index
        least = self.results[best].criteria[self.criterion]
        with one_blas_thread():
            narrowest = [smallest_variance(result.fit.parameters) for result in self.results]
        rows = [
            {
                "n_components": result.candidate.n_components,
                "covariance_type": result.candidate.family.name,
                "log_likelihood": result.summary.log_likelihood,
                "n_parameters": result.summary.n_parameters,
                **result.criteria,
                "difference": result.criteria[self.criterion] - least,
                **self._error(result),
                "smallest_weight": float(result.fit.parameters.weights.min()),
                "smallest_rows": float(result.fit.parameters.weights.min() * self.tally.n_used),
                "smallest_variance": narrowest[index],
                "min_entropy": result.summary.min_entropy,
                "n_iter": result.fit.n_iter,
                "outcome": result.outcome.value,
                "set_aside": "" if result.outcome.trustworthy else self._place(result),
                "best": index == best,
            }
            for index, result in enumerate(self.results)
        ]
        return pd.DataFrame(rows)


def left_out_note(tally: Tally) -> list[str]:
    """How many rows a fit does not use, where there are any."""
    left_out = tally.n_rows - tally.n_complete
    if not left_out:
        return []
    return [f"{left_out:,} of {tally.n_rows:,} rows have a gap in a modelled column; the fit leaves them out"]


def _weight_note(tally: Tally) -> list[str]:
    """Weights count rows: where they add up to much less than the rows, criteria take the table for a small one."""
    if tally.weight >= tally.n_used / 2:
        return []
    return [
        f"the weights of {tally.n_used:,} rows add up to {tally.weight:.4g}: criteria take that for the number of "
        "rows. Scale them so that weight 1 stands for one row."
    ]
