"""Criteria for choosing a model: smaller is better, on scikit-learn's scale (mclust's sign is the opposite)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmm_dask.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class FitSummary:
    """What a criterion reads. `log_likelihood` and `log_assignment` are totals over rows; `weight` counts the rows."""

    log_likelihood: float
    log_assignment: float
    n_parameters: int
    weight: float


def bic(fit: FitSummary) -> float:
    """Bayesian information criterion (Schwarz 1978): -2 log L + p log n."""
    return float(-2 * fit.log_likelihood + fit.n_parameters * np.log(fit.weight))


def aic(fit: FitSummary) -> float:
    """Akaike information criterion (Akaike 1974): -2 log L + 2 p."""
    return -2 * fit.log_likelihood + 2 * fit.n_parameters


def icl(fit: FitSummary) -> float:
    """Integrated completed likelihood (Biernacki, Celeux & Govaert 2000), with rows put where they most likely belong.

    BIC - 2 sum_i log max_k r_ik: overlapping components pay for their overlap.
    """
    return bic(fit) - 2 * fit.log_assignment


CRITERIA: dict[str, Callable[[FitSummary], float]] = {"bic": bic, "aic": aic, "icl": icl}


def criterion_named(name: str) -> Callable[[FitSummary], float]:
    """The criterion of that name: bic, aic or icl."""
    if name not in CRITERIA:
        raise UsageError(f"unknown criterion {name!r}", advice=did_you_mean(name, CRITERIA))
    return CRITERIA[name]
