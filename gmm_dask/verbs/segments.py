"""Segments: what the components look like, in the units of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gmm_dask.mixture import Float
from gmm_dask.model import MixtureModel


def segments(model: MixtureModel) -> pd.DataFrame:
    """One row per segment, by number (largest first after a first fit): `segment`, `share`, and per column
    `<column> mean` and `<column> sd`."""
    means, deviations = source_moments(model)
    frame = pd.DataFrame({"segment": model.labels, "share": model.parameters.weights})
    for index, column in enumerate(model.columns):
        frame[f"{column} mean"], frame[f"{column} sd"] = means[:, index], deviations[:, index]
    return frame


def source_moments(model: MixtureModel) -> tuple[Float, Float]:
    """Means and standard deviations (k, d) of the components in source units, by Gauss-Hermite quadrature."""
    variances = np.diagonal(model.parameters.dense_covariances(), axis1=1, axis2=2)
    means, deviations = np.empty_like(model.parameters.means), np.empty_like(model.parameters.means)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    for index, (_, transform) in enumerate(model.preparation.transforms):
        z = model.parameters.means[:, index, None] + np.sqrt(variances[:, index, None]) * nodes
        x = transform.inverse(z)
        if not transform.affine:
            x = np.clip(x, transform.lowest, transform.highest)
        means[:, index] = x @ weights
        deviations[:, index] = np.sqrt(np.maximum((x - means[:, index, None]) ** 2 @ weights, 0.0))
    return means, deviations
