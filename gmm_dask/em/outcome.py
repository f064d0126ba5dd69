"""How a fit ended."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """An ending: its `value` is the word in tables, with one sentence and one piece of advice."""

    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration limit"
    COLLAPSED = "collapsed"
    UNDERDETERMINED = "underdetermined"
    SINGULAR = "singular"

    @property
    def sentence(self) -> str:
        """What happened."""
        return _TEXTS[self][0]

    @property
    def advice(self) -> str:
        """What to do about it; empty when nothing needs doing."""
        return _TEXTS[self][1]

    @property
    def trustworthy(self) -> bool:
        """Whether the likelihood reached may be compared with others: a component on a spike inflates it."""
        return self in (Outcome.CONVERGED, Outcome.ITERATION_LIMIT)


_TEXTS = {
    Outcome.CONVERGED: ("No more than the tolerance is left to gain in log-likelihood per row.", ""),
    Outcome.ITERATION_LIMIT: (
        "The iteration limit came before the tolerance was met; the likelihood was still rising.",
        "Raise max_iter or tol.",
    ),
    Outcome.COLLAPSED: (
        "A component shrank onto (nearly) identical rows or onto almost no rows, where the likelihood has no bound.",
        "Use fewer components, a simpler covariance type, a larger reg_covar or a prior, or look for repeated rows.",
    ),
    Outcome.UNDERDETERMINED: (
        "The rows are too few to determine a covariance matrix; regularisation made up the rest.",
        "Model fewer columns, use covariance type diag or fewer components, or give more complete rows.",
    ),
    Outcome.SINGULAR: (
        "A covariance matrix stopped being positive definite; the parameters are those of the last good iteration.",
        "Raise reg_covar, or leave out a column that others determine.",
    ),
}
