"""The estimator of maximum likelihood: scikit-learn's parameters, methods and fitted attributes."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
from distributed import Client
from sklearn import mixture

from gmm_dask.estimator.attributes import Attribute, arrays_of
from gmm_dask.estimator.checks import require_shapes
from gmm_dask.estimator.initial import InitialParameters, checked_initial
from gmm_dask.estimator.mixture_estimator import MixtureEstimator
from gmm_dask.mixture import FitSummary, Float, MixtureParameters, criterion_named


@final
class GaussianMixture(MixtureEstimator):
    """A Gaussian mixture, fitted by expectation-maximisation to rows in memory, on disk or on a Dask cluster.

    X is whatever scikit-learn takes, an Arrow table or whatever hands its columns over as one (Polars, DuckDB), a Dask
    DataFrame or array, or the path of Parquet or CSV files (a string, a `Path`, or a list of these); all columns are
    features. Parameters, methods and attributes are those of `sklearn.mixture.GaussianMixture`, and for rows in memory
    the same `random_state` gives the same fit. Beyond it:

    - `covariance_type` may be any of `gmm_dask.mixture.FAMILIES`.
    - `fit` takes `sample_weight`: a row of weight 2 counts as two rows, one of weight 0 as none.
    - `client`, a `distributed.Client` or the address of a scheduler, says where Dask collections and files are
      processed (default: the current client, else this process). Rows in memory go there only if it is given.
    - Starts for Dask collections and files of more than 50,000 rows are found on a uniform sample of so many rows. All
      `n_init` fits share their passes over the rows.
    - A start that comes to a singular covariance matrix is dropped while others remain.
    - `save` and `load` do without pickle; `from_sklearn` and `to_sklearn` convert.

    Fitted attributes are weights_, means_, covariances_, precisions_, precisions_cholesky_, converged_, n_iter_,
    lower_bound_, lower_bounds_, n_features_in_, and feature_names_in_ where the columns of X have names.

    Rows are held as they come, less a constant so that large offsets cost no digits, and what is computed with them is
    float64; for float32 rows attributes, densities and probabilities are float32, as scikit-learn's are. `reg_covar`
    and all attributes are in the units of X. Missing values are refused: `gmm_dask.fit` leaves such rows out and counts
    them.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MixtureEstimator._parameter_constraints,
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
    }
    _scikit_learns = mixture.GaussianMixture
    _describing = ("weights_", "means_", "covariances_")
    _rounds = True

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
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
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.client = client

    def bic(self, X: Any) -> float:
        """The Bayesian information criterion on X; smaller is better."""
        return self._criterion("bic", X)

    def aic(self, X: Any) -> float:
        """Akaike's information criterion on X; smaller is better."""
        return self._criterion("aic", X)

    def _criterion(self, name: str, X: Any) -> float:
        found = self._statistics(X)
        summary = FitSummary(found.log_likelihood, found.log_assignment, self._n_parameters(), found.weight)
        return criterion_named(name)(summary)

    def _n_parameters(self) -> int:
        """Free parameters of the fitted mixture."""
        return self._mixture_about(self._centre()).n_parameters

    def _initial(self) -> InitialParameters:
        shape = self.n_components, self.n_features_in_
        return checked_initial(self.weights_init, self.means_init, self.precisions_init, self._family, *shape)

    def _continued(self) -> InitialParameters:
        k, d = self.n_components, self.n_features_in_
        shapes = {"weights_": (k,), "means_": (k, d), "covariances_": self._family.shape(k, d)}
        require_shapes(state := self._state(), shapes)
        return InitialParameters(self._family, state["weights_"], state["means_"], state["covariances_"])

    def _attributes(self, parameters: MixtureParameters, shift: Float) -> dict[str, Attribute]:
        return {**arrays_of(parameters, shift)}

    def _fitted_about(self, shift: Float) -> MixtureParameters:
        return self._mixture_about(shift)
