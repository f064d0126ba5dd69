"""One function per job; the command line and the flows call these and nothing deeper."""

from gmm_dask.pipeline.jobs import fit, impute, ingest, sample, score, select
from gmm_dask.pipeline.plans import Planned, plan
from gmm_dask.pipeline.profiling import Profiled, profile
from gmm_dask.pipeline.records import Chosen, Done
from gmm_dask.pipeline.reporting import report
from gmm_dask.pipeline.whole import stages_of

__all__ = [
    "Chosen",
    "Done",
    "Planned",
    "Profiled",
    "fit",
    "impute",
    "ingest",
    "plan",
    "profile",
    "report",
    "sample",
    "score",
    "select",
    "stages_of",
]
