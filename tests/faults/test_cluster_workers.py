"""Workers that come and go between passes and within them: results keep their bits, and every worker gets its share."""

import os
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
from distributed import Client, LocalCluster, get_worker

from gmm_dask.engine import InProcess, OnCluster
from gmm_dask.errors import ResourceError

N_SHARDS = 50


def load(number):
    """Numbers of very different sizes: their sum depends on its order."""
    return np.random.default_rng(number).lognormal(sigma=20, size=100)


def weighted(shard, shared):
    time.sleep(0.01)
    return shard * shared


def where(shard, shared):
    return Counter([get_worker().address])


def add(left, right):
    return left + right


@pytest.fixture(scope="module")
def expected():
    engine = InProcess(2)
    return engine.map_reduce(weighted, engine.keep(load, range(N_SHARDS)), 0.3, add).tobytes()


@contextmanager
def cluster(processes):
    """One worker."""
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=processes, dashboard_address="127.0.0.1:0"
        ) as started,
        Client(started, set_as_default=False) as client,
    ):
        yield started, client


def kill(client, address):
    os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)


@pytest.mark.slow
def test_one_worker_joins_and_the_first_is_killed(expected):
    with cluster(processes=True) as (started, client):
        engine = OnCluster(client)
        kept = engine.keep(load, range(N_SHARDS))

        def bits():
            return engine.map_reduce(weighted, kept, 0.3, add).tobytes()

        assert bits() == expected
        (first,) = client.nthreads()
        started.scale(2)
        client.wait_for_workers(2, timeout=30)
        assert bits() == expected
        shares = engine.map_reduce(where, kept, None, add)
        assert set(shares) == set(client.nthreads())
        assert min(shares.values()) > N_SHARDS // 4, "the new worker has too little to do"
        threading.Timer(0.2, kill, [client, first]).start()  # in the middle of a pass of half a second
        while first in client.nthreads():
            assert bits() == expected
        assert bits() == expected


def test_a_scheduler_that_goes_away_in_the_middle_of_a_pass():
    with cluster(processes=False) as (started, client):
        engine = OnCluster(client)
        threading.Timer(0.3, started.close).start()
        with pytest.raises(ResourceError, match="connection to the Dask scheduler was lost"):
            engine.map_reduce(weighted, [np.ones(1)] * 1000, 0.3, add)


def test_all_workers_gone_in_the_middle_of_a_pass():
    with cluster(processes=False) as (started, client):
        engine = OnCluster(client, patience=0.1)
        threading.Timer(0.3, started.scale, [0]).start()
        with pytest.raises(ResourceError, match="no worker"):
            engine.map_reduce(weighted, [np.ones(1)] * 1000, 0.3, add)
