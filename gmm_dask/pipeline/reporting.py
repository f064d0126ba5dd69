"""The job that writes the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq

from gmm_dask.config import ReportJob
from gmm_dask.errors import ResourceError
from gmm_dask.model import load_model_folder
from gmm_dask.output import resolve
from gmm_dask.pipeline.clock import Clock
from gmm_dask.pipeline.records import Done
from gmm_dask.progress import Observer, Silent
from gmm_dask.report import Stage, render_report


def report(job: ReportJob, stages: Sequence[Done] = (), observer: Observer | None = None) -> Done:
    """Write the report of a model: one page, replaced at once. `stages` are the jobs that went before."""
    observer, clock = observer or Silent(), Clock()
    observer.stage("report")
    selection = None
    if job.selection is not None:
        selection = pq.read_table(str(resolve(job.selection).folder)).to_pandas()
    page = render_report(
        load_model_folder(job.model),
        selection=selection,
        criterion=job.criterion,
        stages=[Stage(done.stage, done.path, done.rows, done.seconds, done.summary) for done in stages],
        notes=[note for done in stages for note in done.notes],
        title=job.title,
    )
    path = Path(job.output).absolute()
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ResourceError(f"the report cannot be written: {error.strerror}", where=str(path)) from error
    return Done(stage="report", path=str(path), bytes=len(page.encode()), seconds=clock.seconds, summary="pictures")
