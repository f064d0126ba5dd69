"""The job that merges components into clusters."""

from __future__ import annotations

from gmm_dask.config import MergeJob
from gmm_dask.engine import open_engine
from gmm_dask.model import load_model_folder
from gmm_dask.output import require_place
from gmm_dask.pipeline.clock import Clock
from gmm_dask.pipeline.jobs import open_table
from gmm_dask.pipeline.merged import publish_merged
from gmm_dask.pipeline.records import Merged
from gmm_dask.progress import Observer, Silent
from gmm_dask.verbs import merge_components
from gmm_dask.version import __version__


def merge(job: MergeJob, observer: Observer | None = None) -> Merged:
    """Publish which components of a model describe one cluster together, for every number of clusters."""
    observer, clock = observer or Silent(), Clock()
    require_place(job.output, "table")
    model, source = load_model_folder(job.model), open_table(job.table)
    model.schema.check(source.schema, source.name)
    observer.stage("merge")
    with open_engine(job.dask) as engine:
        merged = merge_components(model, source, engine, job.merging.n_clusters, observer.shards)
    provenance = {"gmm_dask": __version__, "job": type(job).__name__, "configuration": job.model_dump(mode="json")}
    publication = publish_merged(merged, model, job.output, provenance)
    suggested = "as suggested" if merged.n_clusters == merged.suggested else f"{merged.suggested} suggested"
    clusters = f"{merged.n_clusters} cluster{'' if merged.n_clusters == 1 else 's'}"
    return Merged(
        stage="merge",
        path=str(publication.path),
        rows=publication.rows,
        bytes=sum(part.bytes for part in publication.parts),
        seconds=clock.seconds,
        summary=f"{model.n_components} components in {clusters}, {suggested}",
        n_clusters=merged.n_clusters,
        suggested=merged.suggested,
        segments=merged.segments_of(),
        table=tuple(merged.table.to_dict("records")),
    )
