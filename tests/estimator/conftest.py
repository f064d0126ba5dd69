"""Rows and a cluster for the tests of the estimator."""

import numpy as np
import pytest
from distributed import Client, LocalCluster


@pytest.fixture(scope="session")
def X():  # noqa: N802 - scikit-learn's name for rows
    """(900, 3): three overlapping groups, none at the origin, columns of different sizes."""
    rng = np.random.default_rng(20)
    centres = np.array([[2.0, 10.0, 0.5], [5.0, 14.0, -0.5], [2.0, 22.0, 1.0]])
    groups = [centre + rng.normal(size=(300, 3)) @ rng.normal(size=(3, 3)) * [1, 3, 0.3] for centre in centres]
    return rng.permutation(np.concatenate(groups))


@pytest.fixture(scope="session")
def client():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
