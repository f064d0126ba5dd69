"""What `verbose` prints."""

from __future__ import annotations

import time
from collections.abc import Callable

from gmm_dask.em import Progress


def printer(verbose: int, interval: int) -> Callable[[Progress], None]:
    """Prints a line every `interval` iterations: nothing for verbose 0, from 2 on with bound and time as well.

    All initialisations share their passes and so advance together.
    """
    begun = time.monotonic()

    def show(progress: Progress) -> None:
        if progress.iteration % interval and progress.running:
            return
        line = f"Iteration {progress.iteration}: {progress.running} of {len(progress.fits)} initializations running"
        if verbose > 1:
            best = max(fit.history[-1] for fit in progress.fits)
            line += f", lower bound {best:.5f}, {time.monotonic() - begun:.2f} s"
        print(line, flush=True)  # noqa: T201 - what was asked for

    return show if verbose else lambda progress: None
