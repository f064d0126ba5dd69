"""One flow per job, to run or deploy on its own."""

from __future__ import annotations

from prefect import flow

from gmm_dask.config import FitJob, ImputeJob, IngestJob, SampleJob, ScoreJob, SelectJob, UpdateJob
from gmm_dask.pipeline import Chosen, Done, Updated
from gmm_dask_flows import tasks
from gmm_dask_flows.artifacts import show_selection, show_summary


@flow(name="gmm-dask-ingest", persist_result=False)
def ingest(job: IngestJob) -> Done:
    """Read a table and publish it as Parquet."""
    done = tasks.ingest(job)
    show_summary([done])
    return done


@flow(name="gmm-dask-select-k", persist_result=False)
def select_k(job: SelectJob) -> Chosen:
    """Fit many candidates in shared passes, save the best model, publish the comparison."""
    chosen = tasks.select_k(job)
    show_selection(chosen)
    show_summary([chosen])
    return chosen


@flow(name="gmm-dask-fit", persist_result=False)
def fit(job: FitJob) -> Chosen:
    """Fit one model and save it."""
    chosen = tasks.fit(job)
    show_summary([chosen])
    return chosen


@flow(name="gmm-dask-update", persist_result=False)
def update(job: UpdateJob) -> Updated:
    """Take another table into a fitted model, in one pass over it."""
    updated = tasks.update(job)
    show_summary([updated])
    return updated


@flow(name="gmm-dask-score", persist_result=False)
def score(job: ScoreJob) -> Done:
    """Publish the table with segment, probability and density of every row."""
    done = tasks.score(job)
    show_summary([done])
    return done


@flow(name="gmm-dask-impute", persist_result=False)
def impute(job: ImputeJob) -> Done:
    """Publish the table with the gaps of its modelled columns filled."""
    done = tasks.impute(job)
    show_summary([done])
    return done


@flow(name="gmm-dask-sample", persist_result=False)
def sample(job: SampleJob) -> Done:
    """Publish synthetic rows drawn from a model."""
    done = tasks.sample(job)
    show_summary([done])
    return done
