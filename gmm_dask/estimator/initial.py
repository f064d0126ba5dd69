"""What an estimator's parameters ask for: where fits start, and what they maximise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, final

import numpy as np

from gmm_dask.em import Estimation, MaximumLikelihood, Sweep
from gmm_dask.estimator.attributes import Attribute
from gmm_dask.estimator.checks import of_shape, require_positive, require_positive_definite
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
    """What fits maximise, and how one begins.

    `begin` takes a mixture that was found on rows, about the shift, and the sum of these rows' weights. Lower bounds
    and `tol` are the mean objective times `scale`. `attributes`: what the estimator notes besides what was fitted.
    """

    estimation: Estimation[P]
    begin: Callable[[MixtureParameters, float], P]
    scale: float = 1.0
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


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
        return Method(MaximumLikelihood(grounds.regularisation), lambda found, _: self._over(found, grounds.shift))

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
        None if means is None else of_shape(means, (k, d), "means"),
        None if precisions is None else _inverse(precisions, family, k, d),
    )


def _checked_weights(values: Any, k: int) -> Float:
    weights = of_shape(values, (k,), "weights")
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
    name = f"{family.name} precision"
    precisions = of_shape(values, family.shape(k, d), name)
    if family.features is Features.SQUARES:
        require_positive(precisions, name)
        return _of_family(1 / precisions, family, k, d)
    require_positive_definite(precisions, name)
    covariances = np.linalg.inv((precisions + np.swapaxes(precisions, -1, -2)) / 2).astype(np.float64)
    return _of_family((covariances + np.swapaxes(covariances, -1, -2)) / 2, family, k, d)


def _of_family(covariances: Float, family: CovarianceFamily, k: int, d: int) -> Float:
    """The covariances, if they are what the family makes of themselves: what its matrices share, they share."""
    dense = family.dense(covariances, k, d)
    scatters = dense if family.features is Features.QUADRATIC else np.diagonal(dense, axis1=1, axis2=2)
    made = family.estimate(np.ones(k), np.array(scatters))
    if not np.allclose(made, covariances, rtol=1e-6, atol=1e-6 * np.abs(covariances).max()):
        raise ValueError(f"'{family.name} precision' should be those of covariance_type='{family.name}'")
    return covariances
