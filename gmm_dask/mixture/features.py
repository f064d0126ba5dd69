"""Feature maps: what a row is turned into, so that a log density is one inner product.

With phi(z) = [z_a z_b for a <= b, z_a, 1] (quadratic) the log joint density of a Gaussian component is linear in
phi(z), and the moments of a component are the responsibility-weighted sum of phi(z). Families whose precision matrix is
diagonal need only phi(z) = [z_a^2, z_a, 1] (squares). Packed arrays of q features are ordered so.
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

    def pack(self, constant: Float, linear: Float, quadratic: Float) -> Float:
        """One packed row per component from its parts: constant (k,), linear (k, d), quadratic (k, d, d) or (k, d).

        A symmetric quadratic part is given whole; phi holds each product once, so off-diagonals count twice.
        """
        if self is Features.QUADRATIC:
            a, b = np.triu_indices(linear.shape[1])
            quadratic = quadratic[:, a, b] * np.where(a == b, 1.0, 2.0)
        return np.concatenate([quadratic, linear, constant[:, None]], axis=1)

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
