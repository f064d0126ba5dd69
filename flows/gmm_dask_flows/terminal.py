"""One voice per terminal: either Prefect's log lines, or progress drawn by us."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import get_current_settings
from rich.console import Console

_console: ContextVar[Console | None] = ContextVar("console", default=None)


def current_console() -> Console | None:
    """Where to draw; None where Prefect's log is the voice, as under a worker."""
    return _console.get()


@contextmanager
def drawing_on(console: Console) -> Iterator[None]:
    """Draw progress on `console` and keep Prefect's lines about runs off it; its server still gets them all.

    Does nothing when a logging level was chosen for Prefect: then its lines are what is wanted.
    """
    if "level" in get_current_settings().logging.model_fields_set:
        yield
        return
    # Prefect tells of the start of its own server and, as the interpreter exits, of the end: that filter stays.
    logging.getLogger("prefect").addFilter(_is_wanted)
    with ExitStack() as stack:
        for handler in logging.getLogger().handlers:
            if isinstance(handler, PrefectConsoleHandler):
                handler.addFilter(_is_wanted)
                stack.callback(handler.removeFilter, _is_wanted)
        stack.callback(_console.reset, _console.set(console))
        yield


def _is_wanted(record: logging.LogRecord) -> bool:
    """Warnings are. Errors of a run are raised to the caller, and logged with a traceback besides."""
    if record.name.startswith(("prefect.flow_runs", "prefect.task_runs")):
        return record.levelno == logging.WARNING
    return record.levelno >= logging.WARNING
