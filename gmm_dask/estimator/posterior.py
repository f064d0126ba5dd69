"""A variational posterior as scikit-learn's attributes, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gmm_dask.estimator.attributes import Attribute, arrays_of
from gmm_dask.mixture import CovarianceFamily, Float, MixturePosterior
from gmm_dask.mixture.variational import Dirichlet, StickBreaking, WeightDistribution

DESCRIBING = (
    "weights_", "means_", "covariances_", "weight_concentration_", "mean_precision_", "degrees_of_freedom_",
)  # fmt: skip
"""The attributes that describe a posterior wholly."""


def attributes_of(posterior: MixturePosterior, shift: Float) -> dict[str, Attribute]:
    """The attributes of a posterior about `shift` (d,), in source units and in scikit-learn's shapes."""
    degrees = posterior.degrees_of_freedom
    return {
        **arrays_of(posterior.parameters(), shift),
        "weight_concentration_": _concentration(posterior.weights),
        "mean_precision_": posterior.mean_precisions,
        "degrees_of_freedom_": float(degrees[0]) if posterior.family.is_shared else degrees,
    }


def posterior_of(
    attributes: Mapping[str, Float], family: CovarianceFamily, weights: str, shift: Float
) -> MixturePosterior:
    """The posterior about `shift` (d,) that attributes in source units describe.

    `weights`: the kind of their distribution, a weight_concentration_prior_type. Raises ValueError for attributes that
    do not go together or describe no distribution.
    """
    means, precisions = attributes["means_"], attributes["mean_precision_"]
    k, d = means.shape
    expected = shapes(family, weights, k, d)
    for name, array in attributes.items():
        if array.shape != expected[name]:
            raise ValueError(f"{name} has the shape {array.shape}; expected {expected[name]}")
    degrees, concentration = attributes["degrees_of_freedom_"], attributes["weight_concentration_"]
    for name, array, least in (
        ("weight_concentration_", concentration, 0),
        ("mean_precision_", precisions, 0),
        ("degrees_of_freedom_", degrees, d - 1),
    ):
        if not (array > least).all():
            raise ValueError(f"{name} should be greater than {least}, but is {array.min():g}")
    return MixturePosterior(
        family,
        StickBreaking(*concentration) if weights == StickBreaking.name else Dirichlet(concentration),
        means - shift,
        precisions,
        np.array(np.broadcast_to(degrees, k)),
        attributes["covariances_"],
    )


def shapes(family: CovarianceFamily, weights: str, k: int, d: int) -> dict[str, tuple[int, ...]]:
    """Of the attributes that describe a posterior; a tuple of arrays counts as an array of one axis more."""
    return {
        "weights_": (k,),
        "means_": (k, d),
        "covariances_": family.shape(k, d),
        "weight_concentration_": (2, k) if weights == StickBreaking.name else (k,),
        "mean_precision_": (k,),
        "degrees_of_freedom_": () if family.is_shared else (k,),
    }


def _concentration(weights: WeightDistribution) -> Attribute:
    match weights:
        case StickBreaking(taken, left):
            return taken, left
        case Dirichlet(concentration):
            return concentration
    raise TypeError(f"scikit-learn has no attribute for weights of the kind {weights.name}")
