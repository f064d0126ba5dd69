"""Fitted attributes: in the precision of the rows, as scikit-learn has them, and not rounded for our own use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator

from gmm_dask.mixture import Float, MixtureParameters

Attribute: TypeAlias = Float | tuple[Float, ...] | float
"""What describes a fit: arrays, tuples of these, numbers."""


def fitted(estimator: BaseEstimator) -> dict[str, Any]:
    """What `fit` has set: by convention the names that end in an underscore."""
    return {name: value for name, value in vars(estimator).items() if is_fitted_name(name)}


def is_fitted_name(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def note(estimator: BaseEstimator, attributes: Mapping[str, Attribute], dtype: np.dtype[Any]) -> None:
    """Set the attributes of these names, arrays rounded to `dtype`.

    What float32 cannot hold is kept beside them: a mean of 1e6 rounded to float32 may be off by 0.03.
    """
    arrays = {name: value for name, value in attributes.items() if isinstance(value, np.ndarray)}
    for name, value in attributes.items():
        setattr(estimator, name, arrays[name].astype(dtype) if name in arrays else value)
    estimator._unrounded = {name: array for name, array in arrays.items() if array.dtype != dtype}


def unrounded(estimator: BaseEstimator) -> dict[str, Float]:
    """What is kept beside rounded attributes, by name."""
    return dict(getattr(estimator, "_unrounded", {}))


def exact(estimator: BaseEstimator, name: str) -> Float:
    """An attribute as it was fitted; as it is where somebody has set it since. Tuples of arrays (n,) come as (m, n)."""
    array = np.asarray(getattr(estimator, name))
    beside = unrounded(estimator).get(name)
    if beside is not None and np.array_equal(beside.astype(array.dtype), array):
        return beside
    return array.astype(np.float64)


def arrays_of(parameters: MixtureParameters, shift: Float) -> dict[str, Float]:
    """The attributes that describe a mixture about `shift` (d,), in source units and in scikit-learn's shapes.

    Precisions have the shape in which the family stores covariances.
    """
    factors = parameters.factors()
    return {
        "weights_": parameters.weights,
        "means_": parameters.means + shift,
        "covariances_": parameters.covariances,
        "precisions_cholesky_": _as_stored(factors.roots, parameters),
        "precisions_": _as_stored(factors.precisions(), parameters),
    }


def _as_stored(matrices: Float, parameters: MixtureParameters) -> Float:
    """From matrices (k, d, d) or diagonals (k, d)."""
    if matrices.ndim == parameters.covariances.ndim:
        return matrices
    return matrices[0] if parameters.family.is_shared else matrices[:, 0]
