"""A model on disk: a published folder of one JSON file and raw float64 arrays. Nothing in it is executed to load it.

model.json          format, family, schema, transforms, training, segment numbers, provenance, the arrays' shapes
weights.f64         little-endian float64, row-major
means.f64
covariances.f64
moments.f64         where the model keeps statistics to go on from: these and their centres, and what is added to the
centres.f64         diagonals of covariances, or prior_mean.f64 and prior_covariance.f64
regularisation.f64
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gmm_dask.errors import DamagedError
from gmm_dask.mixture import Float, SingularCovarianceError
from gmm_dask.model.arrays import ADVICE, as_bytes, read_arrays
from gmm_dask.model.mixture_model import MixtureModel
from gmm_dask.model.record import arrays_of, from_json, names_of, to_json
from gmm_dask.output import Publication, add_file, commit, drafting, verify

FORMAT = "gmm_dask.model"
FORMAT_VERSION = 2
READABLE = (1, 2)
"""Version 1 had neither statistics nor segment numbers."""


def save_model(model: MixtureModel, path: str | Path) -> Publication:
    """Publish the model at `path`: the version before stays until clean-up."""
    with drafting(path, "model") as draft:
        arrays = arrays_of(model).items()
        parts = [add_file(draft.folder, f"{name}.f64", as_bytes(array)) for name, array in arrays]
        record = {"format": FORMAT, "format_version": FORMAT_VERSION, **to_json(model)}
        text = json.dumps(record, indent=2, allow_nan=False)
        parts.append(add_file(draft.folder, "model.json", text.encode()))
        return commit(draft, parts, schema=None, provenance=model.provenance)


def load_model_folder(path: str | Path) -> MixtureModel:
    """Load what `save_model` published, in this version of the format or the one before.

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
        arrays = read_arrays(publication.folder, {name: record["arrays"][name] for name in names_of(record)})
        model = from_json(record, arrays)
        model.parameters.factors()
        _check_weights(arrays["weights"], where)
    except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DamagedError):
            raise
        reason = error.found if isinstance(error, SingularCovarianceError) else f"{type(error).__name__}: {error}"
        raise DamagedError(f"not a model that can be used: {reason}", where=where, advice=ADVICE) from error
    return model


def _check_format(record: Mapping[str, Any], where: str) -> None:
    found = (record.get("format"), record.get("format_version"))
    if found[0] != FORMAT or found[1] not in READABLE:
        raise DamagedError(
            f"format {found[0]!r} version {found[1]!r}",
            expected=f"{FORMAT!r} version {' or '.join(map(str, READABLE))}",
            where=where,
            advice="Load it with the version of gmm_dask that wrote it, or fit again.",
        )


def _check_weights(weights: Float, where: str) -> None:
    if not (weights.min() >= 0 and abs(weights.sum() - 1) < 1e-9):
        raise DamagedError(f"weights that add up to {weights.sum()}", expected="1", where=where, advice=ADVICE)
