"""A model on disk: a published folder of one JSON file and raw float64 arrays. Nothing in it is executed to load it.

model.json          format, family, schema, transforms, training, provenance, the arrays' shapes
weights.f64         little-endian float64, row-major
means.f64
covariances.f64
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gmm_dask.errors import DamagedError
from gmm_dask.mixture import Float, MixtureParameters, SingularCovarianceError, family_named
from gmm_dask.model.mixture_model import MixtureModel, Training
from gmm_dask.output import Publication, add_file, commit, drafting, verify
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.schema import TableSchema
from gmm_dask.table.transforms import Transform

FORMAT = "gmm_dask.model"
FORMAT_VERSION = 1
_ARRAYS = ("weights", "means", "covariances")


def save_model(model: MixtureModel, path: str | Path) -> Publication:
    """Publish the model at `path`: the version before stays until clean-up."""
    parameters = model.parameters
    arrays = {name: np.asarray(getattr(parameters, name), "<f8") for name in _ARRAYS}
    with drafting(path, "model") as draft:
        parts = [add_file(draft.folder, f"{name}.f64", array.tobytes()) for name, array in arrays.items()]
        text = json.dumps(_to_json(model, arrays), indent=2, allow_nan=False)
        parts.append(add_file(draft.folder, "model.json", text.encode()))
        return commit(draft, parts, schema=None, provenance=model.provenance)


def load_model_folder(path: str | Path) -> MixtureModel:
    """Load what `save_model` published.

    Raises DamagedError, with the reason, for anything altered, truncated, missing, of another format version,
    non-finite, or not a mixture.
    """
    publication = verify(path)
    if publication.kind != "model":
        raise DamagedError(
            f"this is a published {publication.kind}", expected="a model folder", where=str(path),
            advice="Name the folder that a fit wrote, such as OUTPUT/model.",
        )  # fmt: skip
    where = str(publication.folder / "model.json")
    try:
        record = json.loads((publication.folder / "model.json").read_bytes())
        _check_format(record, where)
        arrays = {name: _read_array(publication.folder, name, record["arrays"][name]) for name in _ARRAYS}
        model = _from_json(record, arrays)
        model.parameters.factors()
        _check_weights(arrays["weights"], where)
    except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DamagedError):
            raise
        reason = error.found if isinstance(error, SingularCovarianceError) else f"{type(error).__name__}: {error}"
        raise DamagedError(f"not a model that can be used: {reason}", where=where, advice=_ADVICE) from error
    return model


_ADVICE = "Fit again, or go back to the version before (it is kept until clean-up)."


def _to_json(model: MixtureModel, arrays: Mapping[str, Float]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "covariance_type": model.parameters.family.name,
        "arrays": {name: list(array.shape) for name, array in arrays.items()},
        "schema": model.schema.to_json(),
        "transforms": {name: transform.to_json() for name, transform in model.preparation.transforms},
        "weight": model.preparation.weight,
        "training": asdict(model.training),
        "provenance": dict(model.provenance),
    }


def _from_json(record: Mapping[str, Any], arrays: Mapping[str, Float]) -> MixtureModel:
    transforms = tuple((name, Transform.from_json(each)) for name, each in record["transforms"].items())
    return MixtureModel(
        MixtureParameters(family_named(record["covariance_type"]), **arrays),
        TableSchema.from_json(record["schema"]),
        Preparation(transforms, record["weight"]),
        Training(**record["training"]),
        record["provenance"],
    )


def _check_format(record: Mapping[str, Any], where: str) -> None:
    found = (record.get("format"), record.get("format_version"))
    if found != (FORMAT, FORMAT_VERSION):
        raise DamagedError(
            f"format {found[0]!r} version {found[1]!r}",
            expected=f"{FORMAT!r} version {FORMAT_VERSION}",
            where=where,
            advice="Load it with the version of gmm_dask that wrote it, or fit again.",
        )


def _check_weights(weights: Float, where: str) -> None:
    if not (weights.min() >= 0 and abs(weights.sum() - 1) < 1e-9):
        raise DamagedError(f"weights that add up to {weights.sum()}", expected="1", where=where, advice=_ADVICE)


def _read_array(folder: Path, name: str, shape: list[int]) -> Float:
    file = folder / f"{name}.f64"
    flat = np.fromfile(file, "<f8")
    if flat.size != np.prod(shape):
        raise DamagedError(f"{flat.size} numbers", expected=f"{shape}", where=str(file), advice=_ADVICE)
    if not np.isfinite(flat).all():
        raise DamagedError("holds numbers that are not finite", where=str(file), advice=_ADVICE)
    return flat.reshape(shape).astype(np.float64)
