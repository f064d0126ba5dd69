"""The command line: parse, call one job, report. Heavy imports wait until a command needs them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import typer
from rich.markup import escape

from gmm_dask.cli.clusters import merge
from gmm_dask.cli.folders import clean, verify
from gmm_dask.cli.models import fit, ingest, plan, profile, select
from gmm_dask.cli.pipelines import config, run
from gmm_dask.cli.rows import impute, sample, score
from gmm_dask.cli.shell import err
from gmm_dask.cli.updates import update
from gmm_dask.errors import GmmDaskError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Gaussian mixtures for tables larger than one machine: segments, imputed values, synthetic rows.

A TABLE is a file, folder, glob or URL of Parquet or CSV. Everything written is published: whole or not at all,
checked with `gmm-dask verify`. Same table, options and seed: same bits, on any number of workers.

Start with `gmm-dask profile TABLE`, then `gmm-dask select TABLE --model MODEL`, or write a configuration
(`gmm-dask config`) and `gmm-dask run` it.

Exit codes: 0 done, 2 usage, 3 bad input, 4 resources, 5 internal, 130/143 interrupted.""",
)
for command in (run, config, profile, plan, ingest, select, fit, update, merge, score, impute, sample, verify, clean):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point: runs a command and turns errors into one line and an exit code."""
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        app(args=arguments, prog_name="gmm-dask")  # exits by itself: 0, 2 for usage, 130 for an interruption
    except GmmDaskError as error:
        err.print(f"[bold red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 (the last resort: shown whole, and never exit code 0)
        err.print_exception()
        err.print(f"[bold red]internal error[/] {escape(repr(error))}; please report it with the lines above")
        sys.exit(5)
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(0)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    err.print("terminated; nothing was half published", style="yellow")
    sys.exit(128 + number)
