"""What the page says: the comparison, the profiles, the columns, the sentences."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from gmm_dask.config import Criterion
from gmm_dask.em import Outcome
from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.mixture import FAMILIES, MixtureParameters, family_named
from gmm_dask.mixture.criteria import KNOWN_CRITERIA
from gmm_dask.report.columns import Gaps, column_rows
from gmm_dask.report.comparison import Comparison
from gmm_dask.report.profiles import Profiles
from gmm_dask.report.words import COVARIANCES, CRITERIA, headline, remarks


def test_the_best_candidate_leads_and_doubtful_ones_come_last(selection):
    comparison = Comparison.of(selection, "bic")
    assert [(row.n_components, row.covariance_type) for row in comparison.rows] == [
        (3, "full"), (2, "full"), (3, "diag"), (4, "diag"), (2, "diag"), (1, "full"), (1, "diag"), (4, "full"),
    ]  # fmt: skip
    assert comparison.best.difference == 0
    assert comparison.rows[1].difference == 20
    assert comparison.unusual_outcomes == [Outcome.COLLAPSED]


def test_a_best_candidate_at_the_edge_of_those_tried_is_told(selection):
    assert not Comparison.of(selection, "bic").is_best_at_the_edge
    assert Comparison.of(selection[selection["n_components"] <= 3], "bic").is_best_at_the_edge
    assert not Comparison.of(selection[selection["n_components"] == 3], "bic").is_best_at_the_edge


def test_an_unknown_criterion_is_refused(selection):
    with pytest.raises(UsageError, match="Did you mean 'bic'"):
        Comparison.of(selection, "bci")


def test_a_table_that_is_no_selection_is_refused(selection):
    with pytest.raises(BadInputError, match="no column 'smallest_rows', 'icl'"):
        Comparison.of(selection.drop(columns=["icl", "smallest_rows"]), "icl")


def test_the_moments_of_the_whole_are_those_of_the_mixture(make_model):
    model = make_model(2, 1)
    (transform,) = (transform for _, transform in model.preparation.transforms)
    parameters = MixtureParameters(
        family_named("full"), np.array([0.75, 0.25]), np.array([[4.0], [0.0]]), np.array([[[4.0]], [[1.0]]])
    )
    profiles = Profiles.of(type(model)(parameters, model.schema, model.preparation, model.training))
    np.testing.assert_allclose(profiles.whole_means, transform.inverse(np.array([3.0])))
    np.testing.assert_allclose(profiles.whole_sds, 2.5 * transform.scale)
    np.testing.assert_allclose(profiles.contrasts, [[0.4], [-1.2]])


def test_columns_are_explained_with_their_gaps(make_model):
    rows = column_rows(make_model(names=["a", "b", "c", "d"]))
    assert [(row.name, row.role, row.transform) for row in rows] == [
        ("id", "key", ""),
        ("a", "continuous", "centred and scaled to unit variance"),
        ("b", "continuous", "log(1 + x), then standardised"),
        ("c", "continuous", "Yeo–Johnson with power 0.32, then standardised"),
        ("d", "continuous", "centred, in its own units"),
    ]
    assert [row.gaps for row in rows[:2]] == [Gaps(0, 0.0), Gaps(8_255, 8_255 / 336_776)]


def test_the_headline_says_what_was_found_how_and_without_what(make_model, selection):
    comparison = Comparison.of(selection, "bic")
    assert headline(make_model(3, 4), comparison) == (
        "3 segments, chosen by BIC among 8 candidates, describe 327,346 rows in 4 columns; "
        "the fit converged after 43 iterations, and 9,430 rows (2.8%) were left out because of gaps in these columns."
    )


def test_the_headline_without_a_choice_or_gaps(make_model):
    model = make_model(1, 2, n_left_out=0, weight="w", outcome="iteration limit")
    assert headline(model, None) == (
        "1 segment describes 336,776 rows weighted by w in 2 columns; "
        "the fit was stopped at the limit of 43 iterations, and no row was left out."
    )


def test_the_headline_does_not_credit_a_criterion_with_what_it_did_not_choose(make_model, selection):
    sentence = headline(make_model(5, 4), Comparison.of(selection, "bic"))
    assert "one of 8 candidates (BIC prefers 3 segments, full)" in sentence


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_words(make_model, outcome):
    model = make_model(outcome=outcome.value)
    assert "43 iterations" in headline(model, None)
    assert bool(remarks(model, ())) == (outcome is not Outcome.CONVERGED)


def test_every_family_and_criterion_has_its_words():
    assert set(COVARIANCES) == set(FAMILIES)
    assert set(CRITERIA) == set(KNOWN_CRITERIA)
    assert set(get_args(Criterion)) == set(CRITERIA)


def test_remarks_are_made_once(make_model):
    model = make_model(outcome="collapsed", warnings=["column 'z' is left out"])
    ending = f"{Outcome.COLLAPSED.sentence} {Outcome.COLLAPSED.advice}"
    notes = ["column 'z' is left out", ending, "another"]
    assert remarks(model, notes) == [ending, "column 'z' is left out", "another"]
