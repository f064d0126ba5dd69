"""Parameters and attributes as JSON and raw arrays, and back, bit for bit: numbers, text, arrays, lists of these."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_dask.errors import UsageError

Array = NDArray[Any]


def to_json(value: Any, arrays: list[Array], where: str) -> Any:
    """What JSON can say of a value; the arrays in it are appended to `arrays`, and go by their number.

    What JSON has no form for becomes an object of one key: array, scalar (NumPy's), float (not finite), names (an array
    of text), tuple, random_state. Raises UsageError, at `where`, for anything else.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return _array_to_json(np.asarray(value), arrays, where, "scalar" if isinstance(value, np.generic) else "array")
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, (list, tuple)):
        items = [to_json(item, arrays, where) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, np.random.RandomState):
        state: Any = value.get_state()  # of another bit generator than NumPy's default it is no tuple
        if isinstance(state, tuple):
            return {"random_state": [to_json(item, arrays, where) for item in state]}
    raise _unknown(type(value).__name__, where)


def from_json(value: Any, arrays: Sequence[Array]) -> Any:
    """The inverse of `to_json`. Raises ValueError, KeyError, TypeError or IndexError for what it never writes."""
    if isinstance(value, list):
        return [from_json(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((form, content),) = value.items()
    return _FORMS[form](content, arrays)


def pack(arrays: Sequence[Array]) -> tuple[list[dict[str, Any]], bytes]:
    """Types and shapes of arrays, as JSON, and their numbers, little-endian and row-major, one array after another."""
    arrays = [array.astype(array.dtype.newbyteorder("<")) for array in arrays]
    return [{"dtype": array.dtype.str, "shape": list(array.shape)} for array in arrays], b"".join(
        array.tobytes() for array in arrays
    )


def unpack(outlines: Sequence[dict[str, Any]], data: bytes) -> list[Array]:
    """The inverse of `pack`. Raises ValueError, KeyError or TypeError where the two do not fit together."""
    arrays, start = list[Array](), 0
    for outline in outlines:
        dtype, shape = np.dtype(outline["dtype"]), tuple(outline["shape"])
        if dtype.kind not in _NUMBERS:
            raise ValueError(f"an array of {dtype}")
        count = math.prod(shape)
        flat = np.frombuffer(data, dtype, count, start) if count else np.empty(0, dtype)
        arrays.append(flat.reshape(shape).astype(dtype.newbyteorder("=")))
        start += flat.nbytes
    if start != len(data):
        raise ValueError(f"{len(data)} bytes of arrays instead of {start}")
    return arrays


_NUMBERS = "biuf"
"""The kinds of NumPy's types that are saved: booleans, integers and floating-point numbers."""


def _array_to_json(array: Array, arrays: list[Array], where: str, form: str) -> dict[str, Any]:
    if array.dtype.kind in _NUMBERS:
        arrays.append(array)
        return {form: len(arrays) - 1}
    if array.ndim == 1 and all(isinstance(item, str) for item in array.tolist()):
        return {"names": array.tolist()}
    raise _unknown(f"array of {array.dtype}", where)


def _random_state(content: Any, arrays: Sequence[Array]) -> np.random.RandomState:
    state = np.random.RandomState()
    state.set_state(tuple(from_json(item, arrays) for item in content))
    return state


_FORMS = {
    "array": lambda content, arrays: arrays[content],
    "scalar": lambda content, arrays: arrays[content][()],
    "float": lambda content, arrays: float(content),
    "names": lambda content, arrays: np.array(content, dtype=object),
    "tuple": lambda content, arrays: tuple(from_json(item, arrays) for item in content),
    "random_state": _random_state,
}


def _unknown(found: str, where: str) -> UsageError:
    return UsageError(
        f"the {found} cannot be saved",
        expected="None, numbers, text, NumPy arrays and lists of these, or a RandomState of NumPy's default kind",
        where=where,
        advice="Set it to such a value first.",
    )
