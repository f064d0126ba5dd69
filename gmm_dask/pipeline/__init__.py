"""One function per job; the command line and the flows call these and nothing deeper."""

from gmm_dask.pipeline.jobs import fit, impute, ingest, sample, score, select, update
from gmm_dask.pipeline.merging import merge
from gmm_dask.pipeline.plans import Planned, plan
from gmm_dask.pipeline.profiling import Profiled, profile
from gmm_dask.pipeline.records import Chosen, Done, Merged, SegmentChanges, Updated
from gmm_dask.pipeline.reporting import report
from gmm_dask.pipeline.whole import stages_of

__all__ = [
    "Chosen",
    "Done",
    "Merged",
    "Planned",
    "Profiled",
    "SegmentChanges",
    "Updated",
    "fit",
    "impute",
    "ingest",
    "merge",
    "plan",
    "profile",
    "report",
    "sample",
    "score",
    "select",
    "stages_of",
    "update",
]
