"""Imputation against the conditional mean written out; what was there stays bit-identical."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gmm_dask import fit
from gmm_dask.errors import BadInputError, GmmDaskWarning


def conditional_mean(parameters, row, j):
    """E[z_j | z_o] of one row (NaN where missing), from the definition."""
    seen = ~np.isnan(row)
    log_weights, means = [], []
    for w, mu, sigma in zip(parameters.weights, parameters.means, parameters.dense_covariances(), strict=True):
        inverse = np.linalg.inv(sigma[np.ix_(seen, seen)])
        deviation = row[seen] - mu[seen]
        _, log_det = np.linalg.slogdet(sigma[np.ix_(seen, seen)])
        log_weights.append(np.log(w) - (log_det + deviation @ inverse @ deviation) / 2)
        means.append(mu[j] + sigma[j, seen] @ inverse @ deviation)
    weights = np.exp(np.array(log_weights) - max(log_weights))
    return np.average(means, weights=weights)


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("transform", ["none", "standardise"])
def test_values_are_conditional_means(family, transform):
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.multivariate_normal([0, 0, 0], np.eye(3) + 1, 500), rng.normal(5, 1, (300, 3))])
    rows[rng.random(rows.shape) < 0.15] = np.nan
    frame = pd.DataFrame(rows, columns=list("abc"))
    with pytest.warns(GmmDaskWarning, match="rows have a gap"):
        fitted = fit(frame, 2, family, columns={"transform": transform})
    imputed = fitted.impute(frame)
    transforms = [t for _, t in fitted.model.preparation.transforms]
    z = np.stack([t.forward(x) for t, x in zip(transforms, rows.T, strict=True)], axis=1)
    for i, j in np.argwhere(np.isnan(rows))[:200]:
        expected = transforms[j].inverse(np.array([conditional_mean(fitted.model.parameters, z[i], j)]))[0]
        assert imputed.iloc[i, j] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("which", ["fitted", "curved"])
def test_the_mean_is_taken_in_source_units(request, table, which):
    """Against the average of many draws from the conditional, sent back through the transform."""
    fitted = request.getfixturevalue(which)
    model, rng = fitted.model, np.random.default_rng(0)
    j = model.columns.index("amount")
    frame = table[table["amount"].isna() & table[["level", "visits"]].notna().all(axis=1)].head(5)
    imputed = fitted.impute(frame)
    for label in frame.index:
        row = frame.loc[label, model.columns].astype(object).where(frame.loc[label, model.columns].notna(), np.nan)
        z = np.array(
            [t.forward(np.array([float(x)]))[0] for (_, t), x in zip(model.preparation.transforms, row, strict=True)]
        )
        draws = draws_given(model.parameters, z, j, rng)
        transform = model.preparation.transforms[j][1]
        expected = np.clip(transform.inverse(draws), transform.lowest, transform.highest).mean()
        assert imputed.loc[label, "amount"] == pytest.approx(expected, rel=0.02)


def draws_given(parameters, z, j, rng, n=200_000):
    seen = ~np.isnan(z)
    weights, means, sds = [], [], []
    for w, mu, sigma in zip(parameters.weights, parameters.means, parameters.dense_covariances(), strict=True):
        inverse = np.linalg.inv(sigma[np.ix_(seen, seen)])
        deviation = z[seen] - mu[seen]
        weights.append(w * np.exp(-deviation @ inverse @ deviation / 2) * np.sqrt(np.linalg.det(inverse)))
        means.append(mu[j] + sigma[j, seen] @ inverse @ deviation)
        sds.append(np.sqrt(sigma[j, j] - sigma[j, seen] @ inverse @ sigma[seen, j]))
    labels = rng.choice(len(weights), size=n, p=np.array(weights) / sum(weights))
    return np.array(means)[labels] + np.array(sds)[labels] * rng.normal(size=n)


def test_what_was_there_is_untouched(fitted, table):
    imputed = fitted.impute(table)
    for column in table.columns:
        there = table[column].notna()
        pd.testing.assert_series_equal(imputed.loc[there, column], table.loc[there, column])
        assert imputed[column].notna().all()
    for column in fitted.columns:
        np.testing.assert_array_equal(imputed[f"{column}_imputed"], table[column].isna())
    assert imputed.dtypes[table.columns].equals(table.dtypes)


def test_integers_stay_integers(fitted, table):
    assert str(fitted.impute(table)["visits"].dtype) == "Int64"
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    assert fitted.impute(arrow).dtypes["visits"] == pd.ArrowDtype(pa.int64())


def test_only_columns_with_gaps_get_an_indicator(fitted, table):
    frame = table.dropna(subset=["level"])
    assert "level_imputed" not in fitted.impute(frame)
    complete = table.dropna()
    pd.testing.assert_frame_equal(fitted.impute(complete), complete)


def test_a_row_with_nothing_observed_gets_the_mean_of_the_mixture(fitted, table):
    row = table.head(2).copy()
    row.loc[row.index[0], fitted.columns] = pd.NA
    level = fitted.impute(row)["level"].iloc[0]
    model = fitted.model
    shift = model.preparation.transforms[model.columns.index("level")][1].shift
    expected = model.parameters.weights @ model.parameters.means[:, model.columns.index("level")] + shift
    assert float(level) == pytest.approx(expected, rel=1e-12)


def test_imputing_twice_is_refused(fitted, table):
    imputed = fitted.impute(table)
    imputed.loc[imputed.index[0], "level"] = np.nan
    with pytest.raises(BadInputError, match="level_imputed"):
        fitted.impute(imputed)


def test_infinite_values_are_refused_with_their_place(fitted, table):
    bad = table.head(10).copy()
    bad.loc[bad.index[4], "level"] = np.inf
    with pytest.raises(BadInputError, match="level"):
        fitted.impute(bad)


def test_a_column_that_came_all_missing_gets_the_model_s_type(fitted, table):
    frame = table.head(20).assign(level=None)
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    assert arrow.schema.field("level").type == pa.null()
    imputed = fitted.impute(arrow)
    assert imputed.dtypes["level"] == pd.ArrowDtype(pa.float64())
    assert imputed["level"].notna().all()
    others = frame[["amount", "visits"]].notna().any(axis=1).to_numpy()
    np.testing.assert_array_equal(fitted.score(arrow)["segment"].notna(), others)
