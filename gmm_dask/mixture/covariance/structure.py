"""What the covariance matrices of a mixture share: volume, shape and orientation.

Celeux & Govaert (1995) write the matrix of component k as Sigma_k = lambda_k D_k A_k D_k', with volume lambda_k =
|Sigma_k|^(1/d), shape A_k (diagonal, of determinant one) and orientation D_k (orthogonal). Three letters, as in mclust,
say of each in turn whether it is equal in all components (E), varies among them (V), or is the identity (I).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_dask.mixture.features import Float


@dataclass(frozen=True)
class Structure:
    """Three letters, such as VEV: volumes vary, the shape is equal, orientations vary."""

    letters: str

    @property
    def volume(self) -> str:
        return self.letters[0]

    @property
    def shape(self) -> str:
        return self.letters[1]

    @property
    def orientation(self) -> str:
        return self.letters[2]

    def n_parameters(self, k: int, d: int) -> int:
        """Free parameters in k covariance matrices over d columns (Celeux & Govaert 1995, table 1)."""
        copies = {"I": 0, "E": 1, "V": k}
        return copies[self.volume] + copies[self.shape] * (d - 1) + copies[self.orientation] * (d * (d - 1) // 2)

    def is_determined(self, rows: Float, d: int) -> bool:
        """Whether the likelihood is sure of a maximum for components that hold so many rows (k,) in general position.

        A component's scatter has rank rows - 1, or d if that is less. Where shapes vary, one that is singular need
        leave no maximum. Where the shape is equal, components make up for each other, with their ranks added up or,
        where they can be turned into each other, with the highest. If volumes vary there is more to it. Let the shape
        shrink by a factor e < 1 in all but r dimensions, and volumes follow: components which vary in these r
        dimensions only, a share s of the rows, gain s (d - r) log(1 / e) per row, all others lose (1 - s) r log(1 / e).
        So s has to be less than r / d, for the smallest component, the two smallest, and so on.
        """
        if self.orientation == "I":
            d = 1  # columns are estimated one by one, and a component of two rows varies in all of them
        if self.shape == "V" or (self.shape == "I" and self.volume == "V"):
            return bool(rows.min() > d)
        rows = np.sort(rows)
        ranks = rows - 1 if self.orientation == "V" else np.cumsum(rows - 1)
        is_full = ranks >= d
        if self.volume == "V":
            shares = np.cumsum(rows) / rows.sum()
            return bool(is_full[-1] and np.all(is_full | (d * shares < ranks)))
        return bool(is_full[-1])
