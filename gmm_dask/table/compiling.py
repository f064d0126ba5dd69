"""How functions that go through every value of a column are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """The function compiled at its first call, or loaded from numba's cache on disk; it runs without the GIL.

    Without fast-math: sums run in the order written, so that they have the same bits on every processor. The cache
    looks at the age of the function's own file alone: what one compiled function calls of another is to be in its file.
    """
    result: Function = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    return result


def given(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array (n,) as compiled functions take it: contiguous, and read-only whatever it was.

    numba compiles anew, for seconds, for every combination of layouts and of writable and read-only arguments.
    """
    same: npt.NDArray[Any] = np.ascontiguousarray(array).view()
    same.flags.writeable = False
    return same
