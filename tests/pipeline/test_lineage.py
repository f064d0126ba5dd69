"""Models that come after models, as jobs: updates, warm starts, and numbers that stay from night to night."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gmm_dask import load_model
from gmm_dask.config import FitJob, PipelineJob, SelectJob, Table, UpdateJob
from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.output import resolve, verify
from gmm_dask.pipeline import fit, select, stages_of, update


def write(path, n, seed, groups=(0, 1)):
    rng = np.random.default_rng(seed)
    rows = np.array([[0.0, 0.0], [9.0, 2.0], [-9.0, 9.0]])[rng.choice(groups, n)] + rng.normal(size=(n, 2))
    pd.DataFrame(rows, columns=["x", "y"]).to_parquet(path)
    return Table(path=str(path))


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    folder = tmp_path_factory.mktemp("days")
    return [write(folder / f"{day}.parquet", 1000, day) for day in range(3)]


@pytest.fixture
def model(days, tmp_path):
    fit(FitJob(table=days[0], model=str(tmp_path / "model"), n_components=2))
    return str(tmp_path / "model")


def test_an_update_publishes_a_model_and_tells_what_came_of_it(days, model, tmp_path):
    done = update(UpdateJob(model=model, table=days[1], output=str(tmp_path / "next"), update={"forgetting": 0.3}))
    assert (done.stage, done.rows, done.n_components, done.outcome) == ("update", 1000, 2, "converged")
    assert done.forgetting == pytest.approx(0.3)
    assert abs(done.fall) < 0.1
    assert done.changes is not None
    assert set(done.changes.kept) == {0, 1}
    assert done.notes == ()
    assert "1,000 rows taken in, 30.0% of what 2 components hold" in done.summary
    assert verify(done.path).kind == "model"
    assert load_model(tmp_path / "next").model.training.updates == 1
    assert load_model(model).model.training.updates == 0


def test_day_after_day_in_one_place(days, model):
    for day, table in enumerate(days[1:], 1):
        update(UpdateJob(model=model, table=table, output=model))
        assert load_model(model).model.training.updates == day
        assert load_model(model).model.training.n_rows == 1000 * (day + 1)
    job = UpdateJob(model=model, table=days[2], output=model)
    before = resolve(model).version
    with pytest.raises(UsageError, match="what the model was last updated with"):
        update(job)  # as a repeated job would
    assert resolve(model).version == before


def test_a_repeated_update_to_another_place_has_the_same_bits(days, model, tmp_path):
    job = UpdateJob(model=model, table=days[1], output=str(tmp_path / "next"))
    sums = []
    for _ in range(2):
        update(job)
        sums.append([part.sha256 for part in resolve(job.output).parts])
    assert sums[0] == sums[1]


def test_a_failing_update_leaves_the_version_before(model, tmp_path):
    pd.DataFrame({"x": [1.0, np.inf], "y": [1.0, 2.0]}).to_parquet(tmp_path / "bad.parquet")
    before = resolve(model).version
    with pytest.raises(BadInputError, match=r"bad\.parquet"):
        update(UpdateJob(model=model, table=Table(path=str(tmp_path / "bad.parquet")), output=model))
    assert resolve(model).version == before


def test_a_fit_from_a_model_on(days, model, tmp_path):
    done = fit(FitJob(table=days[1], model=str(tmp_path / "next"), start=model))
    assert (done.n_components, done.covariance_type) == (2, "full")
    assert done.changes is not None
    assert set(done.changes.kept) == {0, 1}
    with pytest.raises(UsageError, match="3 components, and a start of 2"):
        fit(FitJob(table=days[1], model=str(tmp_path / "other"), start=model, n_components=3))
    with pytest.raises(UsageError, match="neither a number of components"):
        fit(FitJob(table=days[1], model=str(tmp_path / "other")))
    assert not (tmp_path / "other").exists()


def test_a_selection_takes_up_the_numbers_of_the_model_it_replaces(days, tmp_path):
    place = str(tmp_path / "model")
    job = SelectJob(table=days[0], model=place, previous=place, candidates={"n_components": "1:3"})
    first = select(job)
    assert first.changes is None
    assert first.notes == (f"there is no model in {place} yet: segments are numbered from the largest",)
    more = write(tmp_path / "more.parquet", 1500, 9, groups=(1, 2))
    second = select(job.model_copy(update={"table": more}))
    assert second.changes is not None
    assert second.changes.new == (2,)
    assert len(second.changes.vanished) == 1
    assert "segment 2 is new: not in the model before" in second.notes
    (gone,) = second.changes.vanished
    assert load_model(place).labels == tuple(sorted({0, 1, 2} - {gone}))


def test_a_model_before_that_is_elsewhere_has_to_be_there(days, tmp_path):
    job = SelectJob(table=days[0], model=str(tmp_path / "model"), previous=str(tmp_path / "nowhere"))
    with pytest.raises(BadInputError, match="nowhere"):
        select(job)


def test_a_pipeline_keeps_labels_if_asked(days, tmp_path):
    job = PipelineJob(output=str(tmp_path), source=days[0])
    assert stages_of(job).select.previous is None
    stages = stages_of(job.model_copy(update={"keep_labels": True}))
    assert stages.select.previous == stages.select.model == str(Path(tmp_path) / "model")
