"""One task per job function. What a task takes and returns is small: records and addresses, never a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from gmm_dask import pipeline
from gmm_dask.config import FitJob, ImputeJob, IngestJob, ReportJob, SampleJob, ScoreJob, SelectJob, UpdateJob
from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.pipeline import Chosen, Done, Updated
from gmm_dask_flows.observer import observing

P = ParamSpec("P")
D = TypeVar("D", bound=Done)


def worth_repeating(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether the same job may succeed later: a cluster or a disk can come back, a bad table stays bad.

    Prefect asks while repeats are left, and a terminal that shows no more than warnings should hear of them.
    """
    if isinstance(state.data, (BadInputError, UsageError)):
        return False
    get_run_logger().warning("will be repeated: %s", state.data)
    return True


def _job_task(name: str) -> Callable[[Callable[P, D]], Task[P, D]]:
    """A task that is repeated when that may help, which is safe because jobs publish atomically.

    Nothing is cached and no result is stored: what a task returns says where its table was published, and the
    publication is the only truth about that.
    """
    return task(
        name=name,
        retries=2,
        retry_delay_seconds=[5, 30],
        retry_condition_fn=worth_repeating,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


@_job_task("ingest")
def ingest(job: IngestJob) -> Done:
    """Publish a table as Parquet."""
    return _observed(pipeline.ingest, job)


@_job_task("select-k")
def select_k(job: SelectJob) -> Chosen:
    """Fit all candidates in shared passes and save the best."""
    return _observed(pipeline.select, job)


@_job_task("fit")
def fit(job: FitJob) -> Chosen:
    """Fit one model and save it."""
    return _observed(pipeline.fit, job)


@_job_task("update")
def update(job: UpdateJob) -> Updated:
    """Take another table into a model."""
    return _observed(pipeline.update, job)


@_job_task("score")
def score(job: ScoreJob) -> Done:
    """Publish the table with segment, probability and density."""
    return _observed(pipeline.score, job)


@_job_task("impute")
def impute(job: ImputeJob) -> Done:
    """Publish the table with its gaps filled."""
    return _observed(pipeline.impute, job)


@_job_task("sample")
def sample(job: SampleJob) -> Done:
    """Publish synthetic rows."""
    return _observed(pipeline.sample, job)


@_job_task("report")
def report(job: ReportJob, stages: list[Done]) -> Done:
    """Write the HTML report; `stages` are the jobs that went before."""
    return _observed(pipeline.report, job, stages)


def _observed(function: Callable[..., D], *arguments: object) -> D:
    with observing() as observer:
        done = function(*arguments, observer)
        observer.finished(done)
    return done
