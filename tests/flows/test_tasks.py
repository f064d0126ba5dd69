"""Tasks are repeated when that may help; errors come out as they were raised; results are stored nowhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from gmm_dask_flows import ingest, run_pipeline, tasks
from prefect import Task
from prefect.cache_policies import NO_CACHE

from gmm_dask import pipeline
from gmm_dask.config import IngestJob, PipelineJob, Table
from gmm_dask.errors import BadInputError, DamagedError, GmmDaskError, ResourceError, UsageError
from gmm_dask.pipeline import Done
from gmm_dask.progress import Observer

TASKS = [value for value in vars(tasks).values() if isinstance(value, Task)]


@pytest.fixture
def job(table: Table, tmp_path: Path) -> IngestJob:
    return IngestJob(source=table, output=str(tmp_path / "ingested"))


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[GmmDaskError, int], list[int]]:
    """Make ingest fail so many times before it succeeds. Returns the list of attempts, which grows."""
    monkeypatch.setattr(tasks.ingest, "retry_delay_seconds", 0)
    real = pipeline.ingest

    def install(error: GmmDaskError, times: int) -> list[int]:
        attempts: list[int] = []

        def attempt(job: IngestJob, observer: Observer) -> Done:
            attempts.append(len(attempts) + 1)
            if len(attempts) <= times:
                raise error
            return real(job, observer)

        monkeypatch.setattr(pipeline, "ingest", attempt)
        return attempts

    return install


def test_there_is_a_task_for_each_job() -> None:
    assert {task.name for task in TASKS} == {
        "ingest",
        "select-k",
        "fit",
        "update",
        "score",
        "impute",
        "sample",
        "report",
    }


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_tasks_are_repeated_and_keep_nothing(task: Task) -> None:
    assert task.retries == 2
    assert task.retry_delay_seconds == [5, 30]
    assert task.retry_condition_fn is tasks.worth_repeating
    assert task.persist_result is False
    assert task.cache_policy == NO_CACHE


def test_a_lack_that_passes_is_outlived(failing, job: IngestJob) -> None:
    attempts = failing(ResourceError("no worker"), times=1)
    assert ingest(job).rows == 400
    assert attempts == [1, 2]


def test_a_lack_that_stays_is_raised_after_the_last_attempt(failing, job: IngestJob) -> None:
    attempts = failing(ResourceError("no worker", advice="Start one."), times=10)
    with pytest.raises(ResourceError) as caught:
        ingest(job)
    assert (caught.value.found, caught.value.advice, caught.value.exit_code) == ("no worker", "Start one.", 4)
    assert attempts == [1, 2, 3]


@pytest.mark.parametrize("kind", [BadInputError, DamagedError, UsageError])
def test_what_a_repeat_cannot_mend_is_not_repeated(failing, job: IngestJob, kind: type[GmmDaskError]) -> None:
    attempts = failing(kind("found", expected="expected", where="where", advice="advice"), times=10)
    with pytest.raises(kind) as caught:
        ingest(job)
    assert type(caught.value) is kind
    error = caught.value
    assert (error.found, error.expected, error.where, error.advice) == ("found", "expected", "where", "advice")
    assert attempts == [1]


def test_a_real_error_comes_out_of_run_pipeline(tmp_path: Path) -> None:
    job = PipelineJob(source=Table(path=str(tmp_path / "nothing.parquet")), output=str(tmp_path / "output"))
    with pytest.raises(BadInputError, match=r"nothing\.parquet"):
        run_pipeline(job)


def test_results_are_stored_nowhere(job: IngestJob, prefect_home: Path) -> None:
    before = set(prefect_home.rglob("*"))
    ingest(job)
    new = [path for path in set(prefect_home.rglob("*")) - before if path.is_file()]
    assert [path for path in new if "storage" in path.parts] == []
    assert list(itertools.chain(prefect_home.rglob("*.pkl"), prefect_home.rglob("*.pickle"))) == []
