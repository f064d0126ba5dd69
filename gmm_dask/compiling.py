"""Everything that numba compiles, compiled at once: by `make setup`, so that no later process waits for it."""

from __future__ import annotations

from gmm_dask.mixture import compile_kernels
from gmm_dask.table.profile import compile_profile


def compile_all() -> None:
    """Compile, or load from the cache on disk, the kernel of the sweep and the loops of the profile.

    The cache lies next to the package where that can be written, else in the user's cache folder (or NUMBA_CACHE_DIR).
    """
    compile_kernels()
    compile_profile()
