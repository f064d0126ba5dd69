"""M-steps in which component k is lambda_k C_k: volumes lambda and forms C of determinant one, each equal or not.

A form is a matrix (k, d, d) or a diagonal (k, d): the formulas are the same, those of Celeux & Govaert (1995). All
functions take the components' shares of the rows (k,) and their scatters, and return covariances of the same shape.
Where there is no maximum they return zeros.
"""

from __future__ import annotations

import numpy as np

from gmm_dask.mixture.features import Float


def unconstrained(shares: Float, scatters: Float) -> Float:
    """Volumes and forms of their own: the scatters themselves."""
    return scatters


def pooled(shares: Float, scatters: Float) -> Float:
    """One volume and one form: the mean over all rows."""
    return np.broadcast_to(np.tensordot(shares, scatters, axes=1), scatters.shape)


def one_variance(shares: Float, scatters: Float) -> Float:
    """One variance for all components and columns: scatters (k, d)."""
    return np.full_like(scatters, shares @ scatters.mean(axis=1))


def equal_volumes(shares: Float, scatters: Float) -> Float:
    """One volume, the mean of theirs, and forms of their own."""
    volumes = np.exp(_log_volumes(scatters))
    factors = np.divide(shares @ volumes, volumes, out=np.zeros_like(volumes), where=volumes > 0)
    scaled: Float = factors.reshape(-1, *[1] * (scatters.ndim - 1)) * scatters
    return scaled


def _log_volumes(scatters: Float) -> Float:
    """(k,) logarithms of |S_k|^(1/d); minus infinity for what is singular to rounding."""
    variances = scatters if scatters.ndim == 2 else np.diagonal(scatters, axis1=1, axis2=2)
    logs = np.full(variances.shape[0], -np.inf)
    varies = (variances > 0).all(axis=1)
    logs[varies] = np.log(variances[varies]).mean(axis=1)
    if scatters.ndim == 3 and varies.any():
        # Of correlations, so that what is singular does not depend on the units of columns.
        scales = 1 / np.sqrt(variances[varies])
        values = np.linalg.eigvalsh(scales[:, :, None] * scatters[varies] * scales[:, None, :])
        regular = values[:, 0] > values.shape[1] * np.finfo(np.float64).eps
        logs[varies] += np.where(regular, np.log(np.where(regular[:, None], values, 1.0)).mean(axis=1), -np.inf)
    return logs
