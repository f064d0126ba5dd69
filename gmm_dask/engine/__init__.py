"""Where a pass over the table runs: in process or on a cluster, with the same bits."""

from gmm_dask.engine.blocks import Unprepared
from gmm_dask.engine.cluster import OnCluster
from gmm_dask.engine.engine import Done, Engine, InProcess, one_blas_thread, silent
from gmm_dask.engine.holding import HeldTable, held_table
from gmm_dask.engine.memory import predicted_bytes_per_task, predicted_profile_bytes, require_room
from gmm_dask.engine.opening import open_engine
from gmm_dask.engine.places import Place, choose_place
from gmm_dask.engine.reduction import merge_tree
from gmm_dask.engine.room import PROCESS_BYTES, Room
from gmm_dask.engine.sweep import BlockSweep, TableSweep

__all__ = [
    "PROCESS_BYTES",
    "BlockSweep",
    "Done",
    "Engine",
    "HeldTable",
    "InProcess",
    "OnCluster",
    "Place",
    "Room",
    "TableSweep",
    "Unprepared",
    "choose_place",
    "held_table",
    "merge_tree",
    "one_blas_thread",
    "open_engine",
    "predicted_bytes_per_task",
    "predicted_profile_bytes",
    "require_room",
    "silent",
]
