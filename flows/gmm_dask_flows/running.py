"""Running the pipeline from a shell: with Prefect's server, or one of our own for as long as we run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import httpx
from prefect import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from rich.console import Console

from gmm_dask.config import PipelineJob
from gmm_dask.errors import ResourceError
from gmm_dask.pipeline import Done
from gmm_dask_flows.terminal import drawing_on
from gmm_dask_flows.whole import pipeline

_ANSWER_SECONDS = 5.0


def run_pipeline(job: PipelineJob) -> list[Done]:
    """Run the pipeline in this process, known to the Prefect server at PREFECT_API_URL or to one started for the run.

    Progress is drawn on stderr. Raises what a job raised, and ResourceError when the server is not there. A server that
    was started for the run ends with this process, also when it is interrupted or told to terminate.
    """
    console = Console(stderr=True)
    with _terminating_in_order(), drawing_on(console):
        with console.status("reaching Prefect"), _children_deaf_to_ctrl_c():
            reach_server()
        try:
            return pipeline(job)
        except httpx.TransportError as error:
            raise ResourceError(
                f"Prefect's server went away during the run ({error})",
                advice="What was published stays. See that the server stays up, and run again.",
            ) from error


def reach_server() -> None:
    """Start a server where none is configured; else see that it answers. Raises ResourceError when it does not."""
    address = PREFECT_API_URL.value()
    # The client retries an answer that does not come for minutes; here a quick no is the better answer.
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        try:
            with get_client(sync_client=True, httpx_settings={"timeout": _ANSWER_SECONDS}) as client:
                fault = client.api_healthcheck()
        except (RuntimeError, ValueError) as error:  # an own server that does not start, or that is forbidden
            fault = error
    if fault is None:
        return
    if address:
        found = f"no Prefect server answered at PREFECT_API_URL = {address} ({fault})"
        advice = "Start it with `prefect server start`, mend the address, or unset it to run with a server of its own."
    else:
        found, advice = f"Prefect's own server did not start ({fault})", "Set PREFECT_API_URL to a running one."
    raise ResourceError(found, advice=advice) from fault


@contextmanager
def _children_deaf_to_ctrl_c() -> Iterator[None]:
    """Let a server started meanwhile outlive Ctrl-C, which a terminal sends to all processes in its foreground.

    The interrupted flow tells its server so, and would wait for minutes for one that is gone. Children inherit the
    mask; this thread hears of a Ctrl-C at the end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _terminating_in_order() -> Iterator[None]:
    """Let SIGTERM end the process by SystemExit where it would end it at once, leaving a server of its own behind.

    Prefect stops that server as the interpreter exits, and during a flow hands SIGTERM on to the handler found here.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
