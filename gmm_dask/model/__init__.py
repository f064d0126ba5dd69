"""The fitted model: parameters, schema, transforms, provenance; saved and loaded without pickle."""

from gmm_dask.model.basis import Basis, inhabited
from gmm_dask.model.changes import Changes, Succession
from gmm_dask.model.continuing import preparation_for, widened
from gmm_dask.model.folder import load_model_folder, save_model
from gmm_dask.model.mixture_model import MixtureModel, Training
from gmm_dask.model.succession import succeeding
from gmm_dask.model.units import in_units_of, require_same_columns

__all__ = [
    "Basis",
    "Changes",
    "MixtureModel",
    "Succession",
    "Training",
    "in_units_of",
    "inhabited",
    "load_model_folder",
    "preparation_for",
    "require_same_columns",
    "save_model",
    "succeeding",
    "widened",
]
