"""Two readings of a column's numbers, compiled: how many there are, their extremes, and their moments.

Sums are kept in `LANES` parts, number i in part i % LANES: a processor adds as many of them at once as its registers
hold, and the result is the same on each. LLVM makes vector instructions of the inner loops only as they stand: without
branches, over arrays that the same function makes, up to a number that is plainly a multiple of LANES.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm_dask.table.columns import Float
from gmm_dask.table.compiling import compiled, given

LANES = 32

_SMALLEST_UNIT = 2.0**-1000  # its inverse is finite, and the cubes of the smallest numbers there are do not vanish


class Scan(NamedTuple):
    """Of some numbers: how many are finite and how many infinite; then of the finite ones the extremes, the mean, the
    standard deviation (divisor n) and the skewness. Of none: extremes inf and -inf, moments 0."""

    n_finite: int
    n_infinite: int
    minimum: float
    maximum: float
    mean: float
    sd: float
    skewness: float


def scan(values: Float) -> Scan:
    """The scan of values (n,), NaN for missing ones.

    Moments are about the mean, so that an offset costs no digits; what rounding left in the mean is corrected for. They
    are computed in units of a power of two, since sums of cubes would overflow from 1e103 on.
    """
    if values.size % LANES:
        values = np.append(values, np.full(-values.size % LANES, np.nan))
    values = given(values)
    share = math.ldexp(1.0, -math.frexp(values.size)[1])  # a sum of so many numbers, each times this, is finite
    n, n_infinite, minimum, maximum, total = _numbers(values, share)
    if n == 0 or minimum == maximum:
        return Scan(n, n_infinite, minimum, maximum, minimum if n else 0.0, 0.0, 0.0)
    unit = max(power_of_two(max(-minimum, maximum)), _SMALLEST_UNIT)
    centre = min(max(total * (1 / (n * share)), minimum), maximum)
    first, second, third = (total / n for total in _powers(values, 1 / unit, centre / unit))
    mean = min(max((centre / unit + first) * unit, minimum), maximum)
    variance = second - first**2
    if variance <= 0:  # one number in very many is off by its last digit
        return Scan(n, n_infinite, minimum, maximum, mean, 0.0, 0.0)
    skewness = (third - 3 * first * second + 2 * first**3) / variance**1.5
    return Scan(n, n_infinite, minimum, maximum, mean, math.sqrt(variance) * unit, skewness)


def power_of_two(size: float) -> float:
    """The power of two at or below a size >= 0 (1 for zero): dividing by it is exact."""
    return math.ldexp(1.0, math.frexp(size)[1] - 1) if size > 0 else 1.0


@compiled
def _numbers(values: Float, share: float) -> tuple[int, int, float, float, float]:
    """Of values (n,), n a multiple of LANES: how many are finite and infinite, then the extremes of the finite ones and
    the sum of their products with `share`."""
    finite, infinite = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    lowest, highest, total = np.full(LANES, np.inf), np.full(LANES, -np.inf), np.zeros(LANES)
    for start in range(0, values.size - values.size % LANES, LANES):
        for lane in range(LANES):
            x = values[start + lane]
            is_finite = abs(x) < np.inf  # also false for NaN
            finite[lane] += is_finite
            infinite[lane] += abs(x) == np.inf
            lowest[lane] = x if is_finite and x < lowest[lane] else lowest[lane]
            highest[lane] = x if is_finite and x > highest[lane] else highest[lane]
            total[lane] += x * share if is_finite else 0.0
    return finite.sum(), infinite.sum(), lowest.min(), highest.max(), total.sum()


@compiled
def _powers(values: Float, inverse: float, centre: float) -> tuple[float, float, float]:
    """The sums of the first three powers of the deviations of values * inverse, those that are finite, from the centre.

    values (n,), n a multiple of LANES.
    """
    first, second, third = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    for start in range(0, values.size - values.size % LANES, LANES):
        for lane in range(LANES):
            deviation = values[start + lane] * inverse - centre
            deviation = deviation if abs(deviation) < np.inf else 0.0
            square = deviation * deviation
            first[lane] += deviation
            second[lane] += square
            third[lane] += square * deviation
    return first.sum(), second.sum(), third.sum()
