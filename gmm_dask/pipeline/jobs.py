"""One function per job. Each opens, computes and publishes, is safe to repeat, and returns a small record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from gmm_dask.api import candidates_of
from gmm_dask.config import (
    Candidates,
    FitJob,
    ImputeJob,
    IngestJob,
    SampleJob,
    ScoreJob,
    SelectJob,
    Table,
    UpdateJob,
)
from gmm_dask.engine import Engine, open_engine
from gmm_dask.errors import UsageError
from gmm_dask.fitting import fit_source
from gmm_dask.mixture import family_named
from gmm_dask.model import MixtureModel, load_model_folder, save_model
from gmm_dask.output import Publication, commit, drafting, require_place, write_part
from gmm_dask.pipeline.clock import Clock
from gmm_dask.pipeline.lineage import changes_of, previous_of, require_first_time
from gmm_dask.pipeline.merged import scoring
from gmm_dask.pipeline.noting import Noting
from gmm_dask.pipeline.records import Chosen, Done, Updated
from gmm_dask.progress import Observer, Silent
from gmm_dask.refitting import refit_source, require_agreement
from gmm_dask.report import Comparison, verdict
from gmm_dask.selection import Selection
from gmm_dask.table.source import CsvOptions, Source, open_source
from gmm_dask.updating import update_source
from gmm_dask.verbs import Copy, Impute, Verb, columns_with_gaps, publish, publish_sample
from gmm_dask.version import __version__


def open_table(table: Table) -> Source:
    """The source that a configuration names."""
    given = {name: value for name, value in table.csv.model_dump().items() if value is not None}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return open_source(table.path, options=CsvOptions(**given))


def ingest(job: IngestJob, observer: Observer | None = None) -> Done:
    """Publish a table as Parquet, as it is."""
    observer, clock = observer or Silent(), Clock()
    observer.stage("ingest")
    with open_engine(job.dask) as engine:
        publication = publish(
            Copy(), open_table(job.source), job.output, engine, provenance=_provenance(job), done=observer.shards
        )
    return _done("ingest", publication, clock, f"{publication.rows:,} rows")


def select(job: SelectJob, observer: Observer | None = None) -> Chosen:
    """Fit all candidates in shared passes, save the best, publish the comparison."""
    observer, clock = Noting(observer or Silent()), Clock()
    require_place(job.model, "model")
    if job.selection is not None:
        require_place(job.selection, "table")
        if Path(job.selection).absolute() == Path(job.model).absolute():
            raise UsageError(f"model and selection are both to go to {job.model!r}", expected="two places")
    with open_engine(job.dask) as engine:
        selection = _fitted(job, job.candidates, engine, observer)
    publication = save_model(selection.best, job.model)
    if job.selection is not None:
        _publish_frame(selection.to_frame(), job.selection, _provenance(job))
    return _chosen("select", selection, publication, clock, observer)


def fit(job: FitJob, observer: Observer | None = None) -> Chosen:
    """Fit one model, from starts or from a saved model on, and save it."""
    observer, clock = Noting(observer or Silent()), Clock()
    require_place(job.model, "model")
    start = None if job.start is None else _start(job, job.start)
    with open_engine(job.dask) as engine:
        if start is not None:
            selection = _refitted(job, start, engine, observer)
        else:
            selection = _fitted(job, _candidates(job), engine, observer)
    return _chosen("fit", selection, save_model(selection.best, job.model), clock, observer)


def update(job: UpdateJob, observer: Observer | None = None) -> Updated:
    """Take a table into a model in one pass, and save what comes of it."""
    observer, clock = Noting(observer or Silent()), Clock()
    require_place(job.output, "model")
    model, source = load_model_folder(job.model), open_table(job.table)
    require_first_time(job, model, source)
    with open_engine(job.dask) as engine:
        done = update_source(model, source, engine, forgetting=job.update.forgetting, observer=observer)
    for text in done.notes:
        observer.note(text)
    publication = save_model(done.model, job.output)
    components = f"{done.model.n_components} component{'' if done.model.n_components == 1 else 's'}"
    return Updated(
        stage="update",
        path=str(publication.path),
        rows=done.tally.n_used,
        bytes=sum(part.bytes for part in publication.parts),
        seconds=clock.seconds,
        summary=f"{done.tally.n_used:,} rows taken in, {done.forgetting:.1%} of what {components} hold",
        notes=tuple(observer.notes),
        n_components=done.model.n_components,
        outcome=done.model.training.outcome,
        forgetting=done.forgetting,
        fall=done.fall,
        changes=changes_of(done.model),
    )


def score(job: ScoreJob, observer: Observer | None = None) -> Done:
    """Publish the table with segment, probability and density."""
    with _applying(job.table, job.model, job.dask) as run:
        publication = run.publish(scoring(run.model, job.score), job, observer or Silent())
        return _done("score", publication, run.clock, f"{publication.rows:,} rows in {run.model.n_components} segments")


def impute(job: ImputeJob, observer: Observer | None = None) -> Done:
    """Publish the table with the gaps of its modelled columns filled."""
    with _applying(job.table, job.model, job.dask) as run:
        columns = columns_with_gaps(run.model, run.source, run.engine)
        publication = run.publish(Impute(run.model, columns), job, observer or Silent())
        return _done("impute", publication, run.clock, f"filled {', '.join(columns) or 'nothing: there are no gaps'}")


def sample(job: SampleJob, observer: Observer | None = None) -> Done:
    """Publish synthetic rows."""
    observer, clock = observer or Silent(), Clock()
    observer.stage("sample")
    model = load_model_folder(job.model)
    with open_engine(job.dask) as engine:
        publication = publish_sample(
            model, job.rows, job.output, engine, seed=job.seed, provenance=_provenance(job), done=observer.shards
        )
    return _done("sample", publication, clock, f"{publication.rows:,} synthetic rows")


@dataclass(frozen=True)
class _Run:
    """A model about to be applied to a table."""

    model: MixtureModel
    source: Source
    engine: Engine
    clock: Clock

    def publish(self, verb: Verb, job: ScoreJob | ImputeJob, observer: Observer) -> Publication:
        observer.stage(verb.name)
        return publish(
            verb, self.source, job.output, self.engine, provenance=_provenance(job), done=observer.shards
        )  # fmt: skip


@contextmanager
def _applying(table: Table, model_path: str, dask: str | None) -> Iterator[_Run]:
    clock = Clock()
    model = load_model_folder(model_path)
    source = open_table(table)
    model.schema.check(source.schema, source.name)
    with open_engine(dask) as engine:
        yield _Run(model, source, engine, clock)


def _candidates(job: FitJob) -> Candidates:
    if job.n_components is None:
        raise UsageError("neither a number of components (--components) nor a start is given", expected="one of them")
    return Candidates(n_components=[job.n_components], covariance_types=[job.covariance_type or "full"])


def _start(job: FitJob, folder: str) -> MixtureModel:
    start = load_model_folder(folder)
    family = None if job.covariance_type is None else family_named(job.covariance_type)
    require_agreement(start, job.n_components, family, job.columns)
    return start


def _refitted(job: FitJob, start: MixtureModel, engine: Engine, observer: Noting) -> Selection:
    selection = refit_source(
        open_table(job.table),
        engine,
        start,
        fitting=job.fitting,
        seed=job.seed,
        previous=previous_of(job, observer),
        observer=observer,
    )
    return _noted(selection, observer)


def _fitted(job: SelectJob | FitJob, candidates: Candidates, engine: Engine, observer: Noting) -> Selection:
    selection = fit_source(
        open_table(job.table),
        engine,
        candidates_of(candidates),
        criterion=candidates.criterion,
        folds=candidates.folds,
        columns=job.columns,
        fitting=job.fitting,
        seed=job.seed,
        previous=previous_of(job, observer),
        observer=observer,
    )
    return _noted(selection, observer)


def _noted(selection: Selection, observer: Noting) -> Selection:
    for text in selection.notes():
        observer.note(text)
    return selection


def _chosen(stage: str, selection: Selection, publication: Publication, clock: Clock, observer: Noting) -> Chosen:
    best, frame = selection.results[selection.best_index], selection.to_frame()
    return Chosen(
        stage=stage,
        path=str(publication.path),
        rows=selection.tally.n_complete,
        bytes=sum(part.bytes for part in publication.parts),
        seconds=clock.seconds,
        summary=f"{best.candidate.n_components} components, {best.candidate.family.name}, {best.outcome.value}",
        notes=tuple(observer.notes),
        n_components=best.candidate.n_components,
        covariance_type=best.candidate.family.name,
        outcome=best.outcome.value,
        criterion=selection.criterion,
        table=tuple(frame.to_dict("records")),
        changes=changes_of(selection.best),
        verdict=verdict(Comparison.of(frame, selection.criterion)),
    )


def _publish_frame(frame: pd.DataFrame, path: str, provenance: dict[str, Any]) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with drafting(path, "table") as draft:
        commit(draft, [write_part(draft.folder, 0, table, table.schema)], schema=table.schema, provenance=provenance)


def _done(stage: str, publication: Publication, clock: Clock, summary: str) -> Done:
    return Done(
        stage=stage,
        path=str(publication.path),
        rows=publication.rows,
        bytes=sum(part.bytes for part in publication.parts),
        seconds=clock.seconds,
        summary=summary,
    )


def _provenance(job: Any) -> dict[str, Any]:
    """Which version made this, from what."""
    return {"gmm_dask": __version__, "job": type(job).__name__, "configuration": job.model_dump(mode="json")}
