"""What `verbose` prints."""

from __future__ import annotations

import time
from typing import Protocol

from gmm_dask.em import Progress


class Observer(Protocol):
    """Is shown every iteration; lower bounds are the fits' mean objectives times `scale`."""

    def __call__(self, progress: Progress, scale: float) -> None: ...


def printer(verbose: int, interval: int) -> Observer:
    """Prints a line every `interval` iterations: nothing for verbose 0, from 2 on with bound and time as well.

    All initialisations share their passes and so advance together.
    """
    begun = time.monotonic()

    def show(progress: Progress, scale: float) -> None:
        if progress.iteration % interval and progress.running:
            return
        line = f"Iteration {progress.iteration}: {progress.running} of {len(progress.fits)} initializations running"
        if verbose > 1:
            best = scale * max(fit.history[-1] for fit in progress.fits)
            line += f", lower bound {best:.5f}, {time.monotonic() - begun:.2f} s"
        print(line, flush=True)  # noqa: T201 - what was asked for

    return show if verbose else lambda progress, scale: None
