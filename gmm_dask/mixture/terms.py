"""What a sweep needs to know of a candidate, whatever its parameters are and however they were estimated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gmm_dask.mixture.features import Features, Float


@dataclass(frozen=True)
class Terms:
    """How k components over d columns are evaluated: log joint density c_k - |U_k'(z - m_k)|^2 / 2.

    `features`: what their moments are taken of. `means` (k, d): m. `roots`: U, upper triangular (k, d, d), or for
    squares the diagonals (k, d); where `is_shared`, all alike. `constants` (k,): c. `variances` (k, d): how wide the
    components are, by which lost digits are foreseen.
    """

    features: Features
    is_shared: bool
    means: Float
    roots: Float
    constants: Float
    variances: Float


class Sweepable(Protocol):
    """A candidate: the parameters of one mixture, or a distribution over them."""

    def terms(self) -> Terms:
        """Raises `SingularCovarianceError` where there is no density."""
        ...
