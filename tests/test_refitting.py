"""A fit that goes on from a saved model: where it ends, what it takes over, what it refuses."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask import GaussianMixture, fit, select
from gmm_dask.errors import BadInputError, DamagedError, GmmDaskWarning, UsageError
from gmm_dask.table.source import MemorySource


def make_table(n, seed, *, groups=(0, 1, 2), moved=0.0):
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [9.0, 3.0], [-3.0, 11.0], [20.0, 20.0]])
    group = rng.choice(groups, n)
    rows = centres[group] + rng.normal(size=(n, 2)) + moved
    return pd.DataFrame({"id": np.arange(n), "x": rows[:, 0], "y": np.exp(rows[:, 1] / 4)})


@pytest.fixture(scope="module")
def yesterday():
    return make_table(3000, 0)


@pytest.fixture(scope="module")
def model(yesterday):
    return fit(yesterday, 3, "diag")


def test_it_ends_where_a_fit_from_starts_ends(model):
    today = make_table(3000, 1)
    warm = fit(today, start=model, tol=1e-10)
    transforms = {name: transform.kind for name, transform in model.model.preparation.transforms}
    cold = fit(today, 3, "diag", columns={"transforms": transforms}, tol=1e-10, previous=model)
    assert warm.labels == cold.labels == (0, 1, 2)
    columns = ["share", "x mean", "x sd", "y mean", "y sd"]
    np.testing.assert_allclose(warm.segments()[columns], cold.segments()[columns], rtol=1e-3)
    assert max(cold.changes.kept.values()) < 0.01


def test_it_takes_over_columns_transforms_and_family(model):
    today = make_table(2000, 1, moved=1.0)
    warm = fit(today.assign(z=1.5 * today["x"]), start=model)
    assert warm.columns == ["x", "y"]
    assert warm.model.schema == model.model.schema
    assert warm.model.parameters.family is model.model.parameters.family
    for (_, before), (_, after) in zip(
        model.model.preparation.transforms, warm.model.preparation.transforms, strict=True
    ):
        assert (after.curve, after.shift, after.scale) == (before.curve, before.shift, before.scale)
        assert after.lowest <= before.lowest
        assert after.highest > before.highest
    assert warm.model.training.missing == {"id": 0, "x": 0, "y": 0}


def test_no_start_is_tried_and_no_pass_made_twice(model, yesterday, monkeypatch):
    """From where a fit has converged one pass says so; with it come profile, digest and preparation."""
    monkeypatch.setattr("gmm_dask.fitting.fit_candidates", lambda *_, **__: pytest.fail("starts were tried"))
    swept = []

    def counting(sweep):
        def swept_(self, candidates):
            swept.append(len(candidates))
            return sweep(self, candidates)

        return swept_

    from gmm_dask.engine import TableSweep

    monkeypatch.setattr(TableSweep, "__call__", counting(TableSweep.__call__))
    warm = fit(yesterday, start=model)
    assert swept == [1] * warm.model.training.n_iter
    assert warm.model.training.n_iter <= 2


def test_the_profile_and_the_preparation_are_the_only_reading(model, yesterday, monkeypatch):
    rows = []
    original = MemorySource._batches

    def counted(self, *arguments):
        for table in original(self, *arguments):
            rows.append(table.num_rows)
            yield table

    monkeypatch.setattr(MemorySource, "_batches", counted)
    fit(yesterday, start=model)
    assert sum(rows) == 2 * 3000


def test_a_saved_model_is_as_good(model, yesterday, tmp_path):
    model.save(tmp_path / "model")
    today = make_table(1000, 2)
    left, right = fit(today, start=model), fit(today, start=tmp_path / "model")
    np.testing.assert_array_equal(left.model.parameters.means, right.model.parameters.means)
    with pytest.raises(BadInputError):
        fit(today, start=tmp_path / "nowhere")
    (tmp_path / "model" / "means.f64").unlink()
    with pytest.raises(DamagedError):
        fit(today, start=tmp_path / "model")


def test_a_saved_estimator_may_be_a_start(yesterday, tmp_path):
    GaussianMixture(3, random_state=0).fit(yesterday[["x", "y"]]).save(tmp_path / "estimator")
    warm = fit(yesterday, start=tmp_path / "estimator")
    assert warm.n_components == 3
    assert warm.update(make_table(500, 1)).labels == (0, 1, 2)


def test_components_without_rows_are_left_out(model):
    with pytest.warns(GmmDaskWarning, match="segment . vanished"):
        warm = fit(make_table(2000, 3, groups=(0, 2)), start=model)
    gone = ({0, 1, 2} - set(warm.labels)).pop()
    assert warm.changes.vanished == (gone,)
    assert warm.model.training.outcome == "converged"
    with pytest.warns(GmmDaskWarning, match="segment 3 is new"):
        again = fit(make_table(2000, 4, groups=(0, 2, 3)), 3, "diag", previous=warm)
    assert set(again.labels) == {*warm.labels, 3}
    assert again.model.n_labels == 4


def test_previous_numbers_may_come_from_another_model_than_the_start(model):
    today = make_table(2000, 1)
    with pytest.warns(GmmDaskWarning, match="vanished"):
        two = fit(make_table(2000, 3, groups=(1, 2)), start=model)
    with pytest.warns(GmmDaskWarning, match="segment 3 is new"):
        assert fit(today, start=model, previous=two).model.n_labels == 4


def test_a_selection_keeps_numbers_whatever_it_chooses(model):
    today = make_table(3000, 5)
    found = select(today, range(2, 5), ["full", "diag"], previous=model)
    assert found.best.labels[:3] == (0, 1, 2)
    same = found.best.score(today)["segment"] == model.score(today)["segment"]
    assert same.mean() > 0.99
    assert found.model(0).changes.merged


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"n_components": 2}, "2 components, and a start of 3"),
        ({"covariance_type": "full"}, "type full, and a start of type diag"),
        ({"columns": {"transform": "none"}}, "a start, which brings its own"),
        ({"columns": {"continuous": ["x"]}}, "a start, which brings its own"),
        ({"seed": -1}, "seed"),
        ({"tol": 0}, "tol"),
    ],
)
def test_what_is_not_as_the_start_is_refused(model, yesterday, arguments, says):
    with pytest.raises(UsageError, match=says):
        fit(yesterday, start=model, **arguments)


def test_what_is_as_the_start_may_be_said(model, yesterday):
    assert fit(yesterday, 3, "VVI", start=model, columns={}).labels == (0, 1, 2)


def test_neither_a_number_of_components_nor_a_start(yesterday):
    with pytest.raises(UsageError, match="neither n_components nor a start"):
        fit(yesterday)


def test_tables_that_do_not_fit(model, yesterday):
    with pytest.raises(BadInputError, match=r"no column 'y'"):
        fit(yesterday.drop(columns="y"), start=model)
    with pytest.raises(BadInputError, match=r"column 'x': the type is"):
        fit(yesterday.assign(x="text"), start=model)
    with pytest.raises(BadInputError, match="none of 3000 rows has a value in every modelled column"):
        fit(yesterday.assign(x=np.nan), start=model)
    with pytest.raises(BadInputError, match="no component of the start has two of the 1 complete rows"):
        fit(yesterday.head(1), start=model)
    with pytest.raises(UsageError, match=r"given as previous has other columns: without \['w'\]"):
        fit(yesterday.assign(w=np.sin(np.arange(3000))), 3, previous=model)
