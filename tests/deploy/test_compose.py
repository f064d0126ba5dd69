"""The compose file is one, shows itself to this machine alone, and every service can be seen to be well."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

SERVICES = ["prefect-server", "deployments", "prefect-worker", "dask-scheduler", "dask-worker"]


@pytest.fixture(scope="module")
def compose(deploy: Path) -> dict[str, Any]:
    return yaml.safe_load((deploy / "compose.yaml").read_text())


def test_it_follows_the_compose_specification(deploy: Path) -> None:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run([*command, deploy / "compose.yaml"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_all_services_share_one_image(compose: dict[str, Any]) -> None:
    assert list(compose["services"]) == SERVICES
    assert len({service["image"] for service in compose["services"].values()}) == 1


def test_ports_are_open_to_this_machine_alone(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "deployments"])
def test_services_that_stay_are_watched_and_restarted(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    compile(service["healthcheck"]["test"][3], name, "exec")


def test_flows_and_dask_workers_see_the_same_tables(compose: dict[str, Any]) -> None:
    places = [compose["services"][name]["volumes"] for name in ("prefect-worker", "dask-worker")]
    assert places[0] == places[1] == ["${GMM_DASK_DATA:-data}:/data"]
    assert compose["services"]["dask-worker"]["deploy"]["replicas"] == 2


def test_services_wait_for_services_that_exist(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for other, condition in service.get("depends_on", {}).items():
            watched = "healthcheck" in services[other]
            assert watched == (condition["condition"] == "service_healthy")


@pytest.mark.parametrize("name", SERVICES)
def test_commands_are_commands_of_the_image(compose: dict[str, Any], name: str) -> None:
    first = shlex.split(compose["services"][name]["command"])[0]
    assert first == "sh" or Path(sys.executable).with_name(first).exists()
