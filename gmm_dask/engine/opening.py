"""Which engine a job gets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client, LocalCluster, default_client

from gmm_dask.engine.cluster import OnCluster
from gmm_dask.engine.engine import Engine, InProcess
from gmm_dask.errors import ResourceError

_CONNECT_SECONDS = 10


@contextmanager
def open_engine(where: Engine | Client | str | None = None, *, in_memory: bool = False) -> Iterator[Engine]:
    """An engine for the length of a job.

    `where`: an engine or a `Client` is used as it is and left open; a string is the address of a scheduler; None means
    the current `Client` where there is one, else a cluster of threads inside this process, closed at the end; for rows
    that are `in_memory` already, threads alone. Raises ResourceError when nobody answers at the address.
    """
    if isinstance(where, Engine):
        yield where
    elif isinstance(where, Client):
        yield OnCluster(where)
    elif where:
        with _connected(where) as client:
            yield OnCluster(client)
    elif (current := _current_client()) is not None:
        yield OnCluster(current)
    elif in_memory:
        yield InProcess()
    else:
        with local_cluster() as cluster, Client(cluster, set_as_default=False) as client:
            yield OnCluster(client)


def local_cluster() -> LocalCluster:
    """One worker with a thread per core, inside this process, listening to no one else."""
    return LocalCluster(
        n_workers=1,
        threads_per_worker=len(os.sched_getaffinity(0)),
        processes=False,
        silence_logs=logging.CRITICAL,  # errors of tasks are raised where the job runs; once is enough
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    )


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls without certificates
        raise ResourceError(
            f"no Dask scheduler answered at {address!r} ({error})",
            advice="Start one with `dask scheduler`, or leave the address out to run in this process.",
        ) from error


def _current_client() -> Client | None:
    try:
        return default_client()
    except ValueError:  # distributed's way of saying that there is none
        return None
