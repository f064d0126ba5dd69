"""Jobs: whole or not at all, repeatable, bit-identical; the pipeline's stages fit together."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from gmm_dask.config import Columns, FitJob, ImputeJob, IngestJob, PipelineJob, SampleJob, ScoreJob, SelectJob, Table
from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.output import resolve, verify
from gmm_dask.pipeline import fit, impute, ingest, report, sample, score, select, stages_of


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal(0, 1, (20_000, 2)), rng.normal(5, 1, (30_000, 2))])
    frame = pd.DataFrame({"key": [f"k{i}" for i in range(50_000)], "x": rows[:, 0], "n": np.round(rows[:, 1] * 10)})
    frame["n"] = frame["n"].astype(int)
    frame["t"] = pd.date_range("2026-01-01", periods=50_000, freq="min", tz="UTC")
    frame.loc[::13, "x"] = np.nan
    path = tmp_path_factory.mktemp("jobs") / "t.csv"
    frame.to_csv(path, index=False)
    return path


def pipeline(csv, output):
    """Every stage in turn; what they made."""
    job = PipelineJob(
        output=str(output),
        source={"path": str(csv)},
        candidates={"n_components": "1:3", "covariance_types": ["full", "diag"]},
        fitting={"n_init": 2},
        sample_rows=5000,
        seed=4,
    )
    stages = stages_of(job)
    done = [ingest(stages.ingest), select(stages.select), score(stages.score), impute(stages.impute)]
    done.append(sample(stages.sample))
    return [*done, report(stages.report, done)]


def content(path):
    """Checksums of the data files of a published folder, in order."""
    return [part.sha256 for part in resolve(path).parts]


@pytest.fixture(scope="module")
def made(csv, tmp_path_factory):
    output = tmp_path_factory.mktemp("out")
    return output, pipeline(csv, output)


def test_everything_is_published_and_verifies(made):
    output, done = made
    assert [each.stage for each in done] == ["ingest", "select", "score", "impute", "sample", "report"]
    for name, rows in {"ingested": 50_000, "segments": 50_000, "imputed": 50_000, "synthetic": 5000}.items():
        assert verify(output / name).rows == rows
    assert verify(output / "model").kind == "model"
    assert len(pd.read_parquet(output / "selection")) == 6
    assert (output / "report.html").read_text().count("<svg") == 3
    assert all(Path(each.path).exists() for each in done)


def test_types_and_untouched_columns_survive_the_path(made):
    output, _ = made
    ingested, imputed = (pq.read_table(output / name) for name in ("ingested", "imputed"))
    assert imputed.schema.names == [*ingested.schema.names, "x_imputed"]
    for name in ("key", "n", "t"):
        assert imputed.column(name).equals(ingested.column(name))
    synthetic = pq.read_schema(next((output / "synthetic").glob("part-*")))
    assert [(field.name, field.type) for field in synthetic] == [(f.name, f.type) for f in ingested.schema]


def test_a_second_run_has_the_same_bits_and_keeps_the_first(csv, made, tmp_path):
    output, _ = made
    pipeline(csv, tmp_path)
    names = ("ingested", "segments", "imputed", "synthetic", "selection")
    assert [content(output / name) for name in names] == [content(tmp_path / name) for name in names]
    arrays = [part.sha256 for part in resolve(output / "model").parts if part.name.endswith(".f64")]
    assert arrays == [part.sha256 for part in resolve(tmp_path / "model").parts if part.name.endswith(".f64")]

    before = {name: (tmp_path / name).resolve() for name in names}
    pipeline(csv, tmp_path)
    for name in names:
        assert (tmp_path / name).resolve() != before[name]
        assert content(before[name]) == content(tmp_path / name)


def test_the_best_candidate_needs_no_refit(csv, made, tmp_path):
    """The saved model's likelihood is the table's: the statistics behind the choice belong to its parameters."""
    output, done = made
    chosen = next(row for row in done[1].table if row["best"])
    rows = pd.read_parquet(output / "segments").dropna(subset=["x", "n"])
    assert rows["log_density"].sum() == pytest.approx(chosen["log_likelihood"], rel=1e-10)


def test_rows_left_out_are_counted(csv, tmp_path):
    done = fit(FitJob(table={"path": str(csv)}, model=str(tmp_path / "m"), n_components=2))
    assert done.notes == ("3,847 of 50,000 rows have a gap in a modelled column; the fit leaves them out",)
    assert done.rows == 50_000 - 3847


def test_a_failing_job_leaves_the_version_before(csv, made, tmp_path):
    output, _ = made
    target = tmp_path / "scored"
    job = ScoreJob(table={"path": str(output / "ingested")}, model=str(output / "model"), output=str(target))
    score(job)
    before = target.resolve()
    bad = pd.DataFrame({"key": ["a"] * 40_000, "x": 1.0, "n": 1.0})
    bad.loc[39_999, "x"] = np.inf
    bad.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(BadInputError, match=r"bad\.parquet.*'x'"):
        score(job.model_copy(update={"table": Table(path=str(tmp_path / "bad.parquet"))}))
    assert target.resolve() == before
    assert sorted(entry.name for entry in before.parent.iterdir() if not entry.name.startswith(".")) == ["v000001"]
    verify(target)


def test_weights_count_rows(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": np.concatenate([rng.normal(0, 1, 300), rng.normal(9, 2, 500)])})
    frame["w"] = rng.integers(0, 4, len(frame)).astype(float)
    frame.to_parquet(tmp_path / "weighted.parquet")
    frame.loc[frame.index.repeat(frame["w"].astype(int)), ["x"]].to_parquet(tmp_path / "repeated.parquet", index=False)
    columns = Columns(transform="none", continuous=["x"])
    found = [
        select(
            SelectJob(
                table={"path": str(tmp_path / f"{name}.parquet")},
                model=str(tmp_path / name),
                columns=columns.model_copy(update={"weight": weight}),
                candidates={"n_components": [1, 2]},
                fitting={"tol": 1e-10},
            )
        )
        for name, weight in (("weighted", "w"), ("repeated", None))
    ]
    for left, right in zip(found[0].table, found[1].table, strict=True):
        assert left["log_likelihood"] == pytest.approx(right["log_likelihood"], rel=1e-6)
        assert left["bic"] == pytest.approx(right["bic"], rel=1e-6)


def test_an_output_inside_the_source_does_not_come_back_as_input(tmp_path):
    pd.DataFrame({"x": np.random.default_rng(0).normal(size=50)}).to_parquet(tmp_path / "t.parquet")
    for _ in range(3):
        done = ingest(IngestJob(source={"path": str(tmp_path)}, output=str(tmp_path / "out")))
        assert done.rows == 50
    assert len(pd.read_parquet(tmp_path / "out")) == 50


def test_a_destination_that_is_taken_is_found_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("gmm_dask.pipeline.jobs.open_table", lambda table: pytest.fail("the table was opened"))
    (tmp_path / "taken").mkdir()
    taken, free = str(tmp_path / "taken"), str(tmp_path / "free")
    with pytest.raises(UsageError, match="something is in the way"):
        fit(FitJob(table={"path": "t"}, model=taken, n_components=2))
    with pytest.raises(UsageError, match="something is in the way"):
        select(SelectJob(table={"path": "t"}, model=free, selection=taken))
    with pytest.raises(UsageError, match="two places"):
        select(SelectJob(table={"path": "t"}, model=free, selection=free))


def test_rows_of_weight_zero_are_no_rows(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=40_000), "w": 0.0})
    frame.loc[::4000, "w"] = 5.0
    frame.to_parquet(tmp_path / "sparse.parquet")
    frame[frame["w"] > 0].to_parquet(tmp_path / "dense.parquet", index=False)
    found = [
        select(
            SelectJob(
                table={"path": str(tmp_path / f"{name}.parquet")},
                model=str(tmp_path / name),
                columns={"weight": "w", "transform": "none", "continuous": ["x"]},
                candidates={"n_components": [1, 2, 8]},
                fitting={"sample_rows": 100},
            )
        )
        for name in ("sparse", "dense")
    ]
    assert [row["outcome"] for row in found[0].table] == [row["outcome"] for row in found[1].table]
    assert found[0].table[0]["bic"] == pytest.approx(found[1].table[0]["bic"], rel=1e-9)


def test_weights_that_do_not_count_rows_are_noted(tmp_path):
    rng = np.random.default_rng(0)
    pd.DataFrame({"x": rng.normal(size=300), "w": 1 / 300}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="weight"):
        fit(FitJob(table={"path": "t"}, model="m", n_components=1, columns={"weights": "w"}))
    done = fit(
        FitJob(
            table={"path": str(tmp_path / "t.parquet")},
            model=str(tmp_path / "m"),
            n_components=1,
            columns={"weight": "w"},
        )
    )
    assert any("weights of 300 rows add up to 1" in note for note in done.notes)


def test_candidates_set_aside_are_named_with_the_column(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(2000, 2)), np.repeat([[9.0, 1.0]], 30, axis=0)])
    pd.DataFrame(rows, columns=["x", "y"]).to_parquet(tmp_path / "t.parquet")
    done = select(
        SelectJob(
            table={"path": str(tmp_path / "t.parquet")},
            model=str(tmp_path / "m"),
            candidates={"n_components": "1:2"},
            columns={"transform": "none"},
        )
    )
    assert done.n_components == 1
    (note,) = done.notes
    assert "1 of 2 candidates have a better BIC" in note
    assert "K = 2, full, collapsed (a component of 1.48% of the rows on a spike of column" in note


def test_jobs_take_records_only_of_what_they_know():
    with pytest.raises(ValueError, match="extra"):
        SampleJob(model="m", output="o", rows=1, rowz=2)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        SampleJob(model="m", output="o", rows=0)
    assert ImputeJob(table={"path": "t"}, model="m", output="o").dask is None
