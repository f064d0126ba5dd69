"""What every engine promises: order, one tree, errors that arrive as they were raised, a limit to waiting."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from distributed import Client, LocalCluster
from threadpoolctl import threadpool_info, threadpool_limits

from gmm_dask.engine import InProcess, OnCluster, merge_tree, one_blas_thread, open_engine
from gmm_dask.engine.engine import _BlasState, _let_any_thread_limit
from gmm_dask.errors import BadInputError, ResourceError


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(params=["in process", "on cluster"])
def engine(request):
    return InProcess(2) if request.param == "in process" else OnCluster(request.getfixturevalue("client"))


def times(shard, factor):
    return shard * factor


def as_text(shard, shared):
    return str(shard)


def bracketed(left, right):
    return f"({left} {right})"


def fail_on_three(shard, shared):
    if shard == 3:
        raise BadInputError("no good", where="shard 3", advice="Mend it.")
    return shard


def fail_with(shard, error):
    raise error


def test_results_come_in_the_order_of_shards(engine):
    assert engine.map(times, range(40), 3) == [3 * shard for shard in range(40)]


def test_progress_ends_with_all_shards_done(engine):
    seen = []
    engine.map(times, range(5), 1, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 67])
def test_the_tree_is_fixed_by_shard_numbers(engine, n):
    found = engine.map_reduce(as_text, range(n), None, bracketed)
    assert found == merge_tree([str(shard) for shard in range(n)], bracketed)


def test_one_large_parameter_reaches_every_shard(engine):
    large = np.ones(200_000)
    assert engine.map_reduce(times, [1.0] * 9, large, np.add).sum() == 9 * large.sum()


def test_kept_shards_stand_for_what_was_loaded(engine):
    kept = engine.keep(as_text_alone, range(4))
    assert engine.map(concatenated, kept, "!") == ["0!", "1!", "2!", "3!"]


def test_an_error_in_a_task_arrives_with_its_fields(engine):
    with pytest.raises(BadInputError) as caught:
        engine.map(fail_on_three, range(6), None)
    assert (caught.value.where, caught.value.advice) == ("shard 3", "Mend it.")


@pytest.mark.parametrize("error", [FileNotFoundError("part-3.parquet"), TimeoutError("the store is slow")])
def test_errors_that_could_be_taken_for_the_connection_s_arrive_as_they_are(engine, error):
    with pytest.raises(type(error), match=str(error)):
        engine.map_reduce(fail_with, range(6), error, times)


def test_nobody_at_the_address(monkeypatch):
    monkeypatch.setattr("gmm_dask.engine.opening._CONNECT_SECONDS", 1)
    with pytest.raises(ResourceError, match="no Dask scheduler answered"), open_engine("tcp://127.0.0.1:9"):
        pass


def test_a_scheduler_that_goes_away_is_a_resource_error():
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        engine = OnCluster(client)
        client.close()
        with pytest.raises(ResourceError, match="connection to the Dask scheduler was lost"):
            engine.describe()


def blas_threads():
    """How many threads each BLAS of this process may use, where they are the same number."""
    (threads,) = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    return threads


@pytest.fixture
def two_blas_threads(monkeypatch):
    """BLAS at two threads, whatever holds it to one in this process, such as the workers of another test."""
    monkeypatch.setattr("gmm_dask.engine.engine._BLAS", _BlasState())
    _let_any_thread_limit()
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.mark.usefixtures("two_blas_threads")
def test_overlapping_limits_of_blas_are_taken_back_by_the_last():
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == 1
    second.__exit__(None, None, None)
    assert blas_threads() == 2


@pytest.mark.usefixtures("two_blas_threads")
def test_a_limit_of_blas_is_taken_back_by_another_thread_than_set_it():
    first, second = one_blas_thread(), one_blas_thread()
    with ThreadPoolExecutor(1) as thread:  # which goes on to live
        thread.submit(first.__enter__).result()
        second.__enter__()
        thread.submit(first.__exit__, None, None, None).result()
        assert blas_threads() == 1
        second.__exit__(None, None, None)
        assert blas_threads() == 2


@pytest.mark.usefixtures("two_blas_threads")
def test_a_limit_of_blas_is_set_again_where_somebody_has_lifted_it():
    with one_blas_thread():
        with threadpool_limits(2, user_api="blas"):
            assert blas_threads() == 2
            with one_blas_thread():
                assert blas_threads() == 1
        assert blas_threads() == 1
    assert blas_threads() == 2


@pytest.mark.usefixtures("two_blas_threads")
def test_workers_of_one_process_leave_blas_as_they_found_it():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        OnCluster(client)
        assert blas_threads() == 1
        OnCluster(client)
        assert blas_threads() == 1
    assert blas_threads() == 2


def test_waiting_for_workers_has_an_end():
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(ResourceError, match="no worker"),
    ):
        OnCluster(client, patience=0.1)


def test_rows_in_memory_need_no_cluster():
    with open_engine(in_memory=True) as engine:
        assert isinstance(engine, InProcess)


def as_text_alone(shard):
    return str(shard)


def concatenated(text, suffix):
    return text + suffix
