"""Distributions over the k weights of a mixture. They are conjugate: rows turn a prior into a posterior of its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np
from scipy.special import betaln, digamma, gammaln

from gmm_dask.errors import UsageError, did_you_mean
from gmm_dask.mixture.features import Float


class WeightDistribution(ABC):
    """The verbs of a distribution over weights. Concrete ones are final."""

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def symmetric(cls, k: int, concentration: float) -> Self:
        """The prior whose components differ in nothing but their order. Raises UsageError unless it is positive."""

    @abstractmethod
    def given(self, counts: Float) -> Self:
        """The posterior, once components are expected to hold `counts` (k,) rows."""

    @abstractmethod
    def expected_logs(self) -> Float:
        """(k,) expected log weights."""

    @abstractmethod
    def expected(self) -> Float:
        """(k,) expected weights, scaled to sum to one."""

    @abstractmethod
    def divergence(self, prior: Self) -> float:
        """Kullback-Leibler divergence of this from `prior`."""

    @abstractmethod
    def log_normaliser(self) -> float:
        """The log of the integral of the density without its constant factor."""


@final
@dataclass(frozen=True)
class Dirichlet(WeightDistribution):
    """A finite mixture's weights (Bishop 2006, section 10.2). `concentration` (k,), positive."""

    concentration: Float

    name = "dirichlet_distribution"

    @classmethod
    def symmetric(cls, k: int, concentration: float) -> Self:
        return cls(np.full(k, _positive(concentration)))

    def given(self, counts: Float) -> Self:
        return type(self)(self.concentration + counts)

    def expected_logs(self) -> Float:
        logs: Float = digamma(self.concentration) - digamma(self.concentration.sum())  # Bishop 10.66
        return logs

    def expected(self) -> Float:
        weights: Float = self.concentration / self.concentration.sum()
        return weights

    def divergence(self, prior: Self) -> float:
        moved = (self.concentration - prior.concentration) @ self.expected_logs()
        return float(moved) + prior.log_normaliser() - self.log_normaliser()

    def log_normaliser(self) -> float:
        return float(gammaln(self.concentration).sum() - gammaln(self.concentration.sum()))


@final
@dataclass(frozen=True)
class StickBreaking(WeightDistribution):
    """The first k weights of a Dirichlet process: w_k = v_k (1 - v_1) ... (1 - v_(k-1)), v_k ~ Beta(taken_k, left_k).

    Rows may belong to the first k components only; the process goes on behind them, where the posterior is the prior
    (Kurihara, Welling & Teh 2007; Blei & Jordan 2006 end it by v_k = 1 instead). `taken`, `left` (k,), positive.
    """

    taken: Float
    left: Float

    name = "dirichlet_process"

    @classmethod
    def symmetric(cls, k: int, concentration: float) -> Self:
        return cls(np.ones(k), np.full(k, _positive(concentration)))

    def given(self, counts: Float) -> Self:
        behind = np.append(np.cumsum(counts[:0:-1])[::-1], 0.0)
        return type(self)(self.taken + counts, self.left + behind)  # Blei & Jordan 2006, equations 18 and 19

    def expected_logs(self) -> Float:
        log_taken, log_left = self._expected_log_shares()
        logs: Float = log_taken + np.append(0.0, np.cumsum(log_left)[:-1])
        return logs

    def expected(self) -> Float:
        both = self.taken + self.left
        lengths = self.taken / both * np.append(1.0, np.cumprod(self.left / both)[:-1])
        weights: Float = lengths / lengths.sum()
        return weights

    def divergence(self, prior: Self) -> float:
        log_taken, log_left = self._expected_log_shares()
        moved = (self.taken - prior.taken) @ log_taken + (self.left - prior.left) @ log_left
        return float(moved) + prior.log_normaliser() - self.log_normaliser()

    def log_normaliser(self) -> float:
        return float(betaln(self.taken, self.left).sum())

    def _expected_log_shares(self) -> tuple[Float, Float]:
        """Expected log v and log(1 - v), (k,) each."""
        both = digamma(self.taken + self.left)
        return digamma(self.taken) - both, digamma(self.left) - both


WEIGHT_DISTRIBUTIONS: dict[str, type[WeightDistribution]] = {kind.name: kind for kind in (StickBreaking, Dirichlet)}


def weight_distribution_named(name: str) -> type[WeightDistribution]:
    """The kind of scikit-learn's `weight_concentration_prior_type`: dirichlet_process or dirichlet_distribution."""
    if name not in WEIGHT_DISTRIBUTIONS:
        raise UsageError(
            f"unknown weight concentration prior type {name!r}", advice=did_you_mean(name, WEIGHT_DISTRIBUTIONS)
        )
    return WEIGHT_DISTRIBUTIONS[name]


def _positive(concentration: float) -> float:
    if not (concentration > 0 and np.isfinite(concentration)):
        raise UsageError(
            f"the weight concentration prior is {concentration}",
            expected="a positive number",
            advice="Small ones, such as 1 / n_components, leave surplus components empty.",
        )
    return float(concentration)
