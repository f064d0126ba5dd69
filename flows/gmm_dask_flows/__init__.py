"""The jobs of gmm_dask as Prefect flows.

A flow takes one parameter, `job`: the record of `gmm_dask.config` that the command line fills in too. A task is one
job function of `gmm_dask.pipeline`. Jobs publish whole or not at all, so a task may be repeated at any time. Tasks hand
each other addresses and small records; tables stay where they are, and results are stored nowhere else.
"""

from gmm_dask_flows.environment import set_defaults

set_defaults()

from gmm_dask_flows.flows import (  # noqa: E402 (these import Prefect)
    fit,
    impute,
    ingest,
    sample,
    score,
    select_k,
    update,
)
from gmm_dask_flows.running import run_pipeline  # noqa: E402
from gmm_dask_flows.whole import pipeline  # noqa: E402

__all__ = ["fit", "impute", "ingest", "pipeline", "run_pipeline", "sample", "score", "select_k", "update"]
