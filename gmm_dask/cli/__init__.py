"""The command line; `main` is the entry point of `gmm-dask`."""

from gmm_dask.cli.main import main

__all__ = ["main"]
