"""The command that merges components into clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gmm_dask.cli.shell import (
    DaskOption,
    DelimiterOption,
    ModelArgument,
    NoHeaderOption,
    OutputOption,
    TableArgument,
    out,
    record_of,
    run_job,
    table_of,
)

if TYPE_CHECKING:
    from gmm_dask.pipeline import Merged


def merge(
    table: TableArgument,
    model: ModelArgument,
    output: OutputOption,
    clusters: Annotated[
        int | None, typer.Option("--clusters", min=1, help="Clusters; by default as many as the entropy suggests.")
    ] = None,
    delimiter: DelimiterOption = None,
    no_header: NoHeaderOption = False,
    dask: DaskOption = None,
) -> None:
    """Merge components that describe one cluster together, by the entropy of their rows (Baudry et al. 2010).

    One pass over the table for each number of clusters but one. The model stays as it is: `score --merged` gives every
    row its cluster beside its segment.
    """
    from gmm_dask.config import MergeJob
    from gmm_dask.console import merged_table
    from gmm_dask.pipeline import merge as job

    record = record_of(
        MergeJob,
        table=table_of(table, delimiter, no_header),
        model=model,
        output=output,
        merging={"n_clusters": clusters},
        dask=dask,
    )
    done: Merged = run_job(job, record)
    out.print(merged_table(done))
