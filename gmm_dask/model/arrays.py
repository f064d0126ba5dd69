"""Raw arrays in a model folder: little-endian float64, row-major, a file for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gmm_dask.errors import DamagedError
from gmm_dask.mixture import Float

ADVICE = "Fit again, or go back to the version before (it is kept until clean-up)."


def as_bytes(array: Float) -> bytes:
    """What the file of an array holds."""
    return np.asarray(array, "<f8").tobytes()


def read_arrays(folder: Path, shapes: Mapping[str, list[int]]) -> dict[str, Float]:
    """The arrays of these names and shapes. Raises DamagedError for a file of another size, or not finite."""
    return {name: _read(folder / f"{name}.f64", shape) for name, shape in shapes.items()}


def _read(file: Path, shape: list[int]) -> Float:
    flat = np.fromfile(file, "<f8")
    if flat.size != np.prod(shape):
        raise DamagedError(f"{flat.size} numbers", expected=f"{shape}", where=str(file), advice=ADVICE)
    if not np.isfinite(flat).all():
        raise DamagedError("holds numbers that are not finite", where=str(file), advice=ADVICE)
    return flat.reshape(shape).astype(np.float64)
