"""Starting parameters that the user gives: weights_init, means_init, precisions_init."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_array

from gmm_dask.mixture import CovarianceFamily, Features, Float, MixtureParameters


@dataclass(frozen=True)
class Initial:
    """What is given of a start, in source units; None where it is to be found from the data."""

    family: CovarianceFamily
    weights: Float | None
    means: Float | None
    covariances: Float | None

    def whole(self, shift: Float) -> MixtureParameters | None:
        """The start about `shift` (d,), if all of it is given."""
        if self.weights is None or self.means is None or self.covariances is None:
            return None
        return MixtureParameters(self.family, self.weights, self.means - shift, self.covariances)

    def over(self, start: MixtureParameters, shift: Float) -> MixtureParameters:
        """A start about `shift` (d,), with what is given in place of what was found."""
        return replace(
            start,
            weights=start.weights if self.weights is None else self.weights,
            means=start.means if self.means is None else self.means - shift,
            covariances=start.covariances if self.covariances is None else self.covariances,
        )


def checked_initial(weights: Any, means: Any, precisions: Any, family: CovarianceFamily, k: int, d: int) -> Initial:
    """The parameters given, with scikit-learn's checks and words. Raises ValueError."""
    return Initial(
        family,
        None if weights is None else _checked_weights(weights, k),
        None if means is None else _of_shape(means, (k, d), "means"),
        None if precisions is None else _inverse(precisions, family, k, d),
    )


def continued(weights: Float, means: Float, covariances: Float, family: CovarianceFamily, k: int, d: int) -> Initial:
    """The end of the fit before as a start. Raises ValueError where it was of other shapes."""
    found = (weights.shape, means.shape, covariances.shape)
    if found != (expected := ((k,), (k, d), family.shape(k, d))):
        raise ValueError(
            f"warm_start=True continues the fit before, whose weights_, means_ and covariances_ have shapes {found}; "
            f"expected {expected}. Set warm_start=False to start anew."
        )
    return Initial(family, weights, means, covariances)


def _of_shape(values: Any, shape: tuple[int, ...], name: str) -> Float:
    array: Float = check_array(values, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
    if array.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}")
    return array


def _checked_weights(values: Any, k: int) -> Float:
    weights = _of_shape(values, (k,), "weights")
    if weights.min() < 0 or weights.max() > 1:
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], "
            f"but got max value {weights.max():.5f}, min value {weights.min():.5f}"
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
        return 1 / precisions
    transposed = np.swapaxes(precisions, -1, -2)
    if not np.allclose(precisions, transposed) or not (np.linalg.eigvalsh(precisions) > 0).all():
        raise ValueError(f"'{family.name} precision' should be symmetric, positive-definite")
    covariances = np.linalg.inv((precisions + transposed) / 2).astype(np.float64)
    return (covariances + np.swapaxes(covariances, -1, -2)) / 2
