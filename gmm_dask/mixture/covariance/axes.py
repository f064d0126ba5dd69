"""Orientations: the axes of each scatter, and those that suit all scatters best."""

from __future__ import annotations

import numpy as np

from gmm_dask.mixture.covariance.rotations import CommonAxes
from gmm_dask.mixture.features import Float

_EPS = float(np.finfo(np.float64).eps)

_STEPS = 50
"""At most; five to thirty are usual. What is left then is gained by the next M-steps."""

_HEAVIEST = 6
"""How many components' own axes are among the starts."""

_GOLDEN = (np.sqrt(5) - 1) / 2


def own_axes(scatters: Float) -> tuple[Float, Float]:
    """Variances (k, d), rising, along the principal axes of each scatter, and these as columns (k, d, d)."""
    values, axes = np.linalg.eigh(scatters)
    return _cleared(values), axes


def variances_along(axes: Float, scatters: Float) -> Float:
    """(k, d) of scatters (k, d, d) along axes (d, d)."""
    return _cleared(np.diagonal(axes.T @ scatters @ axes, axis1=1, axis2=2))


def common_axes(volume: str, shares: Float, scatters: Float, previous: Float | None) -> Float:
    """(d, d) axes for volumes that vary ("V") or are equal ("E"), shares (k,) and scatters (k, d, d).

    `previous`: covariances of common axes to go on from. Without these several starts are tried.
    """
    sizes = np.trace(scatters, axis1=1, axis2=2) / scatters.shape[1]
    forms = scatters / np.where(sizes > 0, sizes, 1.0)[:, None, None]
    if volume == "E" and sizes.any():
        shares = shares * sizes / (shares @ sizes)
    problem = CommonAxes(volume, shares, forms)
    starts = _starts(shares, forms) if previous is None else _shared_axes(previous)[None]
    found = [problem.improved(start, _STEPS) for start in starts]
    return min(found, key=lambda point: point.value).axes


def _starts(shares: Float, forms: Float) -> Float:
    """(s, d, d): axes of the mean logarithm, of a mean that any common axes are axes of, of the heaviest components."""
    values, axes = np.linalg.eigh(forms)
    floors = np.maximum(values, values.shape[1] * _EPS * values[:, -1:])
    logs = np.log(np.where(floors > 0, floors, 1.0))
    mean = np.einsum("k,kaj,kj,kbj->ab", shares, axes, logs, axes)
    heaviest = np.argsort(-shares, kind="stable")[:_HEAVIEST]
    return np.concatenate([np.linalg.eigh(mean)[1][None], _shared_axes(forms)[None], axes[heaviest]])


def _shared_axes(matrices: Float) -> Float:
    """(d, d) axes that matrices (k, d, d) have in common, where they have any.

    Those of a weighted sum: with weights that have nothing to do with the matrices, different axes have the same sum
    only where they have the same variance in every matrix.
    """
    weights = 1 + np.arange(1, len(matrices) + 1) * _GOLDEN % 1
    traces = np.trace(matrices, axis1=1, axis2=2)
    weights = weights / np.where(traces > 0, traces, 1.0)
    axes: Float = np.linalg.eigh(np.tensordot(weights, matrices, axes=1))[1]
    return axes


def _cleared(variances: Float) -> Float:
    """Variances (k, d) with zeros for those that are nothing but rounding beside the largest of their component."""
    least = variances.shape[1] * _EPS * variances.max(axis=1, keepdims=True)
    return np.where(variances > least, variances, 0.0)
