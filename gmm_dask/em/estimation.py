"""What is maximised, and how parameters come of statistics: all that tells one kind of fit from another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar, final

import numpy as np

from gmm_dask.em.flaws import Flaw, find_flaw
from gmm_dask.mixture import Block, ConjugatePrior, Float, MixtureParameters, SufficientStatistics, Sweepable, m_step

P = TypeVar("P", bound=Sweepable)


class Estimation(ABC, Generic[P]):
    """The verbs by which the driver fits parameters of type P."""

    @abstractmethod
    def step(self, statistics: SufficientStatistics, previous: P) -> P:
        """The M-step. `previous`: the parameters that the statistics are of."""

    @abstractmethod
    def objective(self, parameters: P, statistics: SufficientStatistics) -> float:
        """What no step lowers, as a total over rows. `statistics` are those of `parameters`."""

    @abstractmethod
    def flaw(self, parameters: P, statistics: SufficientStatistics) -> Flaw | None:
        """Why what a fit came to is not to be compared with others, if it is not."""


@final
@dataclass(frozen=True)
class MaximumLikelihood(Estimation[MixtureParameters]):
    """Parameters of greatest likelihood; `regularisation` (d,) is added to the diagonals of covariances.

    `sample`: some rows, by which flaws are judged.
    """

    regularisation: Float
    sample: Block | None = None

    def step(self, statistics: SufficientStatistics, previous: MixtureParameters) -> MixtureParameters:
        return m_step(statistics, previous.family, self.regularisation, previous)

    def objective(self, parameters: MixtureParameters, statistics: SufficientStatistics) -> float:
        return statistics.log_likelihood

    def flaw(self, parameters: MixtureParameters, statistics: SufficientStatistics) -> Flaw | None:
        return find_flaw(parameters, statistics, self.regularisation, self.sample)


@final
@dataclass(frozen=True)
class MaximumAPosteriori(Estimation[MixtureParameters]):
    """Parameters of greatest posterior density under a prior, which takes the place of regularisation."""

    prior: ConjugatePrior
    sample: Block | None = None

    def step(self, statistics: SufficientStatistics, previous: MixtureParameters) -> MixtureParameters:
        return self.prior.most_probable(statistics, previous)

    def objective(self, parameters: MixtureParameters, statistics: SufficientStatistics) -> float:
        return statistics.log_likelihood + self.prior.log_density(parameters)

    def flaw(self, parameters: MixtureParameters, statistics: SufficientStatistics) -> Flaw | None:
        return find_flaw(parameters, statistics, np.zeros(parameters.n_columns), self.sample)
