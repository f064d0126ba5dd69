"""What a job tells while it runs. Jobs report to an `Observer`; what becomes of it is the shell's affair."""

from __future__ import annotations

from typing import Protocol, final

from gmm_dask.em import Progress


class Observer(Protocol):
    """Receives a job's progress. All calls come from the thread that runs the job."""

    def stage(self, name: str) -> None:
        """A new stage begins."""

    def shards(self, done: int, total: int) -> None:
        """So many shards of the current pass are done."""

    def iteration(self, progress: Progress) -> None:
        """A sweep ended."""

    def note(self, text: str) -> None:
        """Something the reader should know: a choice that was made, rows left out."""


@final
class Silent:
    """Tells nobody."""

    def stage(self, name: str) -> None:
        pass

    def shards(self, done: int, total: int) -> None:
        pass

    def iteration(self, progress: Progress) -> None:
        pass

    def note(self, text: str) -> None:
        pass
