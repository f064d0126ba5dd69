"""The command that runs everything, and the one that shows how to configure it."""

from pathlib import Path
from typing import Annotated

import typer

from gmm_dask.cli.shell import DaskOption, show_stages
from gmm_dask.errors import UsageError


def run(
    configuration: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to do; see `gmm-dask config`.")],
    output: Annotated[str | None, typer.Option("--output", "-o", help="Instead of the configuration's output.")] = None,
    dask: DaskOption = None,
) -> None:
    """Run the whole pipeline as a Prefect flow: ingest, choose K, fit, score, impute, sample, report.

    Everything lands under the configuration's output folder: `ingested`, `model`, `selection`, `segments`, `imputed`,
    `synthetic` and `report.html`. Run it again and each is replaced by a new version, at once; the version before
    stays until `gmm-dask clean`. Needs the extra `flows`; without PREFECT_API_URL it brings its own Prefect server.
    """
    from gmm_dask.config import PipelineJob, load_config

    job = load_config(configuration, PipelineJob, output=output, dask=dask)
    try:
        from gmm_dask_flows import run_pipeline
    except ModuleNotFoundError as error:
        if error.name not in ("prefect", "gmm_dask_flows"):
            raise
        raise UsageError("Prefect is not installed", advice="pip install 'gmm-dask[flows]'") from error
    show_stages(run_pipeline(job))


def config() -> None:
    """Print a configuration to start from: every key, its default and what it means."""
    from gmm_dask.config_template import template

    typer.echo(template())
