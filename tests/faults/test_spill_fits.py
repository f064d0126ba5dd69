"""Fits whose prepared rows lie on disk or nowhere: the same bits, and no file left, whatever happens on the way."""

import errno
import os
import signal
import time
from contextlib import contextmanager

import dask
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster

from gmm_dask.config import Columns, Fitting
from gmm_dask.em import Candidate
from gmm_dask.engine import InProcess, OnCluster, TableSweep
from gmm_dask.engine.places import Place
from gmm_dask.errors import ResourceError
from gmm_dask.fitting import fit_source
from gmm_dask.mixture import FAMILIES
from gmm_dask.table.shards import plan_shards
from gmm_dask.table.source import open_source
from gmm_dask.table.source.parquet import ParquetSource
from tests.mixtures import random_mixture, sample_rows


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """150,000 rows in several shards."""
    rng = np.random.default_rng(7)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 3, 3, separation=1.5), 150_000)
    rows[::31, 1] = np.nan
    path = tmp_path_factory.mktemp("spill") / "table.parquet"
    pq.write_table(pa.table(dict(zip("abc", rows.T, strict=True))), path, row_group_size=20_000)
    return str(path)


@pytest.fixture(scope="module")
def n_shards(table):
    return len(plan_shards(open_source(table)))


@pytest.fixture
def scratch(tmp_path):
    """Where this process, and the workers of `cluster`, spill."""
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        yield tmp_path


@pytest.fixture
def held(monkeypatch):
    """Has tables held in this way, whatever room there is."""

    def hold(where):
        monkeypatch.setattr("gmm_dask.engine.holding.choose_place", lambda *sizes: Place(where))

    return hold


def spilled_files(folder):
    return list(folder.rglob("*.blocks"))


class Watching:
    """An observer that keeps notes, and calls back after each sweep."""

    def __init__(self, after_sweep=lambda iteration: None):
        self.after_sweep, self.notes = after_sweep, []

    def stage(self, name): ...

    def shards(self, done, total): ...

    def note(self, text):
        self.notes.append(text)

    def iteration(self, progress):
        if progress.stage == "fit":
            self.after_sweep(progress.iteration)


def fitted_bits(table, engine, after_sweep=lambda iteration: None):
    """What a fit computes, as bytes, and its notes."""
    observer = Watching(after_sweep)
    selection = fit_source(
        open_source(table),
        engine,
        [Candidate(3, FAMILIES["full"])],
        columns=Columns(transform="standardise"),
        fitting=Fitting(tol=1e-9, max_iter=12, sample_rows=2000, n_init=1),
        observer=observer,
    )
    fit = selection.results[0].fit
    arrays = [fit.parameters.weights, fit.parameters.means, fit.parameters.covariances, np.array(fit.history)]
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays), observer.notes


@pytest.fixture(scope="module")
def expected(table):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gmm_dask.engine.holding.choose_place", lambda *sizes: Place("memory"))
        return fitted_bits(table, InProcess(1))[0]


@pytest.mark.parametrize("where", ["disk", "source"])
def test_the_bits_do_not_depend_on_where_blocks_lie(table, expected, n_shards, scratch, held, where):
    held(where)
    files = []
    bits, _ = fitted_bits(table, InProcess(2), lambda iteration: files.append(len(spilled_files(scratch))))
    assert bits == expected
    assert set(files) == {n_shards if where == "disk" else 0}
    assert not spilled_files(scratch)


def test_a_spilled_table_is_read_twice_whatever_the_iterations(table, n_shards, scratch, held, monkeypatch):
    """Once for its profile, once to be prepared, counted and sampled."""
    held("disk")
    reads = []
    read = ParquetSource._batches
    monkeypatch.setattr(ParquetSource, "_batches", lambda *arguments: reads.append(1) or read(*arguments))
    fitted_bits(table, InProcess(1))
    assert len(reads) == 2 * n_shards


def test_no_file_is_left_while_an_error_is_looked_at(table, scratch, held):
    held("disk")

    def fail(iteration):
        assert spilled_files(scratch)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fitted_bits(table, InProcess(2), fail)
    assert caught.traceback
    assert not spilled_files(scratch)


