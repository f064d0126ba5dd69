"""What was chosen, by how much, and what to distrust, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp

from gmm_dask.report.comparison import Comparison, Row, written
from gmm_dask.report.numbers import counted, number

BARE_MENTION, STRONG = 2.0, 6.0
"""Leads on the scale of twice a log Bayes factor: below the first not worth more than a bare mention, from the second
on strong evidence (Kass & Raftery 1995, section 3.2). AIC's are read in the same way (Burnham & Anderson 2002)."""

FEW_ERRORS = 2.0
"""A lead of fewer standard errors may be chance."""

NARROW = 1e-3
"""Of the table's variance in the same direction: components below are worth a look. Far above what sets one aside."""

SURE = 0.9
"""The mean probability (geometric) of rows in their components below which these are said to overlap."""


def verdict(comparison: Comparison) -> str:
    """The choice and the doubts about it; empty where there was no choice and there is no doubt."""
    return " ".join([*choice(comparison), *doubts(comparison)])


def choice(comparison: Comparison) -> list[str]:
    """A sentence on what was chosen, and by how much it beats the next K and the next covariance type."""
    best = comparison.best
    if len(comparison.rows) == 1:
        return []
    leads = [
        f"{number(other.difference, 3)} below the best of any other {what} ({other.name})"
        for what, other in zip(("K", "type"), _rivals(comparison), strict=True)
        if other is not None
    ]
    among = f"{comparison.name} chooses {best.name} among {counted(len(comparison.rows), 'candidate')}"
    return [f"{among}: {' and '.join(leads)}." if leads else f"{among}."]


def doubts(comparison: Comparison) -> list[str]:
    """Why the choice may be wrong, a sentence each."""
    return [*_of_the_fit(comparison), *_of_the_lead(comparison), *_of_the_components(comparison.best)]


def _rivals(comparison: Comparison) -> tuple[Row | None, Row | None]:
    """The best candidates to be trusted of another K, and of another covariance type."""
    best = comparison.best
    return (
        comparison.next_best(lambda row: row.n_components != best.n_components),
        comparison.next_best(lambda row: row.covariance_type != best.covariance_type),
    )


def _of_the_fit(comparison: Comparison) -> Iterator[str]:
    best = comparison.best
    if not best.outcome.trustworthy:
        yield f"No candidate is to be trusted, this one neither ({best.outcome.value}: {best.set_aside})."
        return
    if best.outcome.advice:
        yield best.outcome.sentence
    better = [row for row in comparison.rows if row.difference < 0]
    if better:
        aside = f"{better[0].name}, {better[0].outcome.value}: {better[0].set_aside}"
        yield f"{counted(len(better), 'candidate')} with a better {comparison.name} set aside ({aside})."


def _of_the_lead(comparison: Comparison) -> Iterator[str]:
    rivals = [row for row in _rivals(comparison) if row is not None and comparison.best.outcome.trustworthy]
    if any(row.standard_error for row in rivals):
        errors, rival = min(
            ((row.difference / row.standard_error, row) for row in rivals if row.standard_error),
            key=lambda pair: pair[0],
        )
        if errors < FEW_ERRORS:
            yield (
                f"The lead over {rival.name} is {number(errors, 2)} times its standard error over the folds, so that "
                "it may be chance."
            )
    else:
        yield from _of_the_scale(min((row.difference for row in rivals), default=STRONG))
    if comparison.is_best_at_the_edge:
        yield "It has the most components of all that were tried, so that still more might be better."
    others: dict[str, list[str]] = {}
    for name, row in comparison.choices().items():
        if row.name != comparison.best.name:
            others.setdefault(row.name, []).append(written(name))
    if others:
        wishes = (f"{' and '.join(names)} would choose {candidate}" for candidate, names in others.items())
        yield f"{'; '.join(wishes)}."


def _of_the_scale(lead: float) -> Iterator[str]:
    if lead < BARE_MENTION:
        yield "A lead below 2 is next to none."
    elif lead < STRONG:
        yield "A lead below 6 is some evidence, but not strong."


def _of_the_components(best: Row) -> Iterator[str]:
    if best.n_components == 1:
        return
    parameters = best.n_parameters / best.n_components
    if best.smallest_rows < parameters:
        yield (
            f"Its smallest component holds {number(best.smallest_rows, 2)} rows, fewer than the {parameters:.0f} "
            "parameters that fall to a component."
        )
    if best.smallest_variance < NARROW:
        share = number(best.smallest_variance, 2)
        yield f"A component has no more than {share} of the table's variance in some direction: a spike, or nearly one."
    sureness = exp(-best.min_entropy)
    if sureness < SURE:
        yield (
            f"Components overlap: rows belong to theirs with probability {sureness:.2f} (geometric mean), so that one "
            "cluster may be described by several."
        )
