"""Each flow runs alone, and asks for the record that its job takes."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from gmm_dask_flows import fit, impute, ingest, pipeline, sample, score, select_k, update
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from gmm_dask.config import (
    Candidates,
    FitJob,
    ImputeJob,
    IngestJob,
    PipelineJob,
    Record,
    SampleJob,
    ScoreJob,
    SelectJob,
    Table,
    UpdateJob,
)
from gmm_dask.pipeline import Done

FLOWS = {
    "gmm-dask-ingest": (ingest, IngestJob),
    "gmm-dask-select-k": (select_k, SelectJob),
    "gmm-dask-fit": (fit, FitJob),
    "gmm-dask-update": (update, UpdateJob),
    "gmm-dask-score": (score, ScoreJob),
    "gmm-dask-impute": (impute, ImputeJob),
    "gmm-dask-sample": (sample, SampleJob),
    "gmm-dask-pipeline": (pipeline, PipelineJob),
}


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_takes_its_jobs_record_and_keeps_no_result(name: str) -> None:
    flow, record = FLOWS[name]
    assert flow.name == name
    assert flow.persist_result is False
    assert flow.description, "a deployment shows the docstring"
    assert _asks_for(flow, record)


def _asks_for(flow: Flow, record: type[Record]) -> bool:
    schema = parameter_schema(flow)
    wanted = set(record.model_json_schema()["properties"])
    found = schema.definitions[record.__name__]
    return schema.required == ["job"] and set(schema.properties) == {"job"} and set(found["properties"]) == wanted


def rows_of(done: Done) -> int:
    return pq.read_table(done.path).num_rows


def test_ingest(table: Table, tmp_path: Path) -> None:
    done = ingest(IngestJob(source=table, output=str(tmp_path / "ingested")))
    assert (done.stage, done.rows, rows_of(done)) == ("ingest", 400, 400)


def test_select_k(table: Table, tmp_path: Path) -> None:
    job = SelectJob(
        table=table,
        model=str(tmp_path / "model"),
        selection=str(tmp_path / "selection"),
        candidates=Candidates(n_components=[1, 2, 3]),
    )
    chosen = select_k(job)
    assert (chosen.n_components, chosen.outcome, len(chosen.table)) == (2, "converged", 3)
    assert pq.read_table(tmp_path / "selection").num_rows == 3


def test_fit(table: Table, tmp_path: Path) -> None:
    chosen = fit(FitJob(table=table, model=str(tmp_path / "model"), n_components=2, covariance_type="diag"))
    assert (chosen.n_components, chosen.covariance_type) == (2, "diag")


def test_update(table: Table, model: str, tmp_path: Path) -> None:
    updated = update(UpdateJob(model=model, table=table, output=str(tmp_path / "updated")))
    assert (updated.stage, updated.rows, updated.n_components) == ("update", 360, 2)
    assert "40 of 400 rows have a gap in a modelled column; the fit leaves them out" in updated.notes


def test_score(table: Table, model: str, tmp_path: Path) -> None:
    done = score(ScoreJob(table=table, model=model, output=str(tmp_path / "segments")))
    assert rows_of(done) == 400


def test_impute(table: Table, model: str, tmp_path: Path) -> None:
    done = impute(ImputeJob(table=table, model=model, output=str(tmp_path / "imputed")))
    assert rows_of(done) == 400
    assert pq.read_table(done.path)["height"].null_count == 0


def test_sample(model: str, tmp_path: Path) -> None:
    done = sample(SampleJob(model=model, output=str(tmp_path / "synthetic"), rows=123))
    assert rows_of(done) == 123


def test_a_flow_takes_the_plain_values_of_a_deployments_form(table: Table, tmp_path: Path) -> None:
    job = {"source": {"path": table.path}, "output": str(tmp_path / "ingested"), "dask": ""}
    assert ingest(job).rows == 400
