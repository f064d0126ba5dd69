"""The sentences of the report."""

from __future__ import annotations

from collections.abc import Sequence

from gmm_dask.em import Outcome
from gmm_dask.model import MixtureModel
from gmm_dask.report.comparison import Comparison
from gmm_dask.report.numbers import counted, percent

COVARIANCES = {
    "full": "every segment has its own spread and its own correlations",
    "tied": "all segments share one spread and its correlations",
    "diag": "every segment has its own spread in each column, without correlations",
    "spherical": "every segment has one spread for all columns, without correlations",
    "EII": "one spread serves all segments and all columns, without correlations",
    "EEI": "all segments share the spread of each column, without correlations",
    "VEI": "segments are larger and smaller copies of one spread over the columns, without correlations",
    "EVI": "segments are of one size and spread over the columns each in its own way, without correlations",
    "VEE": "segments are larger and smaller copies of one spread with its correlations",
    "EVE": "segments are of one size and lie along the same axes, each long and short in its own directions",
    "VVE": "segments lie along the same axes, each long and short in its own directions and of its own size",
    "EEV": "segments have one size and one shape, and each is turned its own way",
    "VEV": "segments have one shape, and each has its own size and is turned its own way",
    "EVV": "segments are of one size, and each has its own shape and its own correlations",
}

CRITERIA = {
    "bic": "BIC weighs how well a model fits against how many parameters it needs",
    "aic": "AIC weighs how well a model fits against how many parameters it needs, more leniently than BIC",
    "icl": "ICL weighs how well a model fits against how many parameters it needs and how much its segments overlap",
    "cv": "CV is how unlikely rows are, on the log scale, under a fit that has not seen them (cross-validation)",
    "awe": "AWE weighs how well a model tells segments apart against how many parameters it needs, strictly",
}

_ENDINGS = {
    Outcome.CONVERGED: "the fit converged after {iterations}",
    Outcome.ITERATION_LIMIT: "the fit was stopped at the limit of {iterations}",
    Outcome.COLLAPSED: "the fit ended after {iterations} because a segment collapsed",
    Outcome.UNDERDETERMINED: "the fit ended after {iterations} with more columns than rows in a segment",
    Outcome.SINGULAR: "the fit ended after {iterations} because a covariance matrix became singular",
}


def headline(model: MixtureModel, comparison: Comparison | None) -> str:
    """The result in one sentence: how many segments, of what, chosen how, how the fit ended, and what was left out."""
    training = model.training
    verb = "describes" if model.n_components == 1 else "describe"
    rows = counted(training.n_complete, "row") + (f" weighted by {model.schema.weight}" if model.schema.weight else "")
    ending = _ENDINGS[Outcome(training.outcome)].format(iterations=counted(training.n_iter, "iteration"))
    return (
        f"{counted(model.n_components, 'segment')}{_choice(model, comparison)} {verb} {rows} "
        f"in {counted(len(model.columns), 'column')}; {ending}, and {_left_out(model)}."
    )


def remarks(model: MixtureModel, notes: Sequence[str]) -> list[str]:
    """What the reader should know first, each thing once: an unusual ending, columns left out, and `notes`."""
    outcome = Outcome(model.training.outcome)
    ending = [] if outcome is Outcome.CONVERGED else [f"{outcome.sentence} {outcome.advice}"]
    return list(dict.fromkeys([*ending, *model.schema.warnings, *notes]))


def _choice(model: MixtureModel, comparison: Comparison | None) -> str:
    if comparison is None or len(comparison.rows) == 1:
        return ""
    if comparison.prefers(model):
        return f", chosen by {comparison.name} among {len(comparison.rows):,} candidates,"
    best = f"{counted(comparison.best.n_components, 'segment')}, {comparison.best.covariance_type}"
    return f", one of {len(comparison.rows):,} candidates ({comparison.name} prefers {best}),"


def _left_out(model: MixtureModel) -> str:
    count = model.training.n_left_out
    if not count:
        return "no row was left out"
    were = "was" if count == 1 else "were"
    share = percent(count / model.training.n_rows)
    return f"{counted(count, 'row')} ({share}) {were} left out because of gaps in these columns"
