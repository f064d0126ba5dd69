"""Sufficient statistics of one candidate: all that an M-step, a criterion and a stopping rule read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gmm_dask.mixture.features import Features, Float


@dataclass(frozen=True)
class SufficientStatistics:
    """Responsibility-weighted moments of a set of rows under one candidate, with the candidate's log-likelihood there.

    `merge` with `zero` is a commutative monoid over disjoint sets of rows: associative and commutative up to rounding,
    with an exact zero. Only statistics of the same candidate (hence the same `centres`) may meet.

    `moments`: (k, q) packed sums of r * phi(z - centre). `centres`: (k, d), zero except for components evaluated about
    their mean. `log_likelihood`: sum of w * log p(z). `log_assignment`: sum of w * log max_k r_k, never positive; it is
    what ICL adds to BIC. `weight`: the sum of row weights. `n_rows`: the number of rows.
    """

    features: Features
    moments: Float
    centres: Float
    log_likelihood: float
    log_assignment: float
    weight: float
    n_rows: int

    @classmethod
    def zero(cls, features: Features, centres: Float) -> SufficientStatistics:
        """The statistics of no rows."""
        k, d = centres.shape
        return cls(features, np.zeros((k, features.n_features(d))), centres, 0.0, 0.0, 0.0, 0)

    def merge(self, other: SufficientStatistics) -> SufficientStatistics:
        """The statistics of both sets of rows together."""
        return SufficientStatistics(
            self.features,
            self.moments + other.moments,
            self.centres,
            self.log_likelihood + other.log_likelihood,
            self.log_assignment + other.log_assignment,
            self.weight + other.weight,
            self.n_rows + other.n_rows,
        )

    def scaled(self, factor: float) -> SufficientStatistics:
        """As if every row had its weight times `factor`."""
        return replace(
            self,
            moments=factor * self.moments,
            log_likelihood=factor * self.log_likelihood,
            log_assignment=factor * self.log_assignment,
            weight=factor * self.weight,
        )

    def about(self, centres: Float) -> SufficientStatistics:
        """The same with moments about other centres (k, d)."""
        moved = self.centres - centres
        if not moved.any():
            return replace(self, centres=centres)
        counts, sums, second = self.features.unpack_moments(self.moments)
        shifted = sums + counts[:, None] * moved
        if self.features is Features.SQUARES:
            second = second + moved * (sums + shifted)
        else:
            second = second + moved[:, :, None] * sums[:, None, :] + shifted[:, :, None] * moved[:, None, :]
        return replace(self, moments=self.features.pack_moments(counts, shifted, second), centres=centres)

    @property
    def counts(self) -> Float:
        """(k,) expected rows (by weight) in each component."""
        return self.moments[:, -1]

    def means(self) -> Float:
        """(k, d) weighted means. A component without rows keeps its centre."""
        counts, sums, _ = self.features.unpack_moments(self.moments)
        return self.centres + sums / _at_least_tiny(counts)[:, None]

    def scatters(self) -> Float:
        """Weighted second moments about the mean: (k, d, d) matrices, or their diagonals (k, d) for squares."""
        counts, sums, second = self.features.unpack_moments(self.moments)
        counts = _at_least_tiny(counts)
        offset = sums / counts[:, None]
        if self.features is Features.SQUARES:
            # Rounding can leave a tiny negative variance where all rows agree.
            return np.maximum(second / counts[:, None] - offset**2, 0.0)
        return second / counts[:, None, None] - offset[:, :, None] * offset[:, None, :]


def merge_all(left: list[SufficientStatistics], right: list[SufficientStatistics]) -> list[SufficientStatistics]:
    """Merge the statistics of several candidates, pair by pair."""
    return [a.merge(b) for a, b in zip(left, right, strict=True)]


def _at_least_tiny(counts: Float) -> Float:
    """Counts safe to divide by."""
    return np.maximum(counts, np.finfo(np.float64).tiny)
