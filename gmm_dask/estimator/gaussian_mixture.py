"""The estimator: scikit-learn's parameters, methods and fitted attributes."""

from __future__ import annotations

import copy
import warnings
from contextlib import AbstractContextManager
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from dask import is_dask_collection
from distributed import Client
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from gmm_dask.em import Stopping
from gmm_dask.engine import Engine, InProcess, open_engine
from gmm_dask.estimator.initial import Initial, checked_initial, continued
from gmm_dask.estimator.inputs import Rows, check_collection, checked_array, checked_rows, lies_elsewhere, training_rows
from gmm_dask.estimator.sampling import draw
from gmm_dask.estimator.scoring import PerRow, Scorer, over_array, over_collection, over_shards, statistics_of
from gmm_dask.estimator.solving import Solution
from gmm_dask.estimator.training import Task, train
from gmm_dask.estimator.verbose import printer
from gmm_dask.mixture import FAMILIES, FitSummary, Float, MixtureParameters, criterion_named, family_named


class GaussianMixture(DensityMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A Gaussian mixture, fitted by expectation-maximisation to rows in memory, on disk or on a Dask cluster.

    X is whatever scikit-learn takes, or a Dask DataFrame or array, or the path of Parquet or CSV files (a string, a
    `Path`, or a list of these), all of whose columns are then features. Parameters, methods and attributes are those of
    `sklearn.mixture.GaussianMixture`, and for rows in memory the same `random_state` gives the same fit. Beyond it:

    - `fit` takes `sample_weight`: a row of weight 2 counts as two rows, one of weight 0 as none.
    - `client`, a `distributed.Client` or the address of a scheduler, says where Dask collections and files are
      processed (default: the current client, else this process). Rows in memory go there only if it is given.
    - Starts for Dask collections and files of more than 50,000 rows are found on a uniform sample of so many rows. All
      `n_init` fits share their passes over the rows.
    - A start that comes to a singular covariance matrix is dropped while others remain.

    Fitted attributes are weights_, means_, covariances_, precisions_, precisions_cholesky_, converged_, n_iter_,
    lower_bound_, lower_bounds_, n_features_in_, and feature_names_in_ where the columns of X have names.

    Rows are processed in float64 and less their mean, so that large offsets cost no digits; `reg_covar` and all
    attributes are in the units of X. Missing values are refused: `gmm_dask.fit` leaves such rows out and counts them.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions(set(FAMILIES))],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({"kmeans", "k-means++", "random", "random_from_data"})],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "client": [Client, str, None],
    }

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

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to the rows of X.

        `sample_weight`: (n_samples,) numbers that are not negative, array-like or a Dask array. `y` is ignored. Raises
        ValueError for parameters and rows that cannot be used. Warns (ConvergenceWarning) when `max_iter` iterations
        were not enough to meet `tol`.
        """
        self._validate_params()
        rows = training_rows(self, X, sample_weight, self.n_components)
        with self._engine(rows) as engine:
            solution, shift = train(self._task(), rows, engine)
        self._set_attributes(solution, shift)
        if not self.converged_ and self.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, or increase "
                "max_iter, tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """`fit`, then `predict` for the same rows."""
        return self.fit(X, y, sample_weight).predict(X)

    def predict(self, X: Any) -> Any:
        """(n_samples,) the most probable component of each row.

        A NumPy array for rows in memory and for files. For a Dask collection a Dask array of the same partitions, of
        which nothing is computed yet.
        """
        return self._per_row(self._scorer().labels, X)

    def predict_proba(self, X: Any) -> Any:
        """(n_samples, n_components) the probability of each component given the row. Array types as `predict`."""
        return self._per_row(self._scorer().probabilities, X)

    def score_samples(self, X: Any) -> Any:
        """(n_samples,) the log-likelihood of each row. Array types as `predict`."""
        return self._per_row(self._scorer().log_densities, X)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean log-likelihood of the rows, by one pass over them. `y` is ignored."""
        summary = self._summary(X)
        return summary.log_likelihood / summary.weight

    def bic(self, X: Any) -> float:
        """The Bayesian information criterion on X; smaller is better."""
        return criterion_named("bic")(self._summary(X))

    def aic(self, X: Any) -> float:
        """Akaike's information criterion on X; smaller is better."""
        return criterion_named("aic")(self._summary(X))

    def sample(self, n_samples: int = 1) -> tuple[Float, NDArray[np.int64]]:
        """Rows (n_samples, n_features) drawn from the mixture, and the component of each, component by component.

        As in scikit-learn, an integer `random_state` gives the same rows in every call; None or a RandomState does not.
        """
        scorer = self._scorer()
        if n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one sample.")
        drawn, components = draw(scorer.parameters, n_samples, check_random_state(self.random_state))
        return drawn + scorer.shift, components

    def _task(self) -> Task:
        continues = self.warm_start and hasattr(self, "converged_")
        return Task(
            initial=self._initial(continues),
            n_components=self.n_components,
            init_params=self.init_params,
            n_init=self.n_init,
            reg_covar=self.reg_covar,
            stopping=Stopping(self.tol, self.max_iter),
            random_state=check_random_state(self.random_state),
            observe=printer(self.verbose, self.verbose_interval),
            previous=self.lower_bound_ if continues else -np.inf,
        )

    def _initial(self, continues: bool) -> Initial:
        family, k, d = family_named(self.covariance_type), self.n_components, self.n_features_in_
        if continues:
            return continued(self.weights_, self.means_, self.covariances_, family, k, d)
        return checked_initial(self.weights_init, self.means_init, self.precisions_init, family, k, d)

    def _set_attributes(self, solution: Solution, shift: Float) -> None:
        parameters = solution.parameters
        self.weights_ = parameters.weights
        self.means_ = parameters.means + shift
        self.covariances_ = parameters.covariances
        self.precisions_cholesky_, self.precisions_ = _precisions(parameters)
        self.converged_ = solution.converged
        self.n_iter_ = len(solution.lower_bounds)
        self.lower_bound_ = solution.lower_bound
        self.lower_bounds_ = list(solution.lower_bounds)

    def _scorer(self) -> Scorer:
        """What the fitted attributes say, about the mixture's own mean."""
        check_is_fitted(self)
        shift = np.average(self.means_, axis=0, weights=self.weights_)
        family = family_named(self.covariance_type)
        return Scorer(MixtureParameters(family, self.weights_, self.means_ - shift, self.covariances_), shift)

    def _per_row(self, function: PerRow, X: Any) -> Any:
        if not lies_elsewhere(X):
            return over_array(function, checked_array(self, X, reset=False))
        if is_dask_collection(X):
            check_collection(self, X, reset=False)
            return over_collection(function, X, self.n_features_in_)
        rows = checked_rows(self, X, reset=False)
        with self._engine(rows) as engine:
            return over_shards(function, rows, engine)

    def _summary(self, X: Any) -> FitSummary:
        scorer = self._scorer()
        rows = checked_rows(self, X, reset=False)
        with self._engine(rows) as engine:
            statistics = statistics_of(scorer, rows, engine)
        return FitSummary(
            statistics.log_likelihood, statistics.log_assignment, scorer.parameters.n_parameters, statistics.weight
        )

    def _engine(self, rows: Rows) -> AbstractContextManager[Engine]:
        return open_engine(InProcess() if rows.in_memory and self.client is None else self.client)

    def __sklearn_clone__(self) -> Self:
        """Clones share the client: a connection cannot be copied."""
        clone: Self = super(GaussianMixture, copy.copy(self).set_params(client=None)).__sklearn_clone__()
        clone.client = self.client
        return clone

    def __getstate__(self) -> dict[str, Any]:
        """A client is pickled as the address of its scheduler."""
        state: dict[str, Any] = super().__getstate__()
        client = state["client"]
        return state | {"client": client.scheduler.address if isinstance(client, Client) else client}


def _precisions(parameters: MixtureParameters) -> tuple[Float, Float]:
    """Roots of the precision matrices, and these, in scikit-learn's shapes: those of the covariances."""
    factors = parameters.factors()
    roots, precisions = factors.roots, factors.precisions()
    if parameters.family.name == "tied":
        return roots[0], precisions[0]
    if parameters.family.name == "spherical":
        return roots[:, 0], precisions[:, 0]
    return roots, precisions
