"""Variational Bayes: the E-step is the sweep of the posterior, the M-step the posterior of its statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from gmm_dask.em.estimation import Estimation
from gmm_dask.em.flaws import Flaw
from gmm_dask.mixture import Float, MixturePosterior, MixturePrior, SufficientStatistics


@final
@dataclass(frozen=True)
class VariationalBayes(Estimation[MixturePosterior]):
    """The posterior of greatest evidence lower bound, component by component (Attias 2000; Bishop 2006, section 10.2).

    `regularisation` (d,) is added to the diagonals of second moments, as scikit-learn's `reg_covar` is. With zeros, no
    step lowers the bound (see `gmm_dask.mixture.variational.prior`), and the covariance prior keeps the matrices
    regular. Otherwise a step raises the bound less sum_k N_k nu_k tr(R W_k) / 2, and may lower the bound itself by what
    this term loses.
    """

    prior: MixturePrior
    regularisation: Float

    def step(self, statistics: SufficientStatistics, previous: MixturePosterior) -> MixturePosterior:
        return self.prior.given(statistics, self.regularisation, previous.covariances)

    def objective(self, parameters: MixturePosterior, statistics: SufficientStatistics) -> float:
        """The evidence lower bound, with all its constants: no greater than the log of the evidence.

        What responsibilities that are best for the posterior leave of the expected log joint density and the entropy of
        the responsibilities is the sum of log normalisers (Bishop 10.70 to 10.77, put together).
        """
        return statistics.log_likelihood - self.prior.divergence(parameters)

    def flaw(self, parameters: MixturePosterior, statistics: SufficientStatistics) -> Flaw | None:
        """None: no likelihood goes to infinity here, and a component without rows is switched off by design."""
        return None

    def bound_after_step(self, parameters: MixturePosterior, statistics: SufficientStatistics) -> float:
        """scikit-learn's `lower_bound_` for the iteration whose E-step `statistics` are.

        That of the responsibilities of `parameters` with the posterior of the step after them, less what does not
        depend on either: n d log(2 pi) / 2 and the prior's normalisers. Zero regularisation makes it exact but for
        these.
        """
        return parameters.assignment_entropy(statistics) + self.step(statistics, parameters).log_normaliser()
