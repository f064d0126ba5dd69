"""The command that takes another table into a model."""

from typing import Annotated

import typer

from gmm_dask.cli.shell import (
    DaskOption,
    DelimiterOption,
    ModelArgument,
    NoHeaderOption,
    OutputOption,
    TableArgument,
    record_of,
    run_job,
    table_of,
)


def update(
    model: ModelArgument,
    table: TableArgument,
    output: OutputOption,
    forgetting: Annotated[
        float | None,
        typer.Option(
            "--forgetting", help="What the new rows count for, in (0, 1]; by default their share in all rows."
        ),
    ] = None,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
    dask: DaskOption = None,
) -> None:
    """Take another table, such as today's partition, into a model, in one pass over it and none over the rows before.

    Segments keep their numbers; those that are new, vanished, split or merged are named. --output may be the folder of
    the model itself: the version before stays until `gmm-dask clean`.
    """
    from gmm_dask.config import UpdateJob
    from gmm_dask.pipeline import update as job

    record = record_of(
        UpdateJob,
        model=model,
        table=table_of(table, delimiter, no_header),
        output=output,
        update={"forgetting": forgetting},
        dask=dask,
    )
    run_job(job, record)
