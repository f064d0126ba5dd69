"""The estimator of variational Bayes: scikit-learn's parameters, methods and fitted attributes."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, final

import numpy as np
from distributed import Client
from sklearn import mixture
from sklearn.utils._param_validation import Interval, StrOptions

from gmm_dask.estimator.attributes import Attribute
from gmm_dask.estimator.checks import of_shape, require_shapes
from gmm_dask.estimator.mixture_estimator import MixtureEstimator
from gmm_dask.estimator.posterior import DESCRIBING, attributes_of, posterior_of, shapes
from gmm_dask.estimator.variational import InitialPosterior, PriorParameters, checked_covariance, checked_degrees
from gmm_dask.mixture import Float, MixturePosterior
from gmm_dask.mixture.variational import WEIGHT_DISTRIBUTIONS

_POSITIVE = Interval(Real, 0.0, None, closed="neither")


@final
class BayesianGaussianMixture(MixtureEstimator):
    """A Gaussian mixture fitted by variational Bayes, which leaves components empty that the rows do not ask for.

    X, rows in other places, `sample_weight`, `covariance_type`, `client`, starts, saving and converting are as for
    `GaussianMixture`. Parameters, methods and attributes are those of `sklearn.mixture.BayesianGaussianMixture`, and
    for rows in memory the same `random_state` gives the same fit. As there, `tol` and the lower bounds are totals over
    all rows, and rows are scored by what is expected of their log densities, which is less than the log density of the
    mixture of `weights_`, `means_` and `covariances_`: `sample` and the model folder that `save` writes are of this.

    - A row of weight 2 counts as two rows towards the posterior, so weights must not be scaled at will.
    - The prior is of one component in the shape of the covariance family: `covariance_prior` is (d, d), (d,) where
      matrices are diagonal, a number for `spherical`. By default one more pass over the rows finds their mean and
      covariance matrix for it.
    - Where starts are found on a sample, they are posteriors of the sample.
    - Attributes and results are float64, whatever the rows are.

    Fitted attributes are those of `GaussianMixture`, and weight_concentration_, mean_precision_, degrees_of_freedom_,
    weight_concentration_prior_, mean_precision_prior_, mean_prior_, degrees_of_freedom_prior_, covariance_prior_.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MixtureEstimator._parameter_constraints,
        "weight_concentration_prior_type": [StrOptions(set(WEIGHT_DISTRIBUTIONS))],
        "weight_concentration_prior": [None, _POSITIVE],
        "mean_precision_prior": [None, _POSITIVE],
        "mean_prior": [None, "array-like"],
        "degrees_of_freedom_prior": [None, _POSITIVE],
        "covariance_prior": [None, "array-like", _POSITIVE],
    }
    _scikit_learns = mixture.BayesianGaussianMixture
    _describing = DESCRIBING
    _rounds = False

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: Any = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: Any = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        client: Client | str | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.client = client

    def _initial(self) -> InitialPosterior:
        return InitialPosterior(self._family, self.n_components, self._prior())

    def _continued(self) -> InitialPosterior:
        shape = self.n_components, self.n_features_in_
        require_shapes(self._state(), shapes(self._family, self.weight_concentration_prior_type, *shape))
        previous = self._fitted_about(np.zeros(self.n_features_in_))
        return InitialPosterior(self._family, self.n_components, self._prior(), previous)

    def _attributes(self, parameters: MixturePosterior, shift: Float) -> dict[str, Attribute]:
        return attributes_of(parameters, shift)

    def _fitted_about(self, shift: Float) -> MixturePosterior:
        return posterior_of(self._state(), self._family, self.weight_concentration_prior_type, shift)

    def _prior(self) -> PriorParameters:
        """With scikit-learn's defaults. Raises ValueError for what is no prior."""
        k, d, mean, covariance = self.n_components, self.n_features_in_, self.mean_prior, self.covariance_prior
        concentration, precision = self.weight_concentration_prior, self.mean_precision_prior
        degrees = self.degrees_of_freedom_prior
        return PriorParameters(
            weight_concentration_prior_type=self.weight_concentration_prior_type,
            weight_concentration_prior=1 / k if concentration is None else concentration,
            mean_precision_prior=1.0 if precision is None else precision,
            mean_prior=None if mean is None else of_shape(mean, (d,), "means"),
            degrees_of_freedom_prior=d if degrees is None else checked_degrees(degrees, d),
            covariance_prior=None if covariance is None else checked_covariance(covariance, self._family, d),
        )
