"""A Prefect server for the tests of the flows, and a small table with two clear segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gmm_dask_flows  # before Prefect, for its defaults
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from gmm_dask import pipeline
from gmm_dask.config import FitJob, Table


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session", autouse=True)
def prefect_server(prefect_home: Path) -> Iterator[None]:
    """One server for all tests, with a home and a database of its own."""
    assert gmm_dask_flows.__all__
    settings = {PREFECT_HOME: prefect_home, PREFECT_SERVER_ANALYTICS_ENABLED: False}
    with temporary_settings(settings), prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """400 rows: an identifier, two measurements of two segments, a tenth of one of them missing."""
    rng = np.random.default_rng(5)
    centres = np.repeat([-4.0, 4.0], 200)
    columns = {
        "id": pa.array([f"row-{row}" for row in range(400)]),
        "width": pa.array(rng.normal(centres)),
        "height": pa.array(rng.normal(centres), mask=np.arange(400) % 10 == 0),
    }
    path = tmp_path_factory.mktemp("table") / "table.csv"
    pa.csv.write_csv(pa.table(columns), path)
    return Table(path=str(path))


@pytest.fixture(scope="session")
def model(table: Table, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of the table, fitted without Prefect."""
    path = str(tmp_path_factory.mktemp("model") / "model")
    pipeline.fit(FitJob(table=table, model=path, n_components=2))
    return path


@pytest.fixture
def newest_artifact() -> Callable[[str], Any]:
    """Reads the artifact of a key that was left last."""

    def read(key: str) -> Any:
        with get_client(sync_client=True) as client:
            found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        return max(found, key=lambda artifact: artifact.created)

    return read
