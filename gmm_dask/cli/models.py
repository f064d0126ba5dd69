"""Commands that look at a table and fit models to it."""

from typing import TYPE_CHECKING, Annotated

import typer

from gmm_dask.cli.shell import (
    AccelerationOption,
    ContinuousOption,
    DaskOption,
    DelimiterOption,
    IgnoredOption,
    MaxIterOption,
    ModelOption,
    NInitOption,
    NoHeaderOption,
    OutputOption,
    PreviousOption,
    PriorOption,
    RegCovarOption,
    SeedOption,
    TableArgument,
    TolOption,
    TransformOption,
    WeightOption,
    err,
    out,
    record_of,
    run_job,
    table_of,
)

if TYPE_CHECKING:
    from gmm_dask.pipeline import Chosen

_COVARIANCE_TYPES = "full, tied, diag, spherical, or one of mclust's names such as VEV"


def profile(
    table: TableArgument,
    continuous: ContinuousOption = [],  # noqa: B006 (typer copies defaults)
    ignore: IgnoredOption = [],  # noqa: B006
    weight: WeightOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
    dask: DaskOption = None,
) -> None:
    """Describe a table: per column type, role and why, gaps, distinct values, moments, quantiles.

    One pass. The role says what a fit would do with the column: model it (continuous) or carry it through.
    """
    from gmm_dask.config import ProfileJob
    from gmm_dask.console import profile_table, show_progress
    from gmm_dask.pipeline import profile as job

    columns = {"continuous": continuous, "ignored": ignore, "weight": weight}
    record = record_of(ProfileJob, table=table_of(table, delimiter, no_header), columns=columns, dask=dask)
    with show_progress(err) as observer:
        found = job(record, observer)
        for note in found.notes:
            observer.note(note)
    if json:
        typer.echo(found.to_json())
    else:
        out.print(profile_table(found.rows()))


def plan(
    table: TableArgument,
    components: Annotated[str, typer.Option("--components", "-k", help="Range of K such as 1:20, or one.")] = "1:10",
    covariance_types: Annotated[
        list[str], typer.Option("--covariance-type", help=f"{_COVARIANCE_TYPES}, or all; repeat it to compare.")
    ] = ["full"],  # noqa: B006
    workers: Annotated[int, typer.Option("--workers", min=1, help="Dask workers.")] = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each worker.")] = 1,
    memory: Annotated[str, typer.Option("--memory", help="Memory limit of each worker, such as 4GiB.")] = "4GiB",
    passes: Annotated[int, typer.Option("--passes", min=1, help="Passes of the fit to reckon with.")] = 50,
    continuous: ContinuousOption = [],  # noqa: B006
    ignore: IgnoredOption = [],  # noqa: B006
    weight: WeightOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
) -> None:
    """Say what a select or fit would take: seconds a pass, memory a worker, and what to change where it does not fit.

    Nothing is fitted. Columns are judged by the table's first rows; speed is measured on these and on this processor,
    and the workers are taken to be like it. docs/scale.md has the model behind the figures.
    """
    from gmm_dask.config import PlanJob
    from gmm_dask.console import plan_table
    from gmm_dask.pipeline import plan as job

    record = record_of(
        PlanJob,
        table=table_of(table, delimiter, no_header),
        columns={"continuous": continuous, "ignored": ignore, "weight": weight},
        candidates={"n_components": components, "covariance_types": covariance_types},
        workers=workers,
        threads=threads,
        memory=memory,
        passes=passes,
    )
    planned = job(record)
    if json:
        typer.echo(planned.to_json())
        return
    out.print(plan_table(planned))
    for advice in planned.plan.advice:
        err.print(f"[yellow]note[/] {advice}", highlight=False)


def ingest(
    table: TableArgument,
    output: OutputOption,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
    dask: DaskOption = None,
) -> None:
    """Publish a table as Parquet: CSV is converted, Parquet is copied into shards of even size."""
    from gmm_dask.config import IngestJob
    from gmm_dask.pipeline import ingest as job

    run_job(job, record_of(IngestJob, source=table_of(table, delimiter, no_header), output=output, dask=dask))


