"""Packages that only some users need: asked for when they are used, by the name of the extra that brings them."""

from __future__ import annotations

import importlib
from typing import Any

from gmm_dask.errors import UsageError


def required(module: str, extra: str, purpose: str) -> Any:
    """The module of that name. Raises UsageError, with the extra to install, where it cannot be imported."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UsageError(
            f"{purpose} needs {package}, which cannot be imported ({error})",
            advice=f"Run pip install 'gmm-dask[{extra}]', or do without {purpose}.",
        ) from error


def new_axes(purpose: str) -> Any:
    """Axes of a new matplotlib figure, which a notebook shows by itself. Raises UsageError without the extra."""
    _, axes = required("matplotlib.pyplot", "report", purpose).subplots()
    return axes
