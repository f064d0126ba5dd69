"""The increasing functions that bend a column's values towards a Gaussian shape, with what a model needs of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from scipy.special import boxcox1p, inv_boxcox1p

from gmm_dask.table.columns import Float


class Curve(ABC):
    """An increasing function g of a column's values, elementwise over arrays of any shape; NaN stays NaN."""

    above: ClassVar[float] = -math.inf
    """g takes values above this one."""

    @abstractmethod
    def forward(self, x: Float) -> Float:
        """g(x)."""

    @abstractmethod
    def inverse(self, y: Float) -> Float:
        """The x with g(x) = y; infinite, never NaN, where y is beyond the range of g or x beyond that of float64."""

    @abstractmethod
    def log_slope(self, x: Float) -> Float:
        """log g'(x)."""

    @abstractmethod
    def mean_of_inverse(
        self, mean: Float, variance: Float, lowest: float = -math.inf, highest: float = math.inf
    ) -> Float:
        """E[g^-1(Y)] for Y ~ N(mean, variance), held to [lowest, highest]; never NaN for known arguments."""


@final
@dataclass(frozen=True)
class Identity(Curve):
    """g(x) = x."""

    def forward(self, x: Float) -> Float:
        return x

    def inverse(self, y: Float) -> Float:
        return y

    def log_slope(self, x: Float) -> Float:
        return np.where(np.isnan(x), np.nan, 0.0)

    def mean_of_inverse(
        self, mean: Float, variance: Float, lowest: float = -math.inf, highest: float = math.inf
    ) -> Float:
        means: Float = np.broadcast_arrays(mean, variance)[0]
        return np.clip(means, lowest, highest)


@final
@dataclass(frozen=True)
class Log1p(Curve):
    """g(x) = log(1 + x) for x > -1."""

    above: ClassVar[float] = -1.0

    def forward(self, x: Float) -> Float:
        return np.log1p(x)

    def inverse(self, y: Float) -> Float:
        with np.errstate(over="ignore"):
            return np.expm1(y)

    def log_slope(self, x: Float) -> Float:
        return -np.log1p(x)

    def mean_of_inverse(
        self, mean: Float, variance: Float, lowest: float = -math.inf, highest: float = math.inf
    ) -> Float:
        """1 + X is lognormal, with mean exp(mean + variance / 2)."""
        return np.clip(self.inverse(mean + variance / 2), lowest, highest)


@final
@dataclass(frozen=True)
class YeoJohnson(Curve):
    """Yeo & Johnson (2000), eq. 2.1: Box-Cox of 1 + x for x >= 0, and of 1 - x with 2 - power, mirrored, below.

    For a power below 0 the range of g ends at -1 / power above; for one beyond 2 it ends at 1 / (2 - power) below.
    """

    power: float

    # Exact for polynomials up to degree 39.
    _QUADRATURE: ClassVar[tuple[Float, Float]] = np.polynomial.hermite_e.hermegauss(20)

    def forward(self, x: Float) -> Float:
        with np.errstate(over="ignore"):
            size: Float = boxcox1p(np.abs(x), self._powers(x))
        return np.copysign(size, x)

    def inverse(self, y: Float) -> Float:
        size, powers = np.abs(y), self._powers(y)
        with np.errstate(over="ignore", invalid="ignore"):
            is_beyond = powers * size <= -1
            x = inv_boxcox1p(np.where(is_beyond, 0.0, size), powers)
        return np.copysign(np.where(is_beyond, np.inf, x), y)

    def log_slope(self, x: Float) -> Float:
        slope: Float = (self._powers(x) - 1) * np.log1p(np.abs(x))
        return slope

    def mean_of_inverse(
        self, mean: Float, variance: Float, lowest: float = -math.inf, highest: float = math.inf
    ) -> Float:
        """By Gauss-Hermite quadrature of the inverse held to [lowest, highest].

        Where the range of g is bounded the mean of the inverse itself is infinite, or would be that of one far node.
        """
        nodes, weights = self._QUADRATURE
        sd = np.sqrt(variance)
        total = np.zeros(np.broadcast(mean, sd).shape)
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            total += weight * np.clip(self.inverse(mean + node * sd), lowest, highest)
        return np.clip(total, lowest, highest)

    def _powers(self, values: Float) -> Float:
        return np.where(values >= 0, self.power, 2 - self.power)