def select(
    table: TableArgument,
    model: ModelOption,
    components: Annotated[str, typer.Option("--components", "-k", help="Range of K such as 1:10, or one.")] = "1:10",
    covariance_types: Annotated[
        list[str], typer.Option("--covariance-type", help=f"{_COVARIANCE_TYPES}, or all; repeat it to compare.")
    ] = ["full"],  # noqa: B006
    criterion: Annotated[str, typer.Option("--criterion", help="bic, aic, icl, awe or cv.")] = "bic",
    folds: Annotated[int, typer.Option("--folds", help="Parts of the table for cross-validation (cv).")] = 5,
    selection: Annotated[str | None, typer.Option("--selection", help="Folder for the comparison.")] = None,
    previous: PreviousOption = None,
    continuous: ContinuousOption = [],  # noqa: B006
    ignore: IgnoredOption = [],  # noqa: B006
    weight: WeightOption = None,
    transform: TransformOption = "auto",
    tol: TolOption = 1e-6,
    max_iter: MaxIterOption = 1000,
    n_init: NInitOption = 16,
    reg_covar: RegCovarOption = 1e-6,
    prior: PriorOption = "none",
    acceleration: AccelerationOption = "auto",
    seed: SeedOption = 0,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
    dask: DaskOption = None,
) -> None:
    """Fit every K and covariance type in shared passes over the table; save the best.

    All candidates are served by the same reading of the data, so twenty cost little more than the largest of them.
    The best needs no refit: it is published as it stands.
    """
    from gmm_dask.config import SelectJob
    from gmm_dask.console import selection_table
    from gmm_dask.pipeline import select as job

    record = record_of(
        SelectJob,
        table=table_of(table, delimiter, no_header),
        model=model,
        selection=selection,
        previous=previous,
        columns={"continuous": continuous, "ignored": ignore, "weight": weight, "transform": transform},
        candidates={
            "n_components": components,
            "covariance_types": covariance_types,
            "criterion": criterion,
            "folds": folds,
        },
        fitting={
            "tol": tol,
            "max_iter": max_iter,
            "n_init": n_init,
            "reg_covar": reg_covar,
            "prior": prior,
            "acceleration": acceleration,
        },
        seed=seed,
        dask=dask,
    )
    done: Chosen = run_job(job, record)
    out.print(selection_table(done))


def fit(
    table: TableArgument,
    model: ModelOption,
    components: Annotated[int | None, typer.Option("--components", "-k", min=1, help="Number of components.")] = None,
    covariance_type: Annotated[
        str | None, typer.Option("--covariance-type", help=f"{_COVARIANCE_TYPES}; full without a start.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="A model to go on from, with its components, columns and transforms.")
    ] = None,
    previous: PreviousOption = None,
    continuous: ContinuousOption = [],  # noqa: B006
    ignore: IgnoredOption = [],  # noqa: B006
    weight: WeightOption = None,
    transform: TransformOption = "auto",
    tol: TolOption = 1e-6,
    max_iter: MaxIterOption = 1000,
    n_init: NInitOption = 16,
    reg_covar: RegCovarOption = 1e-6,
    prior: PriorOption = "none",
    acceleration: AccelerationOption = "auto",
    seed: SeedOption = 0,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
    dask: DaskOption = None,
) -> None:
    """Fit a mixture with a given number of components and save it, or one that goes on from a saved model.

    Starts are tried on a sample; the best goes on over the whole table until the log-likelihood stops rising. With
    --start there is one start, a model's parameters, and segments keep the numbers that they have there.
    """
    from gmm_dask.config import FitJob
    from gmm_dask.pipeline import fit as job

    record = record_of(
        FitJob,
        table=table_of(table, delimiter, no_header),
        model=model,
        n_components=components,
        covariance_type=covariance_type,
        start=start,
        previous=previous,
        columns={"continuous": continuous, "ignored": ignore, "weight": weight, "transform": transform},
        fitting={
            "tol": tol,
            "max_iter": max_iter,
            "n_init": n_init,
            "reg_covar": reg_covar,
            "prior": prior,
            "acceleration": acceleration,
        },
        seed=seed,
        dask=dask,
    )
    run_job(job, record)
