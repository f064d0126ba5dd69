"""What an estimator's parameters ask for: where fits start, and what they maximise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, final

import numpy as np
from sklearn.utils import check_array

from gmm_dask.em import Estimation, MaximumLikelihood, Sweep
from gmm_dask.estimator.solving import P
from gmm_dask.mixture import CovarianceFamily, Features, Float, MixtureParameters


@dataclass(frozen=True)
class Grounds:
    """What is known of the rows when fits begin.

    They are swept about `shift` (d,), by `sweep`; `weight` is the sum of their weights. `regularisation` (d,) is
    `reg_covar` for each column.
    """

    shift: Float
    regularisation: Float
    weight: float
    sweep: Sweep


@dataclass(frozen=True)
class Method(Generic[P]):
    """What fits maximise, and how one begins with the mixture that was found on the rows, about their shift."""

    estimation: Estimation[P]
    begin: Callable[[MixtureParameters], P]


class Initial(ABC, Generic[P]):
    """How parameters of type P are to be fitted, in source units: checked before any row is read."""

    @abstractmethod
    def given(self, shift: Float) -> P | None:
        """The start about `shift` (d,), if all of it is known."""

    @abstractmethod
    def method(self, grounds: Grounds) -> Method[P]:
        """How to fit, now that the rows are known."""


@final
@dataclass(frozen=True)
class InitialParameters(Initial[MixtureParameters]):
    """Maximum likelihood from what is given of a mixture's parameters; None where it is to be found from the data."""

    family: CovarianceFamily
    weights: Float | None
    means: Float | None
    covariances: Float | None

    def given(self, shift: Float) -> MixtureParameters | None:
        if self.weights is None or self.means is None or self.covariances is None:
            return None
        return MixtureParameters(self.family, self.weights, self.means - shift, self.covariances)

    def method(self, grounds: Grounds) -> Method[MixtureParameters]:
        return Method(MaximumLikelihood(grounds.regularisation), lambda found: self._over(found, grounds.shift))

    def _over(self, found: MixtureParameters, shift: Float) -> MixtureParameters:
        """What is given, in place of what was found."""
        return replace(
            found,
            weights=found.weights if self.weights is None else self.weights,
            means=found.means if self.means is None else self.means - shift,
            covariances=found.covariances if self.covariances is None else self.covariances,
        )


def checked_initial(
    weights: Any, means: Any, precisions: Any, family: CovarianceFamily, k: int, d: int
) -> InitialParameters:
    """The parameters given, with scikit-learn's checks and words. Raises ValueError."""
    return InitialParameters(
        family,
        None if weights is None else _checked_weights(weights, k),
        None if means is None else _of_shape(means, (k, d), "means"),
        None if precisions is None else _inverse(precisions, family, k, d),
    )


def continued(
    weights: Float, means: Float, covariances: Float, family: CovarianceFamily, k: int, d: int
) -> InitialParameters:
    """The end of the fit before as a start. Raises ValueError where it was of other shapes."""
    found = (weights.shape, means.shape, covariances.shape)
    if found != (expected := ((k,), (k, d), family.shape(k, d))):
        raise ValueError(
            f"warm_start=True continues the fit before, whose weights_, means_ and covariances_ have shapes {found}; "
            f"expected {expected}. Set warm_start=False to start anew."
        )
    return InitialParameters(family, weights, means, covariances)


def _of_shape(values: Any, shape: tuple[int, ...], name: str) -> Float:
    array: Float = check_array(values, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
    if array.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}")
    return array


def _checked_weights(values: Any, k: int) -> Float:
    weights = _of_shape(values, (k,), "weights")
    least, greatest = f"{weights.min():.5f}", f"{weights.max():.5f}"
    if weights.min() < 0 or weights.max() > 1:
        # scikit-learn's words, which its tests hold to, call the least weight the greatest: the truth comes after them.
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], "
            f"but got max value {least}, min value {greatest}: the weights lie between {least} and {greatest}"
        )
    rounding = 1e-6 if np.asarray(values).dtype == np.float32 else 1e-8  # scikit-learn's
    if abs(weights.sum() - 1) > rounding:
        raise ValueError(f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}")
    return weights


def _inverse(values: Any, family: CovarianceFamily, k: int, d: int) -> Float:
    """Covariances in the family's shape from precisions in the same."""
    precisions = _of_shape(values, family.shape(k, d), f"{family.name} precision")
    if family.features is Features.SQUARES:
        if not (precisions > 0).all():
            raise ValueError(f"'{family.name} precision' should be positive, but got min value {precisions.min():.5g}")
        return _of_family(1 / precisions, family, k, d)
    transposed = np.swapaxes(precisions, -1, -2)
    if not np.allclose(precisions, transposed) or not (np.linalg.eigvalsh(precisions) > 0).all():
        raise ValueError(f"'{family.name} precision' should be symmetric, positive-definite")
    covariances = np.linalg.inv((precisions + transposed) / 2).astype(np.float64)
    return _of_family((covariances + np.swapaxes(covariances, -1, -2)) / 2, family, k, d)


def _of_family(covariances: Float, family: CovarianceFamily, k: int, d: int) -> Float:
    """The covariances, if they are what the family makes of themselves: what its matrices share, they share."""
    dense = family.dense(covariances, k, d)
    scatters = dense if family.features is Features.QUADRATIC else np.diagonal(dense, axis1=1, axis2=2)
    made = family.estimate(np.ones(k), np.array(scatters))
    if not np.allclose(made, covariances, rtol=1e-6, atol=1e-6 * np.abs(covariances).max()):
        raise ValueError(f"'{family.name} precision' should be those of covariance_type='{family.name}'")
    return covariances
