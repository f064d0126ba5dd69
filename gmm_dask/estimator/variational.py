"""Variational Bayes as scikit-learn has it: which prior is asked for, where fits start, what their bound is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from gmm_dask.em import Estimation, Flaw, VariationalBayes
from gmm_dask.estimator.attributes import Attribute
from gmm_dask.estimator.checks import of_shape, require_positive, require_positive_definite
from gmm_dask.estimator.initial import Grounds, Initial, Method
from gmm_dask.mixture import (
    CovarianceFamily,
    Features,
    Float,
    MixtureParameters,
    MixturePosterior,
    MixturePrior,
    SingularCovarianceError,
    SufficientStatistics,
    prior_of_table,
    table_moments,
)


@final
@dataclass(frozen=True)
class BoundAfterStep(Estimation[MixturePosterior]):
    """Variational Bayes that is followed by scikit-learn's lower bound: that of the posterior after the step."""

    bayes: VariationalBayes

    def step(self, statistics: SufficientStatistics, previous: MixturePosterior) -> MixturePosterior:
        return self.bayes.step(_never_empty(statistics), previous)

    def objective(self, parameters: MixturePosterior, statistics: SufficientStatistics) -> float:
        try:
            return self.bayes.bound_after_step(parameters, _never_empty(statistics))
        except SingularCovarianceError:  # that of the step, which whoever takes it comes upon
            return -np.inf

    def flaw(self, parameters: MixturePosterior, statistics: SufficientStatistics) -> Flaw | None:
        return self.bayes.flaw(parameters, statistics)


@dataclass(frozen=True)
class PriorParameters:
    """What is asked of a prior, by scikit-learn's names and in source units; None for what the rows are to say."""

    weight_concentration_prior_type: str
    weight_concentration_prior: float
    mean_precision_prior: float
    mean_prior: Float | None
    degrees_of_freedom_prior: float
    covariance_prior: Float | None

    def prior(self, family: CovarianceFamily, k: int, grounds: Grounds) -> MixturePrior:
        """The prior for k components, about the shift. By a pass over the rows, unless nothing is left to them."""
        mean = None if self.mean_prior is None else self.mean_prior - grounds.shift
        if mean is None or self.covariance_prior is None:
            moments = table_moments(_of_one_component(family, grounds))
        else:
            moments = mean, self.covariance_prior  # of no rows: all that they would decide is given
        return prior_of_table(family, k, *moments, **vars(self) | {"mean_prior": mean})

    def attributes(self, prior: MixturePrior, shift: Float) -> dict[str, Attribute]:
        """scikit-learn's, of the prior about `shift` (d,) that these parameters gave."""
        return {
            "weight_concentration_prior_": self.weight_concentration_prior,
            "mean_precision_prior_": self.mean_precision_prior,
            "mean_prior_": prior.mean + shift if self.mean_prior is None else self.mean_prior,
            "degrees_of_freedom_prior_": self.degrees_of_freedom_prior,
            "covariance_prior_": prior.covariance if prior.family.is_shared else prior.covariance[0],
        }


@final
@dataclass(frozen=True)
class InitialPosterior(Initial[MixturePosterior]):
    """Variational Bayes under a prior, from the posterior before (about zero), or from what is found on rows.

    A start is the posterior of the rows it was found on: where these are a sample, of no more rows than that.
    """

    family: CovarianceFamily
    n_components: int
    asked: PriorParameters
    previous: MixturePosterior | None = None

    def given(self, shift: Float) -> MixturePosterior | None:
        return None if self.previous is None else replace(self.previous, means=self.previous.means - shift)

    def method(self, grounds: Grounds) -> Method[MixturePosterior]:
        prior = self.asked.prior(self.family, self.n_components, grounds)
        return Method(
            BoundAfterStep(VariationalBayes(prior, grounds.regularisation)),
            prior.given_parameters,
            scale=grounds.weight,  # scikit-learn's bound is a total
            attributes=self.asked.attributes(prior, grounds.shift),
        )


def checked_degrees(degrees: float, d: int) -> float:
    """Degrees of freedom for d columns, with scikit-learn's words. Raises ValueError."""
    if not degrees > d - 1:
        raise ValueError(
            f"The parameter 'degrees_of_freedom_prior' should be greater than {d - 1}, but got {degrees:.3f}."
        )
    return degrees


def checked_covariance(covariance: Any, family: CovarianceFamily, d: int) -> Float:
    """A covariance prior, in the family's shape for one component but for the axis of components. Raises ValueError."""
    shape, name = family.shape(1, d), f"{family.name} covariance_prior"
    given = of_shape(np.atleast_1d(covariance), shape if family.is_shared or len(shape) == 1 else shape[1:], name)
    if family.features is Features.SQUARES:
        require_positive(given, name)
    else:
        require_positive_definite(given, name)
    return given


def _never_empty(statistics: SufficientStatistics) -> SufficientStatistics:
    """With 10 epsilon of a row more in each component, as scikit-learn has it.

    Where a column is constant, so that the default prior is singular, `reg_covar` of them is all that keeps empty
    components regular: how a fit ends depends on it.
    """
    moments = statistics.moments.copy()
    moments[:, -1] += 10 * np.finfo(np.float64).eps
    return replace(statistics, moments=moments)


def _of_one_component(family: CovarianceFamily, grounds: Grounds) -> SufficientStatistics:
    """The moments of all rows, about the shift. One component takes them all, whatever it is."""
    d = grounds.shift.size
    unit = np.ones((1, d)) if family.features is Features.SQUARES else np.eye(d)[None]
    alone = MixtureParameters(family, np.ones(1), np.zeros((1, d)), family.estimate(np.ones(1), unit))
    (statistics,) = grounds.sweep([alone])
    return statistics
