"""The log of a run hears of stages and notes at once, and of shards and passes now and then."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from gmm_dask_flows.observer import SECONDS_BETWEEN_LINES, FlowObserver

from gmm_dask.console import describe
from gmm_dask.em import Progress
from gmm_dask.pipeline import Done


class Recorder:
    """An observer beside, and a clock to set."""

    def __init__(self) -> None:
        self.now, self.calls = 0.0, []

    def clock(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, *arguments))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def observer(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> FlowObserver:
    caplog.set_level(logging.INFO, "run")
    return FlowObserver(logging.getLogger("run"), recorder, recorder.clock)


def pass_number(iteration: int) -> Progress:
    return Progress("fit", iteration, (SimpleNamespace(history=(-1.5,), outcome=None),))


def test_stages_and_notes_are_told_at_once(observer, recorder, caplog) -> None:
    observer.stage("fit")
    observer.note("rows were left out")
    observer.note("a column is constant")
    assert caplog.messages == ["fit", "note: rows were left out", "note: a column is constant"]
    assert recorder.calls == [("stage", "fit"), ("note", "rows were left out"), ("note", "a column is constant")]


def test_shards_and_passes_have_a_line_each_every_few_seconds(observer, recorder, caplog) -> None:
    for second in range(12):
        recorder.now = float(second)
        observer.shards(second, 12)
        observer.iteration(pass_number(second))
    expected = range(0, 12, int(SECONDS_BETWEEN_LINES))
    assert [line for line in caplog.messages if "shards" in line] == [f"{second} of 12 shards" for second in expected]
    assert [line for line in caplog.messages if "pass" in line] == [describe(pass_number(n)) for n in expected]
    assert len(recorder.calls) == 24, "what is drawn in a terminal is not thinned"


def test_a_finished_job_says_what_it_made_and_where(observer, caplog) -> None:
    observer.finished(Done(stage="score", path="/data/segments", seconds=1.25, summary="10 rows"))
    assert caplog.messages == ["score: 10 rows, 1.2 s, in /data/segments"]
