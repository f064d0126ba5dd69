"""Commands that apply a model: rows in, rows out."""

from typing import Annotated

import typer

from gmm_dask.cli.shell import (
    DaskOption,
    DelimiterOption,
    ModelArgument,
    NoHeaderOption,
    OutputOption,
    SeedOption,
    TableArgument,
    record_of,
    run_job,
    table_of,
)


def score(
    table: TableArgument,
    model: ModelArgument,
    output: OutputOption,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Also a probability per component.")] = False,
    prefix: Annotated[str, typer.Option("--prefix", help="Goes before the names of added columns.")] = "",
    merged: Annotated[str | None, typer.Option("--merged", help="What `merge` published: also a cluster.")] = None,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
    dask: DaskOption = None,
) -> None:
    """Add `segment`, `segment_probability` and `log_density` to every row.

    Segments are numbered from the largest. Rows with gaps are scored on what they hold; rows with nothing to go by get
    nulls. Every other column goes through as it came.
    """
    from gmm_dask.config import ScoreJob
    from gmm_dask.pipeline import score as job

    record = record_of(
        ScoreJob,
        table=table_of(table, delimiter, no_header),
        model=model,
        output=output,
        score={"probabilities": probabilities, "prefix": prefix, "merged": merged},
        dask=dask,
    )
    run_job(job, record)


def impute(
    table: TableArgument,
    model: ModelArgument,
    output: OutputOption,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
    dask: DaskOption = None,
) -> None:
    """Fill missing cells of modelled columns with their conditional mean given what the row holds.

    Each column with gaps gets a companion `<column>_imputed` that says which cells were filled. Cells that were there
    stay as they are, bit by bit.
    """
    from gmm_dask.config import ImputeJob
    from gmm_dask.pipeline import impute as job

    run_job(
        job, record_of(ImputeJob, table=table_of(table, delimiter, no_header), model=model, output=output, dask=dask)
    )


def sample(
    model: ModelArgument,
    output: OutputOption,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="Rows to draw.")],
    seed: SeedOption = 0,
    dask: DaskOption = None,
) -> None:
    """Draw synthetic rows with the columns and types of the table the model was fitted to.

    The same rows for a seed, whatever the cluster. Columns that are not modelled are null.
    """
    from gmm_dask.config import SampleJob
    from gmm_dask.pipeline import sample as job

    run_job(job, record_of(SampleJob, model=model, output=output, rows=rows, seed=seed, dask=dask))
