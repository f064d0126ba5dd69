"""Same shards, same bits: in process, on threads, on processes, on any number of workers, after a worker was killed."""

import os
import signal
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster
from threadpoolctl import threadpool_info, threadpool_limits

from gmm_dask.config import Columns, Fitting
from gmm_dask.em import Candidate
from gmm_dask.engine import InProcess, OnCluster
from gmm_dask.fitting import fit_source
from gmm_dask.mixture import FAMILIES
from gmm_dask.table.source import open_source
from gmm_dask.verbs import sample_in_memory
from tests.mixtures import random_mixture, sample_rows


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """130,000 rows in several row groups: eight shards."""
    rng = np.random.default_rng(7)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 4, 3, separation=1.5), 130_000)
    rows[::31, 1] = np.nan
    path = tmp_path_factory.mktemp("bits") / "table.parquet"
    pq.write_table(pa.table(dict(zip("abc", rows.T, strict=True))), path, row_group_size=10_000)
    return str(path)


@contextmanager
def cluster(n_workers, processes, threads=1):
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads,
            processes=processes,
            dashboard_address="127.0.0.1:0",
        ) as started,
        Client(started) as client,
    ):
        yield client


class Watching:
    """An observer that calls back after each sweep over the table."""

    def __init__(self, after_sweep=lambda iteration: None):
        self.after_sweep = after_sweep
        self.iterations = 0

    def stage(self, name): ...

    def shards(self, done, total): ...

    def note(self, text): ...

    def iteration(self, progress):
        if progress.stage == "fit":
            self.iterations = progress.iteration
            self.after_sweep(progress.iteration)


def fitted_bits(table, engine, observer=None):
    """Everything a fit computes, as bytes."""
    selection = fit_source(
        open_source(table),
        engine,
        [Candidate(4, FAMILIES["full"]), Candidate(3, FAMILIES["diag"])],
        columns=Columns(transform="auto"),
        fitting=Fitting(tol=1e-9, max_iter=25, sample_rows=2000, n_init=2),
        seed=5,
        observer=observer,
    )
    parts = []
    for result in selection.results:
        parameters = result.fit.parameters
        parts += [parameters.weights, parameters.means, parameters.covariances, np.array(result.fit.history)]
    sample = sample_in_memory(selection.best, 1000, seed=1, engine=engine).to_pandas().to_numpy()
    return b"".join(np.ascontiguousarray(part).tobytes() for part in [*parts, sample])


@pytest.fixture(scope="module")
def expected(table):
    return fitted_bits(table, InProcess(1))


def test_threads_of_this_process(table, expected):
    assert fitted_bits(table, InProcess(2)) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_workers", "processes"), [(1, False), (2, False), (4, False), (1, True), (2, True), (4, True)]
)
def test_any_cluster(table, expected, n_workers, processes):
    with cluster(n_workers, processes, threads=2 if n_workers == 1 else 1) as client:
        assert fitted_bits(table, OnCluster(client)) == expected


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_fit(table, expected):
    with cluster(2, processes=True) as client:
        killed = []

        def kill(iteration):
            if iteration == 3:
                victim = next(iter(client.run(os.getpid).values()))
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

        observer = Watching(kill)
        assert fitted_bits(table, OnCluster(client), observer) == expected
        assert killed
        assert observer.iterations > 5


@pytest.mark.slow
def test_a_worker_joins_in_the_middle_of_a_fit_and_the_first_is_killed(table, expected):
    with cluster(1, processes=True) as client:
        (first,) = client.nthreads()
        process = client.run(os.getpid)[first]
        workers = []

        def change(iteration):
            if iteration == 3:
                client.cluster.scale(2)
                client.wait_for_workers(2, timeout=60)
            if iteration == 6:
                os.kill(process, signal.SIGKILL)
            workers.append(set(client.nthreads()))

        assert fitted_bits(table, OnCluster(client), Watching(change)) == expected
        assert workers[0] == {first}
        assert first not in workers[-1]


@pytest.mark.slow
def test_starts_are_tried_with_one_blas_thread_in_this_process_too(table):
    """A product shared by two BLAS threads may round otherwise, and no cluster limits the process that drives it."""
    threads = set()

    class Counting(Watching):
        def iteration(self, progress):
            if progress.stage == "starts":
                threads.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    with cluster(1, processes=True) as client, threadpool_limits(2, user_api="blas"):
        fitted_bits(table, OnCluster(client), Counting())
    assert threads == {1}


@pytest.mark.slow
def test_shards_read_in_every_pass_give_the_same_bits(table, expected, monkeypatch):
    """What happens when the prepared table does not fit the memory set aside for it."""
    monkeypatch.setattr(InProcess, "memory_bytes", property(lambda self: 0))
    assert fitted_bits(table, InProcess(2)) == expected
