"""Table in, fitted mixture out: the functions that most users need."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmm_dask.config import Candidates, Columns, Fitting, Seeded, validated
from gmm_dask.em import Candidate
from gmm_dask.engine import open_engine
from gmm_dask.errors import GmmDaskWarning
from gmm_dask.fitted import FittedMixture
from gmm_dask.fitting import fit_source
from gmm_dask.mixture import family_named
from gmm_dask.progress import Observer
from gmm_dask.selection import Selection
from gmm_dask.table.source import MemorySource, open_source


@dataclass(frozen=True)
class SelectionResult:
    """What `select` found. `table`: a row per candidate. `best`: the chosen one, fitted."""

    selection: Selection

    @property
    def table(self) -> pd.DataFrame:
        """Criteria, log-likelihood, number of parameters, iterations and outcome of every candidate."""
        return self.selection.to_frame()

    @property
    def best(self) -> FittedMixture:
        return FittedMixture(self.selection.best)

    def model(self, index: int) -> FittedMixture:
        """Any candidate by its row in `table`: all of them are fitted."""
        return FittedMixture(self.selection.model(index))


def fit(
    table: Any,
    n_components: int,
    covariance_type: str = "full",
    *,
    columns: Columns | dict[str, Any] | None = None,
    seed: int = 0,
    client: Any = None,
    observer: Observer | None = None,
    **fitting: Any,
) -> FittedMixture:
    """Fit one mixture to the continuous columns of a table.

    `table`: a path, list of paths, glob or URL of Parquet or CSV; a pandas or Dask DataFrame; an Arrow table; an array
    (numpy or Dask, 2-d). `columns`: roles and transforms (`gmm_dask.config.Columns` or its keys as a dict); what it
    does not name is inferred. `covariance_type`: full, tied, diag, spherical, or any of the fourteen families by
    mclust's name, such as "VEV" (docs/models.md). `client`: a Dask client or a scheduler's address; by default the
    current client, else this process. `fitting`: tol, max_iter, n_init, reg_covar, sample_rows
    (`gmm_dask.config.Fitting`). The same table, arguments and seed give the same bits on any cluster.

    Warns (GmmDaskWarning) of what should be known: rows with a gap in a modelled column, which are left out, columns
    left out, a fit that did not converge, components on spikes.

    Raises BadInputError where the table cannot be used, UsageError where the arguments cannot be meant so.
    """
    asked = {"n_components": [_plain(n_components)], "covariance_types": [family_named(covariance_type).name]}
    selection = _fitted(table, asked, columns, seed, client, observer, fitting)
    _tell(selection)
    return FittedMixture(selection.best)


def select(
    table: Any,
    n_components: int | str | Iterable[int] = range(1, 11),
    covariance_types: str | Iterable[str] = ("full",),
    *,
    criterion: str = "bic",
    columns: Columns | dict[str, Any] | None = None,
    seed: int = 0,
    client: Any = None,
    observer: Observer | None = None,
    **fitting: Any,
) -> SelectionResult:
    """Fit every combination of `n_components` and `covariance_types` (or "all" of these) in shared passes, and choose
    by `criterion` ("bic", "aic" or "icl"). The best needs no refit. Other arguments are those of `fit`."""
    asked = {
        "n_components": _numbers(n_components),
        "covariance_types": [covariance_types] if isinstance(covariance_types, str) else list(covariance_types),
        "criterion": criterion,
    }
    selection = _fitted(table, asked, columns, seed, client, observer, fitting)
    _tell(selection)
    return SelectionResult(selection)


def _fitted(
    table: Any,
    asked: dict[str, Any],
    columns: Columns | dict[str, Any] | None,
    seed: int,
    client: Any,
    observer: Observer | None,
    fitting: dict[str, Any],
) -> Selection:
    """The arguments of `fit` and `select`, validated, and what comes of them."""
    candidates = validated(Candidates, asked)
    roles = columns if isinstance(columns, Columns) else validated(Columns, columns or {})
    options = validated(Fitting, fitting)
    seed = validated(Seeded, {"seed": _plain(seed)}).seed
    source = open_source(table)
    with open_engine(client, in_memory=isinstance(source, MemorySource)) as engine:
        return fit_source(
            source,
            engine,
            candidates_of(candidates),
            criterion=candidates.criterion,
            columns=roles,
            fitting=options,
            seed=seed,
            observer=observer,
        )


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
