"""What a job tells, kept for its record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gmm_dask.progress import Observer


@dataclass
class Noting:
    """Passes everything on, each note once, and keeps the notes for the record."""

    observer: Observer
    notes: list[str] = field(default_factory=list)

    def stage(self, name: str) -> None:
        self.observer.stage(name)

    def shards(self, done: int, total: int) -> None:
        self.observer.shards(done, total)

    def iteration(self, progress: Any) -> None:
        self.observer.iteration(progress)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self.observer.note(text)
