"""The fitted model: parameters, schema, transforms, provenance; saved and loaded without pickle."""

from gmm_dask.model.folder import load_model_folder, save_model
from gmm_dask.model.mixture_model import MixtureModel, Training

__all__ = ["MixtureModel", "Training", "load_model_folder", "save_model"]
