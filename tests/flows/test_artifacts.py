"""Prefect's pages can show whatever a run left."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from gmm_dask_flows import select_k

from gmm_dask import pipeline
from gmm_dask.config import SelectJob, Table
from gmm_dask.pipeline import Chosen


def test_a_candidate_that_failed_is_shown(
    monkeypatch: pytest.MonkeyPatch, newest_artifact: Callable[[str], Any]
) -> None:
    chosen = Chosen(
        stage="select",
        path="/data/model",
        seconds=1.0,
        notes=("a column is constant",),
        n_components=1,
        covariance_type="full",
        outcome="converged",
        criterion="bic",
        table=({"best": True, "bic": 3.5}, {"best": False, "bic": float("inf")}, {"best": False, "bic": float("nan")}),
    )
    monkeypatch.setattr(pipeline, "select", lambda job, observer: chosen)
    select_k(SelectJob(table=Table(path="any"), model="any"))

    selection = newest_artifact("gmm-dask-selection")
    rows = json.loads(selection.data, parse_constant=no_json)
    assert [row["bic"] for row in rows] == [3.5, "inf", "nan"]
    assert "bic" in selection.description
    assert newest_artifact("gmm-dask-run").description == "- a column is constant"


def no_json(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")
