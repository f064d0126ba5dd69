"""Running from a shell: a terminal that reads well, quick words about a missing server, and no process left behind."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gmm_dask_flows.running
import psutil
import pytest
from gmm_dask_flows import run_pipeline
from gmm_dask_flows.running import reach_server
from gmm_dask_flows.terminal import current_console, drawing_on
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_LEVEL, temporary_settings
from rich.console import Console

from gmm_dask.config import Candidates, PipelineJob, Table
from gmm_dask.errors import ResourceError

ENDLESS = """
output = "output"
source = {{ path = "{path}" }}
candidates = {{ n_components = "4:9" }}
fitting = {{ tol = 1e-300, max_iter = 1000000, sample_rows = 100 }}
"""


def test_it_returns_the_records_and_draws_on_stderr(
    table: Table, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    few = Candidates(n_components=[1, 2])
    done = run_pipeline(PipelineJob(source=table, output=str(tmp_path), candidates=few, sample_rows=0, report=False))
    assert [stage.stage for stage in done] == ["ingest", "select", "score", "impute"]
    shown = capfd.readouterr()
    assert "impute" in shown.err
    assert " | INFO " not in shown.err, "Prefect's own lines"
    assert shown.out == ""


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of someone who takes a call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"


def test_a_server_that_is_not_there_is_a_resource_error(silent: str) -> None:
    for address in ("http://127.0.0.1:9/api", silent):
        began = time.monotonic()
        with temporary_settings({PREFECT_API_URL: address}), pytest.raises(ResourceError) as caught:
            reach_server()
        assert time.monotonic() - began < 10
        assert address in str(caught.value)
        assert "prefect server start" in caught.value.advice


def test_a_chosen_logging_level_keeps_prefects_lines_and_draws_nothing() -> None:
    with temporary_settings({PREFECT_LOGGING_LEVEL: "INFO"}), drawing_on(Console(file=io.StringIO())):
        assert current_console() is None


def test_drawing_ends_with_its_block() -> None:
    console = Console(file=io.StringIO())
    before = [list(handler.filters) for handler in logging.getLogger().handlers]
    with drawing_on(console):
        assert current_console() is console
    assert current_console() is None
    assert [list(handler.filters) for handler in logging.getLogger().handlers] == before


def test_sigterm_becomes_an_exit_where_it_would_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    def terminated() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    monkeypatch.setattr(gmm_dask_flows.running, "reach_server", terminated)
    with pytest.raises(SystemExit) as caught:
        run_pipeline(PipelineJob(source=Table(path="any"), output="any"))
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.fixture
def command(table: Table, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`gmm-dask run` without a server to go to, on a fit that does not end by itself."""
    (tmp_path / "endless.toml").write_text(ENDLESS.format(path=table.path))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with subprocess.Popen(
        [sys.executable, "-m", "gmm_dask.cli", "run", "endless.toml"],
        cwd=tmp_path,
        env=environment | {"PREFECT_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def server_of(process: subprocess.Popen[str]) -> psutil.Process:
    """Waits for the Prefect server that it starts."""
    for _ in range(1200):
        for child in psutil.Process(process.pid).children(recursive=True):
            if "uvicorn" in child.cmdline():
                return child
        time.sleep(0.05)
    pytest.fail("no server was started")


def wait_for_passes(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if "pass 1," in line:
            return
    pytest.fail("it ended before the first pass")


def to_the_process(process: subprocess.Popen[str]) -> None:
    process.terminate()


def as_a_terminal_does(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("at_work", [False, True], ids=["while-the-server-starts", "while-it-fits"])
@pytest.mark.parametrize(
    ("interrupt", "code"), [(to_the_process, 143), (as_a_terminal_does, 130)], ids=["sigterm", "ctrl-c"]
)
def test_an_interrupted_run_leaves_no_process_behind(
    command: subprocess.Popen[str], interrupt: Callable[[subprocess.Popen[str]], None], code: int, at_work: bool
) -> None:
    server = server_of(command)
    if at_work:
        wait_for_passes(command)
    interrupt(command)
    assert command.wait(timeout=60) == code
    assert psutil.wait_procs([server], timeout=10)[1] == [], "the server outlived its run"
