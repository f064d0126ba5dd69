"""Table in, fitted mixture out: the functions that most users need."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gmm_dask.config import Candidates, Columns, Fitting, Seeded, validated
from gmm_dask.em import Candidate
from gmm_dask.engine import open_engine
from gmm_dask.errors import GmmDaskWarning, UsageError
from gmm_dask.extras import new_axes
from gmm_dask.fitted import FittedMixture, model_of
from gmm_dask.fitting import fit_source
from gmm_dask.mixture import CovarianceFamily, family_named
from gmm_dask.model import MixtureModel
from gmm_dask.progress import Observer
from gmm_dask.refitting import refit_source, require_agreement
from gmm_dask.report import Comparison, verdict
from gmm_dask.selection import Selection
from gmm_dask.table.source import MemorySource, open_source


@dataclass(frozen=True)
class SelectionResult:
    """What `select` found. `table`: a row per candidate. `best`: the chosen one, fitted."""

    selection: Selection

    @property
    def table(self) -> pd.DataFrame:
        """Criteria of every candidate, the difference to the best, and what to distrust it by: docs/choice.md."""
        return self.selection.to_frame()

    def verdict(self) -> str:
        """What was chosen, by how much, and what to distrust, in plain sentences."""
        return verdict(self._comparison())

    def plot(self, ax: Any = None) -> Any:
        """The criterion over the number of components, a line per covariance type; returns the matplotlib axes.

        Candidates that are not to be trusted are hollow, and triangles where they lie outside. `ax`: axes to draw on,
        by default those of a new figure. Raises UsageError without the extra `report`.
        """
        axes = new_axes("a plot") if ax is None else ax
        from gmm_dask.report.criterion import plot_criterion  # needs the extra

        plot_criterion(self._comparison(), axes)
        return axes

    def _comparison(self) -> Comparison:
        return Comparison.of(self.selection.to_frame(), self.selection.criterion)

    @property
    def best(self) -> FittedMixture:
        return FittedMixture(self.selection.best)

    def model(self, index: int) -> FittedMixture:
        """Any candidate by its row in `table`: all of them are fitted."""
        return FittedMixture(self.selection.model(index))


def fit(
    table: Any,
    n_components: int | None = None,
    covariance_type: str | None = None,
    *,
    start: FittedMixture | str | Path | None = None,
    previous: FittedMixture | str | Path | None = None,
    columns: Columns | dict[str, Any] | None = None,
    seed: int = 0,
    client: Any = None,
    observer: Observer | None = None,
    **fitting: Any,
) -> FittedMixture:
    """Fit one mixture to the continuous columns of a table.

    `table`: a path, list of paths, glob or URL of Parquet or CSV; a pandas or Dask DataFrame; an Arrow table; an array
    (numpy or Dask, 2-d). `columns`: roles and transforms (`gmm_dask.config.Columns` or its keys as a dict); what it
    does not name is inferred. `covariance_type`: full (by default), tied, diag, spherical, or any of the fourteen
    families by mclust's name, such as "VEV" (docs/models.md). `client`: a Dask client or a scheduler's address; by
    default the current client, else this process. `fitting`: tol, max_iter, n_init, reg_covar, sample_rows
    (`gmm_dask.config.Fitting`). The same table, arguments and seed give the same bits on any cluster.

    `start`: a model (or its folder) to go on from, with its number of components, covariance type, columns and
    transforms; no starts are tried. `previous`: a model whose segment numbers to take up, by matching components; by
    default `start` (docs/updates.md).

    Warns (GmmDaskWarning) of what should be known: rows with a gap in a modelled column, which are left out, columns
    left out, a fit that did not converge, components on spikes, segments that are new, vanished, split or merged.

    Raises BadInputError where the table cannot be used, UsageError where the arguments cannot be meant so.
    """
    family = None if covariance_type is None else family_named(covariance_type)
    others = columns, previous, seed, client, observer, fitting
    if start is None:
        selection = _fitted(table, _single(n_components, family), *others)
    else:
        selection = _refitted(table, model_of(start), _plain(n_components), family, *others)
    _tell(selection)
    return FittedMixture(selection.best)


def select(
    table: Any,
    n_components: int | str | Iterable[int] = range(1, 11),
    covariance_types: str | Iterable[str] = ("full",),
    *,
    criterion: str = "bic",
    folds: int = 5,
    previous: FittedMixture | str | Path | None = None,
    columns: Columns | dict[str, Any] | None = None,
    seed: int = 0,
    client: Any = None,
    observer: Observer | None = None,
    **fitting: Any,
) -> SelectionResult:
    """Fit every combination of `n_components` and `covariance_types` (or "all" of these) in shared passes, and choose
    by `criterion` ("bic", "aic", "icl", "awe", or "cv" for cross-validation by `folds`: docs/choice.md). The best needs
    no refit. Other arguments are those of `fit`."""
    asked = {
        "n_components": _numbers(n_components),
        "covariance_types": [covariance_types] if isinstance(covariance_types, str) else list(covariance_types),
        "criterion": criterion,
        "folds": _plain(folds),
    }
    selection = _fitted(table, asked, columns, previous, seed, client, observer, fitting)
    _tell(selection)
    return SelectionResult(selection)


def _single(n_components: int | None, family: CovarianceFamily | None) -> dict[str, Any]:
    """The one candidate of a fit."""
    if n_components is None:
        raise UsageError("neither n_components nor a start is given", expected="one of them")
    return {
        "n_components": [_plain(n_components)],
        "covariance_types": ["full" if family is None else family.name],
    }


def _fitted(
    table: Any,
    asked: dict[str, Any],
    columns: Columns | dict[str, Any] | None,
    previous: FittedMixture | str | Path | None,
    seed: int,
    client: Any,
    observer: Observer | None,
    fitting: dict[str, Any],
) -> Selection:
    """The arguments of `fit` and `select`, validated, and what comes of them."""
    candidates = validated(Candidates, asked)
    roles, options = _roles(columns), validated(Fitting, fitting)
    seed = validated(Seeded, {"seed": _plain(seed)}).seed
    before = None if previous is None else model_of(previous)
    source = open_source(table)
    with open_engine(client, in_memory=isinstance(source, MemorySource)) as engine:
        return fit_source(
            source,
            engine,
            candidates_of(candidates),
            criterion=candidates.criterion,
            folds=candidates.folds,
            columns=roles,
            fitting=options,
            seed=seed,
            previous=before,
            observer=observer,
        )


def _refitted(
    table: Any,
    start: MixtureModel,
    n_components: int | None,
    family: CovarianceFamily | None,
    columns: Columns | dict[str, Any] | None,
    previous: FittedMixture | str | Path | None,
    seed: int,
    client: Any,
    observer: Observer | None,
    fitting: dict[str, Any],
) -> Selection:
    """The arguments of `fit` with a start, validated, and what comes of them."""
    require_agreement(start, n_components, family, _roles(columns))
    options, seed = validated(Fitting, fitting), validated(Seeded, {"seed": _plain(seed)}).seed
    before = None if previous is None else model_of(previous)
    source = open_source(table)
    with open_engine(client, in_memory=isinstance(source, MemorySource)) as engine:
        return refit_source(source, engine, start, fitting=options, seed=seed, previous=before, observer=observer)


def _roles(columns: Columns | dict[str, Any] | None) -> Columns:
    return columns if isinstance(columns, Columns) else validated(Columns, columns or {})


def _tell(selection: Selection) -> None:
    """Warn of what should be known, at the line that called `fit` or `select`."""
    for note in selection.notes():
        warnings.warn(note, GmmDaskWarning, stacklevel=3)


def _numbers(n_components: int | str | Iterable[int]) -> object:
    if isinstance(n_components, Iterable) and not isinstance(n_components, str):
        return [_plain(k) for k in n_components]
    return _plain(n_components)


def _plain(value: Any) -> Any:
    """A plain number from one of NumPy's; what is no number is left for validation to refuse."""
    return value.item() if isinstance(value, np.generic) else value


def candidates_of(asked: Candidates) -> list[Candidate]:
    """Every combination, covariance type by covariance type."""
    return [Candidate(k, family_named(name)) for name in asked.covariance_types for k in asked.n_components]
