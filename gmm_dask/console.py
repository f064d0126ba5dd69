"""How jobs look on a terminal: progress while they run, tables when they are done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from gmm_dask.em import Progress as Iteration
from gmm_dask.pipeline.plans import Planned
from gmm_dask.pipeline.records import Chosen, Done, Merged
from gmm_dask.report.comparison import written
from gmm_dask.report.numbers import short

_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def show_progress(console: Console) -> Iterator[RichObserver]:
    """An observer that draws on a terminal, and elsewhere (a log, a pipe) prints a line now and then."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"))
    shown = Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal)
    with shown as progress:
        yield RichObserver(progress, console)


@final
class RichObserver:
    """Shows the stage, the pass with its shards, and the log-likelihood per row after each pass."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress, self._console = progress, console
        self._task = progress.add_task("starting", total=None, count="")
        self._stage, self._printed = "", 0.0

    def stage(self, name: str) -> None:
        self._stage = name
        self._progress.reset(self._task, total=None, description=name, count="")
        if not self._console.is_terminal:
            self._console.print(name)

    def shards(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total, count=f"{done} of {total} shards")

    def iteration(self, progress: Iteration) -> None:
        text = describe(progress)
        self._progress.update(self._task, description=f"{self._stage}: {text}", count="")
        now = time.monotonic()
        if not self._console.is_terminal and (now - self._printed > _SECONDS_BETWEEN_LINES or progress.running == 0):
            self._printed = now
            self._console.print(f"  {text}")

    def note(self, text: str) -> None:
        self._console.print(f"[yellow]note[/] {escape(text)}", highlight=False)


def describe(progress: Iteration) -> str:
    """One line on where a fit stands."""
    best = max(fit.history[-1] for fit in progress.fits if fit.history)
    text = f"{progress.stage}, pass {progress.iteration}, log-likelihood per row {best:.6f}"
    return text if len(progress.fits) == 1 else f"{text}, {progress.running} of {len(progress.fits)} running"


def stages_table(stages: Sequence[Done]) -> Table:
    """What was made, where, and how long it took."""
    table = _plain("stage", "made", "where", "seconds")
    table.columns[3].justify = "right"
    for done in stages:
        table.add_row(done.stage, escape(done.summary), escape(done.path), f"{done.seconds:.1f}")
    return table


def selection_table(chosen: Chosen) -> Table:
    """A row per candidate, the chosen one marked, and the verdict below; `Selection.to_frame` has more columns."""
    names = ("", "K", "type", written(chosen.criterion), "to best", "logL", "params", "rows", "variance", "entropy")
    table = _plain(*names, "outcome")
    table.caption, table.caption_justify, table.caption_style = escape(chosen.verdict) or None, "left", ""
    for row in chosen.table:
        table.add_row(
            "*" if row["best"] else "",
            str(row["n_components"]),
            str(row["covariance_type"]),
            _total(row[chosen.criterion]),
            "" if row["best"] else _total(row["difference"]),
            _total(row["log_likelihood"]),
            str(row["n_parameters"]),
            short(float(row["smallest_rows"])),
            short(float(row["smallest_variance"])),
            short(float(row["min_entropy"])),
            str(row["outcome"]),
            style="bold" if row["best"] else None,
        )
    for column in table.columns[3:10]:
        column.justify = "right"
    return table


def merged_table(merged: Merged) -> Table:
    """A row per number of clusters, the chosen one marked."""
    table = _plain("", "clusters", "entropy", "per row", "merged to come there", "rows")
    for row in merged.table:
        table.add_row(
            "*" if row["chosen"] else "",
            str(row["n_clusters"]),
            _total(row["entropy"]),
            short(float(row["entropy_per_row"])),
            str(row["merged"]),
            short(float(row["rows_merged"])) if row["merged"] else "",
            style="bold" if row["chosen"] else None,
        )
    for index in (1, 2, 3, 5):
        table.columns[index].justify = "right"
    return table


def plan_table(planned: Planned) -> Table:
    """What a fit would take, line by line."""
    table = _plain("name", "value")
    table.show_header = False
    for name, value in planned.lines():
        table.add_row(name, escape(value))
    return table


def profile_table(rows: Sequence[dict[str, object]]) -> Table:
    """A row per column of the profiled table: `Profiled.rows()`."""
    names = ("name", "role", "type", "missing %", "distinct", "mean", "sd", "min", "median", "max")
    table = _plain(*names)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for column in table.columns[3:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*(escape(_short(row[name])) for name in names))
    return table


def _plain(*headers: str) -> Table:
    return Table(*headers, box=None, header_style="bold", pad_edge=False)


def _total(value: float | int | str | bool) -> str:
    """A log-likelihood or criterion: to the unit where it is large, since tables must fit a terminal."""
    number = float(value)
    return f"{number:,.0f}" if abs(number) >= 1e5 else f"{number:,.2f}"


def _short(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
