"""Scores against densities from scipy, gaps marginalised; every log density integrates to one in source units."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from gmm_dask import fit
from gmm_dask.errors import BadInputError


def log_joint_by_scipy(model, frame):
    """(k, n) log(w_k p(x_o | k)) in source units, row by row, from the definition."""
    parameters, transforms = model.parameters, [transform for _, transform in model.preparation.transforms]
    rows = frame[model.columns].astype("float64").to_numpy()
    out = np.zeros((model.n_components, len(rows)))
    for i, row in enumerate(rows):
        seen = ~np.isnan(row)
        z = [t.forward(np.array([x]))[0] for t, x in zip(transforms, row, strict=True)]
        jacobian = np.nansum([t.log_jacobian(np.array([x]))[0] for t, x in zip(transforms, row, strict=True)])
        for k in range(model.n_components):
            out[k, i] = np.log(parameters.weights[k]) + jacobian
            if seen.any():
                covariance = parameters.dense_covariances()[k][np.ix_(seen, seen)]
                out[k, i] += multivariate_normal.logpdf(np.array(z)[seen], parameters.means[k][seen], covariance)
    return out


@pytest.mark.parametrize("which", ["fitted", "curved"])
def test_scores_are_those_of_the_observed_columns(request, table, which):
    fitted = request.getfixturevalue(which)
    rows = table.head(400)
    scores = fitted.score(rows, probabilities=True)
    joint = log_joint_by_scipy(fitted.model, rows)
    log_density = np.logaddexp.reduce(joint, axis=0)
    seen = rows[fitted.columns].notna().any(axis=1).to_numpy()
    np.testing.assert_allclose(scores["log_density"][seen], log_density[seen], rtol=1e-9)
    probabilities = np.exp(joint - log_density)
    found = scores[["probability_0", "probability_1"]].to_numpy()
    np.testing.assert_allclose(found[seen], probabilities.T[seen], atol=1e-9)
    np.testing.assert_array_equal(scores["segment"][seen].astype(int), probabilities.argmax(axis=0)[seen])
    np.testing.assert_allclose(scores["segment_probability"][seen], probabilities.max(axis=0)[seen], atol=1e-9)


def test_the_table_goes_through_as_it_came(fitted, table):
    scores = fitted.score(table)
    pd.testing.assert_frame_equal(scores[table.columns], table)
    assert list(scores.columns) == [*table.columns, "segment", "segment_probability", "log_density"]
    shuffled = table.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(fitted.score(shuffled).loc[table.index], scores)


def test_a_row_with_nothing_observed_has_no_score(fitted, table):
    row = table.head(2).copy()
    row.loc[row.index[0], fitted.columns] = pd.NA
    scores = fitted.score(row)
    assert scores[["segment", "segment_probability", "log_density"]].isna().iloc[0].all()
    assert scores["log_density"].notna().iloc[1]


def test_a_taken_name_is_refused_and_a_prefix_avoids_it(fitted, table):
    scored = fitted.score(table.head(5))
    with pytest.raises(BadInputError, match="already has a column 'segment'"):
        fitted.score(scored)
    assert "again_segment" in fitted.score(scored, prefix="again_")


def test_segments_are_numbered_from_the_largest(fitted, table):
    counts = fitted.score(table)["segment"].value_counts()
    assert counts[0] > counts[1]
    assert fitted.segments()["share"].is_monotonic_decreasing


def test_a_missing_column_is_named_with_the_near_one(fitted, table):
    with pytest.raises(BadInputError, match=r"'amount'.*Did you mean 'amounts'"):
        fitted.score(table.rename(columns={"amount": "amounts"}))


@pytest.mark.parametrize("transform", ["none", "standardise", "log1p", "yeo-johnson"])
def test_densities_integrate_to_one_in_source_units(transform):
    x = np.exp(np.random.default_rng(0).normal(size=2000))
    fitted = fit(pd.DataFrame({"x": x}), 2, columns={"transform": transform})
    grid = np.concatenate([[-0.999], np.geomspace(1e-3, 400, 4000) - 0.998])
    density = np.exp(fitted.score(pd.DataFrame({"x": grid}))["log_density"].to_numpy())
    inside = np.trapezoid(density, grid)
    below = 0.0
    if transform != "log1p":
        left = np.linspace(-30, -0.999, 4000)
        below = np.trapezoid(np.exp(fitted.score(pd.DataFrame({"x": left}))["log_density"].to_numpy()), left)
    assert inside + below == pytest.approx(1, abs=0.01)
