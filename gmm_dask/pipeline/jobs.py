"""One function per job. Each opens, computes and publishes, is safe to repeat, and returns a small record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
)
from gmm_dask.engine import Engine, open_engine
from gmm_dask.errors import UsageError
from gmm_dask.fitting import fit_source
from gmm_dask.model import MixtureModel, load_model_folder, save_model
from gmm_dask.output import Publication, commit, drafting, require_place, write_part
from gmm_dask.pipeline.clock import Clock
from gmm_dask.pipeline.records import Chosen, Done
from gmm_dask.progress import Observer, Silent
from gmm_dask.selection import Selection
from gmm_dask.table.source import CsvOptions, Source, open_source
from gmm_dask.verbs import Copy, Impute, Score, Verb, columns_with_gaps, publish, publish_sample
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
    observer, clock = _Noting(observer or Silent()), Clock()
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
    """Fit one model and save it."""
    observer, clock = _Noting(observer or Silent()), Clock()
    require_place(job.model, "model")
    candidates = Candidates(n_components=[job.n_components], covariance_types=[job.covariance_type])
    with open_engine(job.dask) as engine:
        selection = _fitted(job, candidates, engine, observer)
    return _chosen("fit", selection, save_model(selection.best, job.model), clock, observer)


def score(job: ScoreJob, observer: Observer | None = None) -> Done:
    """Publish the table with segment, probability and density."""
    with _applying(job.table, job.model, job.dask) as run:
        verb = Score(run.model, probabilities=job.score.probabilities, prefix=job.score.prefix)
        publication = run.publish(verb, job, observer or Silent())
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


def _fitted(job: SelectJob | FitJob, candidates: Candidates, engine: Engine, observer: _Noting) -> Selection:
    selection = fit_source(
        open_table(job.table),
        engine,
        candidates_of(candidates),
        criterion=candidates.criterion,
        columns=job.columns,
        fitting=job.fitting,
        seed=job.seed,
        observer=observer,
    )
    for text in selection.notes():
        observer.note(text)
    return selection


def _chosen(stage: str, selection: Selection, publication: Publication, clock: Clock, observer: _Noting) -> Chosen:
    best = selection.results[selection.best_index]
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
        table=tuple(selection.to_frame().to_dict("records")),
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


@dataclass
class _Noting:
    """Passes everything on, each note once, and keeps the notes for the record."""

    observer: Observer
    notes: list[str] = field(default_factory=list)

    def stage(self, name: str) -> None:
        self.observer.stage(name)

    def shards(self, done: int, total: int) -> None:
        self.observer.shards(done, total)

    def iteration(self, progress: Any) -> None:
        self.observer.iteration(progress)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self.observer.note(text)
