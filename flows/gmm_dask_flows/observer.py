"""How a task tells what it does: through Prefect's log of the run and, in a terminal, a progress bar."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import final

from prefect import get_run_logger

from gmm_dask.console import describe, show_progress
from gmm_dask.em import Progress
from gmm_dask.pipeline import Done
from gmm_dask.progress import Observer, Silent
from gmm_dask_flows.terminal import current_console

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]

SECONDS_BETWEEN_LINES = 5.0


@final
class FlowObserver:
    """Logs stages and notes as they come, and of shards and of passes one line each every few seconds.

    A line travels to Prefect's server, so a pass that takes milliseconds cannot have its own. Everything is handed on
    to `beside` at once.
    """

    def __init__(
        self, logger: Logger, beside: Observer | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger, self._beside = logger, beside or Silent()
        self._shards_due, self._passes_due = _Every(SECONDS_BETWEEN_LINES, clock), _Every(SECONDS_BETWEEN_LINES, clock)

    def stage(self, name: str) -> None:
        self._logger.info("%s", name)
        self._beside.stage(name)

    def shards(self, done: int, total: int) -> None:
        if self._shards_due():
            self._logger.info("%d of %d shards", done, total)
        self._beside.shards(done, total)

    def iteration(self, progress: Progress) -> None:
        if self._passes_due():
            self._logger.info("%s", describe(progress))
        self._beside.iteration(progress)

    def note(self, text: str) -> None:
        self._logger.info("note: %s", text)
        self._beside.note(text)

    def finished(self, done: Done) -> None:
        """Log what a job made."""
        self._logger.info("%s: %s, %.1f s, in %s", done.stage, done.summary, done.seconds, done.path)


@contextmanager
def observing() -> Iterator[FlowObserver]:
    """The observer of the task that runs now."""
    logger, console = get_run_logger(), current_console()
    if console is None:
        yield FlowObserver(logger)
    else:
        with show_progress(console) as shown:
            yield FlowObserver(logger, shown)


@final
class _Every:
    """True at the first call, and then once in so many seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds, self._clock = seconds, clock
        self._next = clock()

    def __call__(self) -> bool:
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
