"""The flow that joins all jobs."""

from __future__ import annotations

from prefect import flow

from gmm_dask.config import PipelineJob
from gmm_dask.pipeline import Done, stages_of
from gmm_dask.report import check_available
from gmm_dask_flows import tasks
from gmm_dask_flows.artifacts import show_report, show_selection, show_summary


@flow(name="gmm-dask-pipeline", persist_result=False)
def pipeline(job: PipelineJob) -> list[Done]:
    """Ingest a table, choose and fit a model, score, impute, sample and report, all under one output folder.

    Stages run one after the other: each of them keeps every core or the whole Dask cluster busy.
    """
    if job.report:
        check_available()  # a missing package should not come to light after hours of fitting
    stages = stages_of(job)
    ingested = tasks.ingest(stages.ingest)
    chosen = tasks.select_k(stages.select)
    show_selection(chosen)
    done = [ingested, chosen, tasks.score(stages.score), tasks.impute(stages.impute)]
    if stages.sample is not None:
        done.append(tasks.sample(stages.sample))
    if stages.report is not None:
        page = tasks.report(stages.report, done)
        show_report(page)
        done.append(page)
    show_summary(done)
    return done
