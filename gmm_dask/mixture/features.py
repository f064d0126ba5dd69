"""Feature maps: what a row is turned into, so that the statistics are one matrix product.

The moments of a component are the responsibility-weighted sum of phi(z) = [z_a z_b for a <= b, z_a, 1] (quadratic).
Families whose precision matrix is diagonal need only phi(z) = [z_a^2, z_a, 1] (squares). Packed arrays of q features
are ordered so.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


class Features(Enum):
    """The two feature maps; the value is their name in messages."""

    QUADRATIC = "quadratic"
    SQUARES = "squares"

    def n_features(self, d: int) -> int:
        """q, the length of phi(z) for d columns."""
        return (d * (d + 1) // 2 if self is Features.QUADRATIC else d) + d + 1

    def factors(self, d: int, multiple_of: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The columns of [z, 1] whose product each feature is: (q,) and (q,), filled up with 1 * 1 to a multiple."""
        first, second = np.triu_indices(d) if self is Features.QUADRATIC else (np.arange(d), np.arange(d))
        spare = -self.n_features(d) % multiple_of
        ones = np.full(1 + spare, d)
        return np.concatenate([first, np.arange(d), ones]), np.concatenate([second, np.full(d, d), ones])

    def unpack_moments(self, moments: Float) -> tuple[Float, Float, Float]:
        """counts (k,), sums (k, d) and second moments (k, d, d) or (k, d) from packed sums of phi(z), (k, q)."""
        q = moments.shape[1]
        if self is Features.SQUARES:
            d = (q - 1) // 2
            return moments[:, -1], moments[:, d : 2 * d], moments[:, :d]
        d = int((np.sqrt(8 * q + 1) - 3) / 2)
        a, b = np.triu_indices(d)
        second = np.empty((moments.shape[0], d, d))
        second[:, a, b] = moments[:, : a.size]
        second[:, b, a] = moments[:, : a.size]
        return moments[:, -1], moments[:, a.size : a.size + d], second

    def pack_moments(self, counts: Float, sums: Float, second: Float) -> Float:
        """Packed sums of phi(z), (k, q), from what `unpack_moments` gives."""
        if self is Features.QUADRATIC:
            a, b = np.triu_indices(sums.shape[1])
            second = second[:, a, b]
        return np.concatenate([second, sums, counts[:, None]], axis=1)
