"""Models that come after models: which one a job goes on from, and what became of its segments."""

from __future__ import annotations

from pathlib import Path

from gmm_dask.config import FitJob, SelectJob, UpdateJob
from gmm_dask.errors import UsageError
from gmm_dask.model import MixtureModel, load_model_folder
from gmm_dask.pipeline.records import SegmentChanges
from gmm_dask.progress import Observer
from gmm_dask.table.source import Source


def previous_of(job: SelectJob | FitJob, observer: Observer) -> MixtureModel | None:
    """The model whose segment numbers the job's model takes up.

    A job may name the place that its own model goes to: the first time there is none.
    """
    if job.previous is None:
        return None
    if _is_same(job.previous, job.model) and not Path(job.previous).exists():
        observer.note(f"there is no model in {job.previous} yet: segments are numbered from the largest")
        return None
    return load_model_folder(job.previous)


def require_first_time(job: UpdateJob, model: MixtureModel, source: Source) -> None:
    """Raise UsageError where a job that has updated a model in its own place is run again."""
    last = model.provenance.get("update")
    if not _is_same(job.model, job.output) or not isinstance(last, dict):
        return
    if last.get("source_fingerprint") == source.fingerprint:
        raise UsageError(
            "this table is what the model was last updated with",
            expected="a table that the model has not taken in",
            where=job.model,
            advice="There is nothing to do; to count its rows twice, write the updated model to another place.",
        )


def changes_of(model: MixtureModel) -> SegmentChanges | None:
    """What became of the segments of the model before, for a record."""
    if model.succession is None:
        return None
    changes = model.succession.changes
    return SegmentChanges(
        kept=dict(changes.kept),
        new=changes.new,
        vanished=changes.vanished,
        split=dict(changes.split),
        merged=dict(changes.merged),
    )


def _is_same(left: str, right: str) -> bool:
    return Path(left).absolute() == Path(right).absolute()
