"""How long a job has been running."""

from __future__ import annotations

import time


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """To the millisecond."""
        return round(time.perf_counter() - self._start, 3)
