"""Gaussian mixtures for tables larger than one machine: segments, imputed values, synthetic rows.

    from gmm_dask import fit, select, load_model    # table in, FittedMixture out
    from gmm_dask import GaussianMixture, BayesianGaussianMixture    # the scikit-learn estimators

Names are imported when first used, so that `gmm-dask --help` need not wait for Dask.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gmm_dask.version import __version__

__all__ = [
    "BayesianGaussianMixture",
    "FittedMixture",
    "GaussianMixture",
    "SelectionResult",
    "__version__",
    "fit",
    "load_model",
    "select",
]

if TYPE_CHECKING:
    from gmm_dask.api import SelectionResult, fit, select
    from gmm_dask.estimator import BayesianGaussianMixture, GaussianMixture
    from gmm_dask.fitted import FittedMixture, load_model

_HOMES = {
    "BayesianGaussianMixture": "gmm_dask.estimator",
    "FittedMixture": "gmm_dask.fitted",
    "GaussianMixture": "gmm_dask.estimator",
    "SelectionResult": "gmm_dask.api",
    "fit": "gmm_dask.api",
    "load_model": "gmm_dask.fitted",
    "select": "gmm_dask.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gmm_dask' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
