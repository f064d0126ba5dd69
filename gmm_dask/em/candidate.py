"""What may be chosen among: a number of components and a covariance family."""

from __future__ import annotations

from dataclasses import dataclass

from gmm_dask.mixture import CovarianceFamily


@dataclass(frozen=True)
class Candidate:
    """One row of a selection."""

    n_components: int
    family: CovarianceFamily

    def n_parameters(self, d: int) -> int:
        """Free parameters over d columns: means, covariances and all weights but one."""
        k = self.n_components
        return k * d + self.family.n_parameters(k, d) + k - 1
