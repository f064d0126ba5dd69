"""The sentences about a choice: what was chosen, by how much, and every doubt that the table gives rise to."""

from __future__ import annotations

import pytest

from gmm_dask.report import Comparison, verdict
from gmm_dask.report.verdict import choice, doubts


@pytest.fixture
def changed(selection):
    """The comparison with the chosen candidate's entries changed."""

    def change(criterion="bic", **entries):
        frame = selection.copy()
        for name, value in entries.items():
            frame.loc[frame["best"], name] = value
        return Comparison.of(frame, criterion)

    return change


def without_collapse(selection):
    return selection[selection["outcome"] == "converged"]


def test_the_choice_is_told_with_its_lead_over_the_next_k_and_the_next_type(selection):
    """(2, full) is 20 behind, (3, diag) 50; (4, full) has the least BIC by far, and is not to be trusted."""
    assert choice(Comparison.of(selection, "bic")) == [
        "BIC chooses K = 3, full among 8 candidates: 20 below the best of any other K (K = 2, full) and 50 below the "
        "best of any other type (K = 3, diag)."
    ]


def test_a_sound_choice_gives_rise_to_no_doubt(selection):
    sound = without_collapse(selection).assign(awe=selection["bic"])
    assert doubts(Comparison.of(sound, "bic")) == []


def test_candidates_set_aside_are_told_with_the_reason(selection):
    (aside, *_) = doubts(Comparison.of(selection, "bic"))
    assert aside == (
        "1 candidate with a better BIC set aside (K = 4, full, collapsed: a component of 0.5% of the rows)."
    )


def test_other_criteria_that_would_choose_otherwise_are_named(selection):
    """AWE takes 20 more for every component: 420 + 40 for (2, full), 400 + 60 for (3, full)."""
    frame = without_collapse(selection).copy()
    frame.loc[(frame["n_components"] == 2) & (frame["covariance_type"] == "full"), "awe"] = 459.0
    assert doubts(Comparison.of(frame, "bic")) == ["AWE would choose K = 2, full."]
    frame["icl"] = frame["awe"]
    assert doubts(Comparison.of(frame, "bic")) == ["ICL and AWE would choose K = 2, full."]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"bic": 418.5}, "A lead below 2 is next to none."),
        ({"bic": 415.0}, "A lead below 6 is some evidence, but not strong."),
        ({"smallest_rows": 4.2}, "smallest component holds 4.2 rows, fewer than the 5 parameters"),
        ({"smallest_variance": 3.6e-5}, "no more than 0.000036 of the table's variance in some direction"),
        ({"min_entropy": 0.22}, "rows belong to theirs with probability 0.80 (geometric mean)"),
        ({"outcome": "iteration limit"}, "the likelihood was still rising"),
    ],
)
def test_every_doubt_is_told_where_it_is_due_and_only_there(changed, entries, says):
    assert says in verdict(changed(**entries))
    assert says not in verdict(changed())


def test_a_choice_at_the_edge_is_told(selection):
    says = "most components of all that were tried"
    assert says in verdict(Comparison.of(selection[selection["n_components"] <= 3], "bic"))
    assert says not in verdict(Comparison.of(selection, "bic"))


def test_where_no_candidate_can_be_trusted_that_is_all_there_is_to_say_of_the_lead(selection):
    frame = selection.assign(outcome="collapsed", set_aside="a component of 0.1% of the rows")
    first, *others = doubts(Comparison.of(frame, "bic"))
    assert first == ("No candidate is to be trusted, this one neither (collapsed: a component of 0.1% of the rows).")
    assert not [text for text in others if "lead" in text]


def test_a_single_candidate_was_not_chosen_but_can_be_doubted(changed, selection):
    alone = Comparison.of(selection[selection["best"]], "bic")
    assert verdict(alone) == ""
    assert "smallest component" in verdict(Comparison.of(selection[selection["best"]].assign(smallest_rows=1.5), "bic"))
    (single,) = choice(Comparison.of(selection[selection["n_components"] == 3], "bic"))
    assert single == "BIC chooses K = 3, full among 2 candidates: 50 below the best of any other type (K = 3, diag)."
