"""A model as a JSON record beside its arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gmm_dask.em import MaximumAPosteriori, MaximumLikelihood
from gmm_dask.mixture import ConjugatePrior, Features, Float, MixtureParameters, SufficientStatistics, family_named
from gmm_dask.model.basis import Basis
from gmm_dask.model.changes import Succession
from gmm_dask.model.mixture_model import MixtureModel, Training
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.schema import TableSchema
from gmm_dask.table.transforms import Transform

PARAMETERS = ("weights", "means", "covariances")
STATISTICS = ("moments", "centres")
ESTIMATIONS = {"likelihood": ("regularisation",), "posterior": ("prior_mean", "prior_covariance")}
"""What is maximised, and the arrays that it needs."""

_TOTALS = ("log_likelihood", "log_assignment", "weight", "n_rows")


def arrays_of(model: MixtureModel) -> dict[str, Float]:
    """The arrays that are kept, by name."""
    arrays = {name: getattr(model.parameters, name) for name in PARAMETERS}
    if model.basis is None:
        return arrays
    statistics, estimation = model.basis.statistics, model.basis.estimation
    kept = {"moments": statistics.moments, "centres": statistics.centres}
    if isinstance(estimation, MaximumLikelihood):
        return arrays | kept | {"regularisation": estimation.regularisation}
    return arrays | kept | {"prior_mean": estimation.prior.mean, "prior_covariance": estimation.prior.covariance}


def names_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The arrays that a record speaks of."""
    if record.get("statistics") is None:
        return PARAMETERS
    return *PARAMETERS, *STATISTICS, *ESTIMATIONS[record["estimation"]["maximises"]]


def to_json(model: MixtureModel) -> dict[str, Any]:
    """All but the numbers of the arrays, in JSON types; floats survive exactly."""
    return {
        "covariance_type": model.parameters.family.name,
        "arrays": {name: list(array.shape) for name, array in arrays_of(model).items()},
        "schema": model.schema.to_json(),
        "transforms": {name: transform.to_json() for name, transform in model.preparation.transforms},
        "weight": model.preparation.weight,
        "narrow": sorted(model.preparation.narrow),
        "training": asdict(model.training),
        "statistics": None if model.basis is None else _totals(model.basis.statistics),
        "estimation": None if model.basis is None else _estimation(model.basis),
        "succession": None if model.succession is None else model.succession.to_json(),
        "provenance": dict(model.provenance),
    }


def from_json(record: Mapping[str, Any], arrays: Mapping[str, Float]) -> MixtureModel:
    """The inverse of `to_json`, also of a record of format version 1. Raises ValueError, KeyError or TypeError for
    what is no model."""
    transforms = tuple((name, Transform.from_json(each)) for name, each in record["transforms"].items())
    family = family_named(record["covariance_type"])
    parameters = MixtureParameters(family, *(arrays[name] for name in PARAMETERS))
    succession = record.get("succession")
    model = MixtureModel(
        parameters,
        TableSchema.from_json(record["schema"]),
        Preparation(transforms, record["weight"], frozenset(record.get("narrow", ()))),
        Training(**record["training"]),
        record["provenance"],
        None if record.get("statistics") is None else _basis(record, parameters, arrays),
        None if succession is None else Succession.from_json(succession),
    )
    if len(model.labels) != parameters.n_components:
        raise ValueError(f"{len(model.labels)} segment numbers for {parameters.n_components} components")
    return model


def _totals(statistics: SufficientStatistics) -> dict[str, Any]:
    return {"features": statistics.features.value, **{name: getattr(statistics, name) for name in _TOTALS}}


def _estimation(basis: Basis) -> dict[str, Any]:
    if isinstance(basis.estimation, MaximumLikelihood):
        return {"maximises": "likelihood"}
    return {"maximises": "posterior", "mean_count": basis.estimation.prior.mean_count}


def _basis(record: Mapping[str, Any], parameters: MixtureParameters, arrays: Mapping[str, Float]) -> Basis:
    totals = record["statistics"]
    features, (k, d) = Features(totals["features"]), parameters.means.shape
    if features is not parameters.family.features:
        raise ValueError(f"{features.value} statistics of a {parameters.family.name} mixture")
    shapes = {"moments": (k, features.n_features(d)), "centres": (k, d), "prior_covariance": (d, d)}
    for name in names_of(record)[len(PARAMETERS) :]:
        if arrays[name].shape != shapes.get(name, (d,)):
            raise ValueError(f"{name} of shape {arrays[name].shape}; expected {shapes.get(name, (d,))}")
    statistics = SufficientStatistics(
        features, arrays["moments"], arrays["centres"], *(totals[name] for name in _TOTALS)
    )
    if not (statistics.weight > 0 and statistics.n_rows > 0 and statistics.counts.min() >= 0):
        raise ValueError("statistics of no rows")
    if not (math.isfinite(statistics.log_likelihood) and math.isfinite(statistics.log_assignment)):
        raise ValueError("a log-likelihood that is not finite")
    if record["estimation"]["maximises"] == "posterior":
        mean_count = float(record["estimation"]["mean_count"])
        prior = ConjugatePrior(arrays["prior_mean"], arrays["prior_covariance"], mean_count)
        return Basis(statistics, MaximumAPosteriori(prior))
    if arrays["regularisation"].min() < 0:
        raise ValueError(f"regularisation of {arrays['regularisation'].min()}")
    return Basis(statistics, MaximumLikelihood(arrays["regularisation"]))
