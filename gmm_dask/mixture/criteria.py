"""Criteria for choosing a model: smaller is better, on scikit-learn's scale (mclust's sign is the opposite)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmm_dask.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class FitSummary:
    """What a criterion reads. `log_likelihood` and `log_assignment` are totals over rows; `weight` counts the rows.

    `log_assignment` is sum_i w_i log max_k r_ik, never positive: what it costs to put every row into the component that
    it most likely belongs to. `held_out`: where the candidate was cross-validated, the log-likelihood of each fold
    under a fit that has not seen it.
    """

    log_likelihood: float
    log_assignment: float
    n_parameters: int
    weight: float
    held_out: tuple[float, ...] = ()

    @property
    def log_classification(self) -> float:
        """The log of the classification likelihood, sum_i w_i max_k log(w_k N(x_i | mu_k, Sigma_k)).

        It is that of Symons (1981), with mixing weights, at the maximum of the mixture's likelihood: since
        r_ik = w_k N_k(x_i) / p(x_i), the largest joint density of a row is its density times its largest r.
        """
        return self.log_likelihood + self.log_assignment

    @property
    def min_entropy(self) -> float:
        """The mean over rows of -log max_k r_ik, in nats: between 0, no doubt about any row, and log k.

        The min-entropy of a row's assignment (Renyi's of infinite order), which is no larger than Shannon's.
        """
        return 0.0 - self.log_assignment / self.weight


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


def awe(fit: FitSummary) -> float:
    """Approximate weight of evidence (Banfield & Raftery 1993), -2 log L_C + 2 p (3/2 + log n).

    L_C is the classification likelihood, at the mixture's own maximum; the form is that of McLachlan & Peel (2000,
    chapter 6). A parameter costs more than twice what it does in ICL, so fewer and simpler components are chosen.
    """
    return float(-2 * fit.log_classification + 2 * fit.n_parameters * (1.5 + np.log(fit.weight)))


def cv(fit: FitSummary) -> float:
    """V-fold cross-validation (Smyth 2000): -2 log-likelihood of all rows, each held out once. Needs `held_out`."""
    if not fit.held_out:
        raise ValueError("this fit was not cross-validated")
    return -2 * sum(fit.held_out)


def standard_error(fit: FitSummary, other: FitSummary) -> float:
    """Of the difference of their `cv`, from how much it varies over the folds; 0 where there is none."""
    differences = -2 * (np.array(fit.held_out) - np.array(other.held_out))
    return float(np.sqrt(differences.size) * differences.std(ddof=1)) if differences.size > 1 else 0.0


CRITERIA: dict[str, Callable[[FitSummary], float]] = {"bic": bic, "aic": aic, "icl": icl, "awe": awe}
"""Those that one fit to all rows decides."""

KNOWN_CRITERIA: dict[str, Callable[[FitSummary], float]] = {**CRITERIA, "cv": cv}


def criterion_named(name: str) -> Callable[[FitSummary], float]:
    """The criterion of that name. Raises UsageError, with the near one."""
    if name not in KNOWN_CRITERIA:
        raise UsageError(f"unknown criterion {name!r}", advice=did_you_mean(name, KNOWN_CRITERIA))
    return KNOWN_CRITERIA[name]
