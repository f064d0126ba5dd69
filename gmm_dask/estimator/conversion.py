"""From scikit-learn's estimators and back: the same parameters and attributes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

from sklearn.base import BaseEstimator, clone

from gmm_dask.errors import UsageError
from gmm_dask.estimator.attributes import fitted

E = TypeVar("E", bound=BaseEstimator)

_OURS_ALONE = {"client"}
"""Parameters that say where a fit runs, and nothing of what it is."""

_COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
"""Those of scikit-learn."""


def from_scikit_learn(
    kind: type[E], estimator: BaseEstimator, theirs: type[BaseEstimator], needed: tuple[str, ...]
) -> E:
    """`estimator`, one of scikit-learn's class `theirs`, as one of ours of class `kind`.

    A fitted one has the attributes `needed`. Raises UsageError.
    """
    if not isinstance(estimator, theirs):
        raise UsageError(
            f"a {type(estimator).__name__}", expected=f"an instance of {theirs.__module__}.{theirs.__name__}"
        )
    attributes = fitted(estimator)
    missing = [name for name in needed if attributes and name not in attributes]
    if missing:
        raise UsageError(f"the mixture has no {missing[0]}", expected=f"all of {', '.join(needed)}, or no attribute")
    return _made(kind, _parameters(estimator), attributes)


def to_scikit_learn(estimator: BaseEstimator, theirs: type[E]) -> E:
    """One of ours as one of scikit-learn's class `theirs`. Raises UsageError for what scikit-learn has no name for."""
    parameters = _parameters(estimator)
    if parameters["covariance_type"] not in _COVARIANCE_TYPES:
        raise UsageError(
            f"scikit-learn has no covariance type {parameters['covariance_type']!r}",
            expected=f"one of {', '.join(_COVARIANCE_TYPES)}",
            advice="Set covariance_type='full' and fit again, or save the estimator and load it with gmm_dask.",
        )
    return _made(theirs, parameters, fitted(estimator))


def _parameters(estimator: BaseEstimator) -> dict[str, Any]:
    parameters = estimator.get_params(deep=False)
    return {name: clone(value, safe=False) for name, value in parameters.items() if name not in _OURS_ALONE}


def _made(kind: type[E], parameters: dict[str, Any], attributes: dict[str, Any]) -> E:
    unknown = parameters.keys() - kind().get_params(deep=False).keys()
    if unknown:
        raise UsageError(f"{kind.__module__}.{kind.__name__} has no parameter {min(unknown)!r}", expected="one it has")
    made: E = kind(**parameters)
    for name, value in attributes.items():
        setattr(made, name, deepcopy(value))
    return made
