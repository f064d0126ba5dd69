"""The pipeline runs from a table to a report, and Prefect's pages say what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from gmm_dask_flows import pipeline

from gmm_dask.config import Candidates, PipelineJob, Table
from gmm_dask.errors import UsageError


def job_of(table: Table, folder: Path, **values: Any) -> PipelineJob:
    few = Candidates(n_components=[1, 2])
    return PipelineJob(**{"source": table, "output": str(folder), "candidates": few, "sample_rows": 50} | values)


def test_every_stage_publishes_under_the_output_and_returns_its_record(
    table: Table, tmp_path: Path, newest_artifact: Callable[[str], Any]
) -> None:
    done = pipeline(job_of(table, tmp_path))
    places = ["ingested", "model", "segments", "imputed", "synthetic", "report.html"]
    assert [Path(stage.path) for stage in done] == [tmp_path / place for place in places]
    assert [stage.stage for stage in done] == ["ingest", "select", "score", "impute", "sample", "report"]
    assert all(Path(stage.path).exists() for stage in done)
    assert (tmp_path / "selection").is_dir()

    selection = newest_artifact("gmm-dask-selection")
    assert selection.type == "table"
    assert [row["n_components"] for row in json.loads(selection.data)] == [1, 2]
    assert (tmp_path / "report.html").as_uri() in newest_artifact("gmm-dask-report").data
    summary = json.loads(newest_artifact("gmm-dask-run").data)
    assert [row["where"] for row in summary] == [stage.path for stage in done]


def test_a_second_run_replaces_the_first(table: Table, tmp_path: Path) -> None:
    job = job_of(table, tmp_path, report=False, sample_rows=0)
    first, second = pipeline(job), pipeline(job)
    assert [stage.stage for stage in second] == ["ingest", "select", "score", "impute"]
    assert [stage.path for stage in first] == [stage.path for stage in second]


def test_a_report_that_cannot_be_written_is_refused_before_any_work(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise UsageError("matplotlib is not installed")

    monkeypatch.setattr("gmm_dask_flows.whole.check_available", missing)
    with pytest.raises(UsageError, match="matplotlib"):
        pipeline(job_of(table, tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert len(pipeline(job_of(table, tmp_path, report=False, sample_rows=0))) == 4


def test_the_passes_run_on_the_cluster_at_the_jobs_address(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("gmm_dask.engine.opening.local_cluster")
    loopback = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=1, processes=False, protocol="tcp", host="127.0.0.1", **loopback) as cluster:
        done = pipeline(job_of(table, tmp_path, report=False, dask=cluster.scheduler_address))
    assert len(done) == 5
