"""What scikit-learn checks of parameters that are arrays, in its words."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array

from gmm_dask.mixture import Float


def of_shape(values: Any, shape: tuple[int, ...], name: str) -> Float:
    """An array-like as an array of that shape. Raises ValueError, also for numbers that are not finite."""
    array: Float = check_array(values, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
    if array.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}")
    return array


def require_positive(values: Float, name: str) -> None:
    """Raises ValueError."""
    if not (values > 0).all():
        raise ValueError(f"'{name}' should be positive, but got min value {values.min():.5g}")


def require_positive_definite(matrices: Float, name: str) -> None:
    """Of one matrix or several, (..., d, d). Raises ValueError."""
    if not np.allclose(matrices, np.swapaxes(matrices, -1, -2)) or not (np.linalg.eigvalsh(matrices) > 0).all():
        raise ValueError(f"'{name}' should be symmetric, positive-definite")


def require_shapes(found: dict[str, Float], expected: dict[str, tuple[int, ...]]) -> None:
    """Raises ValueError where a fit before left attributes of other shapes than the next has."""
    shapes = {name: array.shape for name, array in found.items()}
    if shapes != expected:
        raise ValueError(
            f"warm_start=True continues the fit before, whose attributes have shapes {_listed(shapes)}; expected "
            f"{_listed(expected)}. Set warm_start=False to start anew."
        )


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
