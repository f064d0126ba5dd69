"""The whole path as a plan: which jobs a pipeline runs, and where each writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gmm_dask.config import ImputeJob, IngestJob, PipelineJob, ReportJob, SampleJob, ScoreJob, SelectJob, Table


@dataclass(frozen=True)
class Stages:
    """The jobs of one pipeline. Later ones read what earlier ones publish, by address."""

    ingest: IngestJob
    select: SelectJob
    score: ScoreJob
    impute: ImputeJob
    sample: SampleJob | None
    report: ReportJob | None


def stages_of(job: PipelineJob) -> Stages:
    """Lay a pipeline out below its output folder."""
    folder = Path(job.output).absolute()
    ingested, model, selection = (str(folder / name) for name in ("ingested", "model", "selection"))
    table = Table(path=ingested)
    sample = None
    if job.sample_rows:
        output = str(folder / "synthetic")
        sample = SampleJob(model=model, output=output, rows=job.sample_rows, seed=job.seed, dask=job.dask)
    report = None
    if job.report:
        output, criterion = str(folder / "report.html"), job.candidates.criterion
        report = ReportJob(model=model, selection=selection, output=output, criterion=criterion)
    return Stages(
        ingest=IngestJob(source=job.source, output=ingested, dask=job.dask),
        select=SelectJob(
            table=table,
            model=model,
            selection=selection,
            previous=model if job.keep_labels else None,
            columns=job.columns,
            candidates=job.candidates,
            fitting=job.fitting,
            seed=job.seed,
            dask=job.dask,
        ),
        score=ScoreJob(table=table, model=model, output=str(folder / "segments"), score=job.score, dask=job.dask),
        impute=ImputeJob(table=table, model=model, output=str(folder / "imputed"), dask=job.dask),
        sample=sample,
        report=report,
    )
