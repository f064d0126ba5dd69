"""What Prefect and Dask find in their environment where nobody has said anything else."""

from __future__ import annotations

import os

_DEFAULTS = {
    # A server of one's own takes 4 s to start, half a minute on a busy machine; Prefect would wait 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # No telemetry, and no error in the log of a machine from which it cannot be sent.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # In Prefect's log every cluster of our own would write forty lines on how it comes and goes.
    "DASK_LOGGING__DISTRIBUTED": "warning",
}


def set_defaults() -> None:
    """Set what is not set. Both read their environment when they are imported, so call this before."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
