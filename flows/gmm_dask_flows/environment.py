"""What Prefect finds in its environment where nobody has said anything else."""

from __future__ import annotations

import os

_DEFAULTS = {
    # A server of one's own takes 4 s to start, half a minute on a busy machine; Prefect would wait 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # No telemetry, and no error in the log of a machine from which it cannot be sent.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


def set_defaults() -> None:
    """Set what is not set. Prefect reads its environment when it is imported, so call this before."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
