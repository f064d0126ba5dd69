"""A real Prefect server takes the deployments, plans the scheduled runs, and a worker runs a flow."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from gmm_dask.config import FitJob, ImputeJob, IngestJob, PipelineJob, SampleJob, ScoreJob, SelectJob, UpdateJob

pytestmark = pytest.mark.slow

JOBS = {
    "gmm-dask-ingest/on-demand": IngestJob,
    "gmm-dask-select-k/on-demand": SelectJob,
    "gmm-dask-fit/on-demand": FitJob,
    "gmm-dask-update/on-demand": UpdateJob,
    "gmm-dask-score/on-demand": ScoreJob,
    "gmm-dask-impute/on-demand": ImputeJob,
    "gmm-dask-sample/on-demand": SampleJob,
    "gmm-dask-pipeline/nightly": PipelineJob,
}


class Server(NamedTuple):
    """A Prefect server with the deployments on it: how to reach it from here, and from a command."""

    client: SyncPrefectClient
    environment: dict[str, str]


def prefect(*arguments: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("prefect")), *map(str, arguments)]


def wait_for(seconds: float, found: Callable[[], Any]) -> Any:
    """What `found` finds at last, asked again until it does."""
    give_up = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < give_up, f"not found within {seconds} s"
        time.sleep(0.5)
    return value


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """That of a new installation, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return inherited | {
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "GMM_DASK_SCHEDULER": "",
    }


@pytest.fixture(scope="module")
def server(environment: dict[str, str], repository: Path) -> Iterator[Server]:
    """Made as deploy/README.md says."""
    address = environment["PREFECT_API_URL"]
    with running(prefect("server", "start", "--host", "127.0.0.1"), environment):
        wait_for(120, lambda: answers(address))
        run = {"env": environment, "cwd": repository, "check": True, "timeout": 120, "stdout": subprocess.DEVNULL}
        subprocess.run(prefect("work-pool", "create", "gmm-dask", "--type", "process"), **run)
        subprocess.run(prefect("--no-prompt", "deploy", "--all", "--prefect-file", "deploy/prefect.yaml"), **run)
        with temporary_settings({PREFECT_API_URL: address}), get_client(sync_client=True) as client:
            yield Server(client, environment)


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A command for the length of a block; afterwards neither it nor any child of it is left."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(timeout=60)
        left = psutil.wait_procs(family, timeout=10)[1]
        for outliving in left:
            outliving.kill()
    assert left == [], "processes outlived the one that started them"


def test_every_flow_is_deployed_and_asks_for_its_record(server: Server) -> None:
    for name, record in JOBS.items():
        deployment = server.client.read_deployment_by_name(name)
        schema = deployment.parameter_openapi_schema
        wanted = record.model_json_schema()["properties"]
        assert schema["properties"]["job"]["$ref"] == f"#/definitions/{record.__name__}"
        assert set(schema["definitions"][record.__name__]["properties"]) == set(wanted)
        assert deployment.enforce_parameter_schema
        assert deployment.parameters["job"]["dask"] == ""
        assert deployment.description
    assert len(server.client.read_deployments()) == len(JOBS)


def test_the_schedule_yields_runs(server: Server) -> None:
    pipeline = server.client.read_deployment_by_name("gmm-dask-pipeline/nightly")
    planned = wait_for(60, lambda: server.client.read_flow_runs())
    assert {run.deployment_id for run in planned} == {pipeline.id}
    assert {run.state_type for run in planned} == {StateType.SCHEDULED}
    assert {run.expected_start_time.hour for run in planned} == {3}


def test_a_worker_runs_a_flow(server: Server, tmp_path: Path) -> None:
    pq.write_table(pa.table({"value": [1.0, 2.0, 3.0]}), tmp_path / "table.parquet")
    deployment = server.client.read_deployment_by_name("gmm-dask-ingest/on-demand")
    job = {"source": {"path": str(tmp_path / "table.parquet")}, "output": str(tmp_path / "ingested")}
    run = server.client.create_flow_run_from_deployment(deployment.id, parameters={"job": job})
    environment = server.environment | {"PREFECT_WORKER_QUERY_SECONDS": "1"}
    with running(prefect("worker", "start", "--pool", "gmm-dask", "--type", "process"), environment):
        ended = wait_for(120, lambda: _ended(server.client.read_flow_run(run.id)))
    assert ended.state.is_completed(), ended.state.message
    assert pq.read_table(tmp_path / "ingested").num_rows == 3


def _ended(run: Any) -> Any:
    return run if run.state.is_final() else None
