"""Each flow has a deployment whose parameters are a valid job, as far as that shows without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gmm_dask_flows
import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

FLOWS = {name: flow for name, flow in vars(gmm_dask_flows).items() if isinstance(flow, Flow)}


@pytest.fixture(scope="module")
def deployments(deploy: Path) -> list[dict[str, Any]]:
    return yaml.safe_load((deploy / "prefect.yaml").read_text())["deployments"]


def test_each_flow_is_deployed_once(deployments: list[dict[str, Any]]) -> None:
    assert sorted(found["entrypoint"] for found in deployments) == sorted(f"gmm_dask_flows.{name}" for name in FLOWS)


def test_entrypoints_are_the_flows(deployments: list[dict[str, Any]]) -> None:
    for found in deployments:
        flow = FLOWS[found["entrypoint"].rpartition(".")[2]]
        assert load_flow_from_entrypoint(found["entrypoint"], use_placeholder_flow=False) is flow


def test_parameters_are_jobs(deployments: list[dict[str, Any]]) -> None:
    for found in deployments:
        flow = FLOWS[found["entrypoint"].rpartition(".")[2]]
        assert flow.validate_parameters(found["parameters"])["job"].dask == "{{ $GMM_DASK_SCHEDULER }}"


def test_the_pipeline_runs_every_night(deployments: list[dict[str, Any]]) -> None:
    scheduled = {found["entrypoint"]: found["schedules"] for found in deployments if "schedules" in found}
    assert list(scheduled) == ["gmm_dask_flows.pipeline"]
    assert scheduled["gmm_dask_flows.pipeline"][0]["cron"] == "0 3 * * *"
