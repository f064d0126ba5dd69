"""What all estimators of mixtures share; scikit-learn's own are divided in the same way."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from numbers import Integral, Real
from pathlib import Path
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
from gmm_dask.estimator.attributes import Attribute, exact, note
from gmm_dask.estimator.conversion import from_scikit_learn, to_scikit_learn
from gmm_dask.estimator.folder import load_estimator, save_estimator
from gmm_dask.estimator.initial import Initial
from gmm_dask.estimator.inputs import (
    Rows,
    check_collection,
    checked_array,
    checked_rows,
    is_array,
    settled,
    training_rows,
)
from gmm_dask.estimator.sampling import draw
from gmm_dask.estimator.scoring import PerRow, Scorer, over_array, over_collection, over_shards, statistics_of
from gmm_dask.estimator.training import Task, train
from gmm_dask.estimator.verbose import printer
from gmm_dask.estimator.words import ill_defined, not_converged
from gmm_dask.mixture import (
    FAMILIES,
    CovarianceFamily,
    Float,
    MixtureParameters,
    SingularCovarianceError,
    SufficientStatistics,
    Sweepable,
    family_named,
)
from gmm_dask.output import Publication


class MixtureEstimator(DensityMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn is not typed
    """A mixture of Gaussians over rows in memory, on disk or on a Dask cluster.

    An estimator says where its fits start and what they maximise, which attributes their result has, and what of it
    rows are scored by. All else is here: what X may be, fitting, scoring, sampling, saving and converting.
    """

    n_components: int
    covariance_type: str
    tol: float
    reg_covar: float
    max_iter: int
    n_init: int
    init_params: str
    random_state: int | np.random.RandomState | None
    warm_start: bool
    verbose: int
    verbose_interval: int
    client: Client | str | None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions(set(FAMILIES))],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({"kmeans", "k-means++", "random", "random_from_data"})],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "client": [Client, str, None],
    }

    _scikit_learns: ClassVar[type[BaseEstimator]]
    """The class of scikit-learn that has the same name."""
    _describing: ClassVar[tuple[str, ...]]
    """The attributes that describe what was fitted wholly."""
    _rounds: ClassVar[bool]
    """Whether attributes are float32 for float32 rows, as scikit-learn's are."""

    @abstractmethod
    def _initial(self) -> Initial[Any]:
        """What the parameters ask for. Raises ValueError for what cannot be meant."""

    @abstractmethod
    def _continued(self) -> Initial[Any]:
        """The same, with the end of the fit before as the start. Raises ValueError where it was of other shapes."""

    @abstractmethod
    def _attributes(self, parameters: Any, shift: Float) -> dict[str, Attribute]:
        """The attributes, by name, of parameters about `shift` (d,)."""

    @abstractmethod
    def _fitted_about(self, shift: Float) -> Sweepable:
        """What rows are scored by, about `shift` (d,), from the attributes."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to the rows of X.

        `sample_weight`: (n_samples,) numbers that are not negative, array-like or a Dask array. `y` is ignored. Raises
        ValueError for parameters and rows that cannot be used, and where covariance matrices are singular from the
        start. Warns (ConvergenceWarning) when `max_iter` iterations were not enough to meet `tol`, and when a matrix
        became singular on the way; the attributes are then those of the iteration before.
        """
        self._validate_params()
        rows = training_rows(self, X, sample_weight, self.n_components)
        with self._engine(rows) as engine:
            try:
                trained = train(self._task(), rows, engine)
            except SingularCovarianceError as error:
                raise ill_defined(error) from error
        solution = trained.solution
        attributes = {**self._attributes(solution.parameters, trained.shift), **trained.attributes}
        note(self, attributes, rows.dtype if self._rounds else np.dtype(np.float64))
        self.converged_ = solution.converged
        self.n_iter_ = len(solution.lower_bounds)
        self.lower_bound_ = solution.lower_bound
        self.lower_bounds_ = list(solution.lower_bounds)
        if not solution.converged and self.max_iter > 0:
            warnings.warn(not_converged(solution), ConvergenceWarning, stacklevel=2)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """`fit`, then `predict` for the same rows."""
        X = settled(X)
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
        if is_array(X):
            return float(self.score_samples(X).mean())
        statistics = self._statistics(X)
        return statistics.log_likelihood / statistics.weight

    def sample(self, n_samples: int = 1) -> tuple[Float, NDArray[np.int64]]:
        """Rows (n_samples, n_features) drawn from the mixture, and the component of each, component by component.

        As in scikit-learn, an integer `random_state` gives the same rows in every call; None or a RandomState does not.
        """
        shift = self._centre()
        if n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one sample.")
        drawn, components = draw(self._mixture_about(shift), n_samples, check_random_state(self.random_state))
        return drawn + shift, components

    def save(self, path: str | Path) -> Publication:
        """Publish the fitted estimator at `path`, without pickle. The version before stays until clean-up.

        `load` gives it back, bit for bit but for `client`. It is a model folder as well: `gmm_dask.load_model` reads
        it, with the components in the order of the attributes. Raises UsageError for parameters other than numbers,
        text, arrays and lists of these, and random states.
        """
        shift = self._centre()
        return save_estimator(self, self._mixture_about(shift), shift, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The estimator that `save` published. Nothing in the folder is executed.

        Raises DamagedError for anything altered, truncated or missing, BadInputError for a folder of something else.
        """
        return load_estimator(cls, path)

    @classmethod
    def from_sklearn(cls, estimator: BaseEstimator) -> Self:
        """An estimator with the parameters of scikit-learn's of the same name, and its attributes if it is fitted.

        All are as they were, bit for bit. Raises UsageError for another estimator.
        """
        return from_scikit_learn(cls, estimator, cls._scikit_learns, cls._describing)

    def to_sklearn(self) -> BaseEstimator:
        """scikit-learn's estimator of the same name, with all parameters but `client`, and the attributes, bit for bit.

        Raises UsageError for a covariance type that scikit-learn does not have.
        """
        return to_scikit_learn(self, self._scikit_learns)

    @property
    def _family(self) -> CovarianceFamily:
        return family_named(self.covariance_type)

    def _task(self) -> Task[Any]:
        continues = self.warm_start and hasattr(self, "converged_")
        return Task(
            family=self._family,
            initial=self._continued() if continues else self._initial(),
            n_components=self.n_components,
            init_params=self.init_params,
            n_init=self.n_init,
            reg_covar=self.reg_covar,
            stopping=Stopping(self.tol, self.max_iter),
            random_state=check_random_state(self.random_state),
            observe=printer(self.verbose, self.verbose_interval),
            previous=np.asarray(self.lower_bound_).item() if continues else -np.inf,  # scikit-learn's may be (1,)
        )

    def _state(self) -> dict[str, Float]:
        """What describes the fit, by the names of the attributes."""
        return {name: exact(self, name) for name in self._describing}

    def _centre(self) -> Float:
        """(d,) the mixture's own mean, about which its parameters lose no digits to an offset."""
        check_is_fitted(self)
        centre: Float = np.average(exact(self, "means_"), axis=0, weights=exact(self, "weights_"))
        return centre

    def _mixture_about(self, shift: Float) -> MixtureParameters:
        """The mixture that the attributes describe, about `shift` (d,)."""
        weights, means, covariances = (exact(self, name) for name in ("weights_", "means_", "covariances_"))
        return MixtureParameters(self._family, weights, means - shift, covariances)

    def _scorer(self) -> Scorer:
        shift = self._centre()
        return Scorer(self._fitted_about(shift), shift, self.means_.dtype)

    def _per_row(self, function: PerRow, X: Any) -> Any:
        if is_array(X):
            return over_array(function, checked_array(self, X, reset=False))
        if is_dask_collection(X):
            check_collection(self, X, reset=False)
            return over_collection(function, X, self.n_features_in_)
        rows = checked_rows(self, X, reset=False)
        with self._engine(rows) as engine:
            return over_shards(function, rows, engine)

    def _statistics(self, X: Any) -> SufficientStatistics:
        """Of what rows are scored by, over the rows of X, by one pass."""
        scorer = self._scorer()
        rows = checked_rows(self, X, reset=False)
        with self._engine(rows) as engine:
            return statistics_of(scorer, rows, engine)

    def _engine(self, rows: Rows) -> AbstractContextManager[Engine]:
        return open_engine(InProcess() if rows.in_memory and self.client is None else self.client)

    def __sklearn_clone__(self) -> Self:
        """Clones share the client: a connection cannot be copied."""
        clone: Self = super(MixtureEstimator, copy.copy(self).set_params(client=None)).__sklearn_clone__()
        clone.client = self.client
        return clone

    def __getstate__(self) -> dict[str, Any]:
        """A client is pickled as the address of its scheduler."""
        state: dict[str, Any] = super().__getstate__()
        client = state["client"]
        return state | {"client": client.scheduler.address if isinstance(client, Client) else client}