def test_a_full_disk_is_told_and_changes_nothing(table, expected, n_shards, scratch, held, monkeypatch):
    held("disk")
    left = [4]

    def allocate(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.posix_fallocate", allocate)
    bits, notes = fitted_bits(table, InProcess(1), lambda iteration: None)
    assert bits == expected
    (note,) = [note for note in notes if "could not be held" in note]
    assert (
        f"{n_shards - 4} of {n_shards} shards could not be held on disk and are read in every pass: {scratch}" in note
    )
    assert "No space left on device" in note
    assert not spilled_files(scratch)


def test_a_disk_that_fills_up_while_it_is_written(table, expected, n_shards, scratch, held, monkeypatch):
    held("disk")

    class Full:
        """Takes half of the first write, and finds no room for the rest."""

        def __init__(self, descriptor, mode, buffering):
            self.file, self.writes = os.fdopen(descriptor, mode, buffering=buffering), 0

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            self.writes += 1
            if self.writes > 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(data[: len(data) // 2])

    monkeypatch.setattr("gmm_dask.engine.spill.os", type("os", (), {**vars(os), "fdopen": staticmethod(Full)}))
    bits, notes = fitted_bits(table, InProcess(1))
    assert bits == expected
    assert any(f"{n_shards} of {n_shards} shards could not be held on disk" in note for note in notes)
    assert not spilled_files(scratch)


@contextmanager
def cluster(folder, n_workers=2, **options):
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            local_directory=str(folder),
            dashboard_address="127.0.0.1:0",
            **options,
        ) as started,
        Client(started, set_as_default=False) as client,
    ):
        yield client


def test_workers_too_small_for_a_task_are_refused_before_anything_is_read(table, scratch, monkeypatch):
    monkeypatch.setattr(ParquetSource, "_batches", None)
    with (
        cluster(scratch, 1, processes=False, memory_limit="400 MB") as client,
        pytest.raises(ResourceError, match=r"profiling this table takes up to .* MiB a thread"),
    ):
        fitted_bits(table, OnCluster(client))


@pytest.mark.slow
def test_on_a_cluster_whose_worker_is_killed(table, expected, n_shards, scratch, held):
    held("disk")
    files, killed = [], []

    with cluster(scratch, processes=True) as client:

        def kill(iteration):
            files.append(len(spilled_files(scratch)))
            if iteration == 3:
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)

        bits, _ = fitted_bits(table, OnCluster(client), kill)
        assert bits == expected
        assert killed
        assert files[0] == n_shards
        # Files of a worker that lives are gone; those of the one killed go with its folder, which the next one clears.
        wait_for(lambda: len({path.parent for path in spilled_files(scratch)}) <= 1)


@pytest.mark.slow
def test_on_a_cluster_no_file_is_left_while_an_error_is_looked_at(table, n_shards, scratch, held):
    held("disk")
    with cluster(scratch, processes=True) as client:

        def fail(iteration):
            assert len(spilled_files(scratch)) == n_shards
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError) as caught:
            fitted_bits(table, OnCluster(client), fail)
        assert caught.traceback
        wait_for(lambda: not spilled_files(scratch))


@pytest.mark.slow
def test_shards_that_move_are_prepared_where_they_come_to(table, expected, n_shards, scratch, held, monkeypatch):
    """Copies of handles on other workers, and the originals dropped: no file is read by another process."""
    held("disk")
    with cluster(scratch, processes=True) as client:
        sweep = TableSweep.__call__
        moved = []

        def moving(self, candidates):
            if not moved:
                holders = client.who_has(self.shards.futures)
                for future in self.shards.futures:
                    there = set(client.nthreads()) - set(holders[future.key])
                    client.replicate([future], workers=list(there))
                    moved.extend(there)
            return sweep(self, candidates)

        monkeypatch.setattr(TableSweep, "__call__", moving)
        bits, _ = fitted_bits(table, OnCluster(client))
        assert bits == expected
        assert len(moved) >= n_shards // 2


def wait_for(condition, seconds=10):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)
