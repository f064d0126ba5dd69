"""How many tasks a pass takes, and where they run: what its overhead is made of."""

import time
from collections import Counter

import numpy as np
import pytest
from distributed import Client, LocalCluster, SchedulerPlugin, get_worker

from gmm_dask.engine import OnCluster
from gmm_dask.engine.placement import SHARDS_PER_TASK


class Watching(SchedulerPlugin):
    """Counts finished tasks by the first word of their keys."""

    def __init__(self):
        self.finished = Counter()

    def transition(self, key, start, finish, *args, **kwargs):
        if (start, finish) == ("processing", "memory"):
            self.finished[key.partition("-")[0]] += 1


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster


@pytest.fixture
def engine(cluster):
    with Client(cluster, set_as_default=False) as client:
        yield OnCluster(client)


@pytest.fixture
def watching(cluster):
    plugin = Watching()
    cluster.scheduler.add_plugin(plugin, name="watching")
    yield plugin
    cluster.scheduler.remove_plugin("watching")


def load(spec):
    return spec


def count(shard, shared):
    return 1


def count_slowly(shard, shared):
    time.sleep(0.01)
    return 1


def add(left, right):
    return left + right


def worker_of(shard, shared):
    return {shard: get_worker().address}


def union(left, right):
    return left | right


@pytest.mark.parametrize(("n", "most"), [(1, 1), (4, 4), (16, 8), (256, 24)])
def test_a_pass_takes_few_tasks(engine, watching, n, most):
    kept = engine.keep(load, range(n))
    engine.map_reduce(count, kept, None, add)  # by now all shards are where they stay
    before = watching.finished.copy()
    assert engine.map_reduce(count, kept, None, add) == n
    assert 0 < (watching.finished - before).total() <= most


def test_shards_that_are_not_kept_share_tasks_too(engine, watching):
    assert engine.map_reduce(count, range(256), None, add) == 256
    assert watching.finished.total() <= 256 // SHARDS_PER_TASK + 2


def test_many_parts_are_joined_on_the_workers(engine, watching, monkeypatch):
    monkeypatch.setattr("gmm_dask.engine.cluster.PARTS_TO_GATHER", 3)
    assert engine.map_reduce(count, range(256), None, add) == 256
    assert watching.finished["count"] == 16
    assert watching.finished["join"] == 6 + 2


def test_large_parameters_are_sent_once(engine, watching):
    assert engine.map_reduce(count, range(64), np.ones(400_000), add) == 64
    assert watching.finished["_identity"] == 1


def test_shards_are_swept_where_they_are_held(engine):
    kept = engine.keep(load, range(64))
    engine.map_reduce(count, kept, None, add)
    holders = engine.client.who_has(list(kept))
    swept = engine.map_reduce(worker_of, kept, None, union)
    assert all(swept[number] in holders[kept[number].key] for number in range(64))
    assert len(set(swept.values())) == 2
    changes = sum(swept[number] != swept[number + 1] for number in range(63))
    assert changes < 8, "neighbours are on different workers: their results cannot be merged where they are"


def test_shards_stay_where_they_are_while_the_workers_do(engine, watching):
    kept = engine.keep(load, range(64))
    for _ in range(3):
        engine.map_reduce(count, kept, None, add)
    assert watching.finished["load"] == 64


def test_progress_is_told_by_shards_while_a_pass_runs(engine, monkeypatch):
    monkeypatch.setattr("gmm_dask.engine.cluster._POLL_SECONDS", 0.01)
    seen = []
    engine.map_reduce(count_slowly, range(64), None, add, lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (64, 64)
    assert {16, 32, 48} & {done for done, _ in seen}


def test_passes_that_are_done_leave_nothing_on_the_cluster(engine, cluster, monkeypatch):
    monkeypatch.setattr("gmm_dask.engine.cluster._RELEASE_SECONDS", 0)
    engine.map_reduce(count, range(256), None, add)
    give_up = time.monotonic() + 10
    while left := [key for key in list(cluster.scheduler.tasks) if key.startswith(("count-", "join-"))]:
        assert time.monotonic() < give_up, left
        time.sleep(0.01)
