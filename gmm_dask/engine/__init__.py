"""Where a pass over the table runs: in process or on a cluster, with the same bits."""

from gmm_dask.engine.cluster import OnCluster
from gmm_dask.engine.engine import Done, Engine, Held, InProcess, loaded, one_blas_thread, silent
from gmm_dask.engine.opening import open_engine
from gmm_dask.engine.reduction import merge_tree
from gmm_dask.engine.sweep import BlockSweep, TableSweep

__all__ = [
    "BlockSweep",
    "Done",
    "Engine",
    "Held",
    "InProcess",
    "OnCluster",
    "TableSweep",
    "loaded",
    "merge_tree",
    "one_blas_thread",
    "open_engine",
    "silent",
]
