"""An estimator on disk: a model folder, which `gmm_dask.load_model` reads, with two files more. No pickle.

estimator.json      format, class, parameters and attributes; the types and shapes of arrays
estimator.raw       the numbers of these arrays, little-endian and row-major, one array after another
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator

from gmm_dask.em import Outcome
from gmm_dask.errors import BadInputError, DamagedError, UsageError
from gmm_dask.estimator.attributes import fitted, is_fitted_name, unrounded
from gmm_dask.estimator.table import shift_alone
from gmm_dask.estimator.values import from_json, pack, to_json, unpack
from gmm_dask.mixture import Float, MixtureParameters
from gmm_dask.model import MixtureModel, Training, save_model
from gmm_dask.output import Publication, add_file, commit, drafting, verify
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.roles import Role
from gmm_dask.table.schema import Column, TableSchema
from gmm_dask.version import __version__

E = TypeVar("E", bound=BaseEstimator)

FORMAT = "gmm_dask.estimator"
FORMAT_VERSION = 1
_RECORD, _NUMBERS = "estimator.json", "estimator.raw"
_ROUNDING = 1e-6  # what float32 may leave of weights that sum to one


def save_estimator(estimator: BaseEstimator, mixture: MixtureParameters, shift: Float, path: str | Path) -> Publication:
    """Publish a fitted estimator, whose attributes describe `mixture` about `shift` (d,)."""
    model = _model(estimator, mixture, shift)
    record, numbers = _to_record(estimator)
    # A model folder is written aside first, because what is published cannot be added to.
    with TemporaryDirectory() as aside, drafting(path, "model") as draft:
        alone = save_model(model, Path(aside) / "model")
        files = {part.name: (alone.folder / part.name).read_bytes() for part in alone.parts}
        files |= {_RECORD: json.dumps(record, indent=2, allow_nan=False).encode(), _NUMBERS: numbers}
        parts = [add_file(draft.folder, name, data) for name, data in files.items()]
        return commit(draft, parts, schema=None, provenance=model.provenance)


def load_estimator(kind: type[E], path: str | Path) -> E:
    """The estimator of class `kind` that was published at `path`.

    Raises DamagedError, with the reason, for one that is not as it was saved, BadInputError for something else.
    """
    folder = verify(path).folder
    where = str(folder / _RECORD)
    if not (folder / _RECORD).exists():
        raise BadInputError(
            "no estimator was saved here", expected="a folder that an estimator's save() wrote", where=str(folder),
            advice="gmm_dask.load_model loads what a fit of a table wrote.",
        )  # fmt: skip
    record = json.loads((folder / _RECORD).read_bytes())
    _check_format(record, where)
    if record["class"] != kind.__name__:
        advice = f"Load it with {record['class']}.load."
        raise BadInputError(f"a {record['class']} was saved here", expected=kind.__name__, where=where, advice=advice)
    try:
        return _from_record(kind, record, (folder / _NUMBERS).read_bytes())
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(
            f"not an estimator that can be used: {type(error).__name__}: {error}",
            where=where,
            advice="Fit and save again, or go back to the version before (it is kept until clean-up).",
        ) from error


def _to_record(estimator: BaseEstimator) -> tuple[dict[str, Any], bytes]:
    # Where a fit runs is not part of what it came to.
    parameters = {name: value for name, value in estimator.get_params(deep=False).items() if name != "client"}
    sections = {"parameters": parameters, "attributes": fitted(estimator), "unrounded": unrounded(estimator)}
    arrays: list[np.ndarray] = []
    written = {section: _written(values, arrays) for section, values in sections.items()}
    outlines, numbers = pack(arrays)
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "class": type(estimator).__name__}
    return head | written | {"arrays": outlines}, numbers


def _written(values: Mapping[str, Any], arrays: list[np.ndarray]) -> dict[str, Any]:
    return {name: to_json(value, arrays, name) for name, value in values.items()}


def _from_record(kind: type[E], record: Mapping[str, Any], numbers: bytes) -> E:
    arrays = unpack(record["arrays"], numbers)
    parameters, attributes, beside = (
        {name: from_json(value, arrays) for name, value in record[section].items()}
        for section in ("parameters", "attributes", "unrounded")
    )
    estimator: E = kind(**parameters)
    for name, value in attributes.items():
        if not is_fitted_name(name):
            raise ValueError(f"an attribute named {name!r}")
        setattr(estimator, name, value)
    estimator._unrounded = beside
    _require_mixture(estimator)
    return estimator


def _require_mixture(estimator: BaseEstimator) -> None:
    """Raise where the attributes do not go together, or describe nothing that has a density."""
    weights = estimator._mixture_about(estimator._centre()).weights
    if not (weights >= 0).all():
        raise ValueError(f"a weight of {weights.min()}")
    estimator._scorer().parameters.terms()


def _check_format(record: Mapping[str, Any], where: str) -> None:
    found = (record.get("format"), record.get("format_version"))
    if found != (FORMAT, FORMAT_VERSION):
        raise DamagedError(
            f"format {found[0]!r} version {found[1]!r}",
            expected=f"{FORMAT!r} version {FORMAT_VERSION}",
            where=where,
            advice="Load it with the version of gmm_dask that saved it, or fit again.",
        )


def _model(estimator: BaseEstimator, mixture: MixtureParameters, shift: Float) -> MixtureModel:
    """The mixture as a model of a table of its features. Of the rows it was fitted to an estimator notes nothing."""
    names = [str(name) for name in getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(len(shift))])]
    total = float(mixture.weights.sum())
    if abs(total - 1) > _ROUNDING:
        advice = "Weights sum to one after an iteration: fit with max_iter of 1 or more."
        raise UsageError(f"weights_ sum to {total:g}", expected="1", advice=advice)
    mixture.factors()
    parameters = MixtureParameters(mixture.family, mixture.weights / total, mixture.means, mixture.covariances)
    kind = pa.from_numpy_dtype(estimator.means_.dtype)
    columns = tuple(Column(name, kind, Role.CONTINUOUS, "a feature of the estimator") for name in names)
    transforms = zip(names, map(shift_alone, shift.tolist()), strict=True)
    outcome = Outcome.CONVERGED if getattr(estimator, "converged_", False) else Outcome.ITERATION_LIMIT
    training = Training(
        outcome=outcome.value,
        n_iter=int(getattr(estimator, "n_iter_", 0)),
        n_rows=0,
        n_complete=0,
        weight=0.0,
        log_likelihood=0.0,
        criteria={},
        seed=0,
        missing=dict.fromkeys(names, 0),
    )
    provenance = {"gmm_dask": __version__, "python": platform.python_version(), "estimator": type(estimator).__name__}
    return MixtureModel(parameters, TableSchema(columns), Preparation(tuple(transforms)), training, provenance)
