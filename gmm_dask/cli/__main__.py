"""`python -m gmm_dask.cli`."""

from gmm_dask.cli import main

main()
