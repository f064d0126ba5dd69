"""What every command shares: the consoles, its options, and the way from options to a finished job."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from gmm_dask.pipeline import Done

_PIPED_WIDTH = None if sys.stdout.isatty() else 140  # what no terminal bounds is read by programs and in logs
out, err = Console(width=_PIPED_WIDTH), Console(stderr=True)

TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="File, folder, glob or URL of Parquet or CSV.")]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A model folder, as written by select or fit.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="Folder to publish the fitted model in.")]
OutputOption = Annotated[str, typer.Option("--output", "-o", help="Folder to publish the result in.")]
PreviousOption = Annotated[
    str | None,
    typer.Option("--previous", help="A model whose segment numbers the new one takes up, by matching components."),
]
DaskOption = Annotated[
    str | None,
    typer.Option(
        "--dask",
        envvar="GMM_DASK_SCHEDULER",
        metavar="ADDRESS",
        help="A running Dask scheduler, such as tcp://host:8786. Without it: a cluster inside this process.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Decides every random choice.")]
ContinuousOption = Annotated[
    list[str],
    typer.Option("--continuous", "-c", help="A column to model; repeat it. Given once, no other column is modelled."),
]
IgnoredOption = Annotated[list[str], typer.Option("--ignore", help="A column to leave out of the model; repeat it.")]
WeightOption = Annotated[str | None, typer.Option("--weight", help="A column of row weights.")]
TransformOption = Annotated[
    str, typer.Option("--transform", help="For every modelled column: auto, none, standardise, log1p, yeo-johnson.")
]
TolOption = Annotated[float, typer.Option("--tol", help="Least gain in mean log-likelihood worth another pass.")]
MaxIterOption = Annotated[int, typer.Option("--max-iter", help="Passes over the table at most.")]
NInitOption = Annotated[int, typer.Option("--n-init", help="Starts of each candidate, tried on a sample.")]
RegCovarOption = Annotated[
    float, typer.Option("--reg-covar", help="Added to covariances, as a share of column variances.")
]
PriorOption = Annotated[
    str, typer.Option("--prior", help="none, or inverse-wishart: it keeps components from shrinking onto few rows.")
]
AccelerationOption = Annotated[
    str, typer.Option("--acceleration", help="auto: few passes; none: plain expectation-maximisation.")
]
DelimiterOption = Annotated[str | None, typer.Option("--delimiter", help="CSV: the character between fields.")]
NoHeaderOption = Annotated[bool, typer.Option("--no-header", help="CSV: the first line holds data, not names.")]


def table_of(path: str, delimiter: str | None, no_header: bool) -> dict[str, Any]:
    return {"path": path, "csv": {"delimiter": delimiter, "header": not no_header}}


def record_of(kind: Any, **values: Any) -> Any:
    from gmm_dask.config import validated

    return validated(kind, values)


def run_job(job: Any, record: Any) -> Any:
    from gmm_dask.console import show_progress

    with show_progress(err) as observer:
        done = job(record, observer)
    show_stages([done])
    return done


def show_stages(stages: Sequence[Done]) -> None:
    from gmm_dask.console import stages_table

    out.print(stages_table(stages))
