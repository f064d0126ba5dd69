"""The M-step of components that have one form and volumes of their own: Sigma_k = lambda_k C, |C| = 1.

Celeux & Govaert (1995) alternate between form and volumes. With lambda_k = exp(-u_k) the best form is, up to its
volume, T(u) = sum_k share_k exp(u_k) S_k, and minus twice the log-likelihood per row becomes, but for a constant,

    f(u) = log |T(u)| - d sum_k share_k u_k,

which is convex (log |T| is the logarithm of a sum of exponentials with positive coefficients), so that Newton's method
finds the same end in a few steps, from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy.linalg.lapack import dtrtri

from gmm_dask.mixture.features import Float

_ITERATIONS = 100
_LONGEST_STEP = 3.0  # of a logarithm: further off the quadratic model of f says little
_NEAR = 1e-12  # the square of a Newton decrement from which one full step leaves nothing


def proportional(shares: Float, scatters: Float) -> Float:
    """Covariances for shares (k,) and scatters (k, d, d) or (k, d); zeros where f has no minimum."""
    shares = np.maximum(shares, np.finfo(np.float64).tiny)
    point = _Point.at(np.zeros_like(shares), shares, scatters)
    if point is None:
        return np.zeros_like(scatters)
    # As if all scatters were multiples of the pooled one.
    point = _Point.at(np.log(shares) - np.log(point.traces), shares, scatters)
    for _ in range(_ITERATIONS):
        if point is None:
            break
        step, decrement = point.newton_step(shares)
        if decrement < _NEAR:
            # A long step here is along a direction in which f is flat, where any point will do.
            last = None if np.abs(step).max() > 1 else _Point.at(point.logs + step, shares, scatters)
            return (last or point).covariances(shares)
        point = _descend(point, step, decrement, shares, scatters)
    return np.zeros_like(scatters)


@dataclass(frozen=True)
class _Point:
    """Where u (k,) is: T, log |T|, and the terms of T whitened by T, as vectors (k, p), with their traces (k,).

    The whitened terms add up to the identity, their traces to d.
    """

    logs: Float
    total: Float
    log_det: float
    terms: Float
    traces: Float

    @classmethod
    def at(cls, logs: Float, shares: Float, scatters: Float) -> _Point | None:
        """None where T is singular, or rounding leaves a term without a positive trace."""
        scales = np.exp(logs) * shares
        total = np.tensordot(scales, scatters, axes=1)
        if scatters.ndim == 2:
            if not np.all(total > 0):
                return None
            terms = scales[:, None] * (scatters / total)
            return cls._if_positive(logs, total, float(np.log(total).sum()), terms, terms.sum(axis=1))
        try:
            root = np.linalg.cholesky(total)
        except np.linalg.LinAlgError:
            return None
        inverse, _ = dtrtri(root, lower=1)
        terms = scales[:, None, None] * (inverse @ scatters @ inverse.T)
        log_det = 2 * float(np.log(np.diagonal(root)).sum())
        traces = np.trace(terms, axis1=1, axis2=2)
        return cls._if_positive(logs, total, log_det, terms.reshape(scales.size, -1), traces)

    @classmethod
    def _if_positive(cls, logs: Float, total: Float, log_det: float, terms: Float, traces: Float) -> _Point | None:
        return cls(logs, total, log_det, terms, traces) if np.all(traces > 0) else None

    def objective(self, shares: Float) -> float:
        """f(u)."""
        return self.log_det - float(self.traces.sum()) * float(shares @ self.logs)

    def newton_step(self, shares: Float) -> tuple[Float, float]:
        """The step (k,) and the square of the Newton decrement.

        The gradient is traces - d shares, the Hessian diag(traces) less the inner products of the terms: here with
        rows and columns scaled to a unit diagonal, so that small components count. f does not change where all u grow
        alike, so any curvature will do in that direction.
        """
        d, roots = self.traces.sum(), np.sqrt(self.traces)
        gradient = (self.traces - d * shares) / roots
        products = self.terms @ self.terms.T / (roots[:, None] * roots)
        hessian = (1 + 1e-12) * np.eye(roots.size) - products + roots[:, None] * roots / d
        step = np.linalg.solve(hessian, -gradient)
        return step / roots, float(-gradient @ step)

    def covariances(self, shares: Float) -> Float:
        """The form with the volumes that suit it best."""
        variances = self.traces / (self.traces.sum() * np.exp(self.logs) * shares)
        return cast("Float", np.multiply.outer(variances, self.total))


def _descend(point: _Point, step: Float, decrement: float, shares: Float, scatters: Float) -> _Point | None:
    """The next point along a Newton step, shortened until f falls enough (Armijo 1966); None if it never does."""
    length = min(1.0, _LONGEST_STEP / float(np.abs(step).max()))
    before = point.objective(shares)
    while length > 1e-10:
        following = _Point.at(point.logs + length * step, shares, scatters)
        if following is not None and following.objective(shares) <= before - 1e-4 * length * decrement:
            return following
        length /= 2
    return None
