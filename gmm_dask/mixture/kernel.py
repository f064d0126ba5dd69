"""The compiled kernel of the sweep: arrays only, no Python objects.

Rows come as z (d, n), C-contiguous float64, and are taken in blocks of `rows` so that a block's features (q, rows) and
log densities (k, rows) stay in cache. Per block: features, log joint densities by one matrix product, soft-max within
each candidate, statistics by a second product. Components listed in `centred` are evaluated about `centres` instead
(see `gmm_dask.mixture.compiled`). The functions release the GIL and are cached on disk, so that only the first use
after an installation compiles.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# Sums may be reassociated and products contracted (that is what vectorises); NaN and infinities keep their meaning.
_FLAGS = {"reassoc", "contract", "nsz", "arcp"}

_LOG2_E = 1.4426950408889634
# ln 2 in two parts, the first with trailing zeros so that k * _LN2_HIGH is exact (Cody & Waite 1980).
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LOWEST_EXPONENT = -746.0  # exp of this is zero in float64


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def _fill_features(z, start, quadratic, phi):
    """phi(z) for phi.shape[1] rows from `start`, packed as in `gmm_dask.mixture.features`."""
    d, n = z.shape[0], phi.shape[1]
    f = 0
    for a in range(d):
        for b in range(a, d if quadratic else a + 1):
            for j in range(n):
                phi[f, j] = z[a, start + j] * z[b, start + j]
            f += 1
    for a in range(d):
        for j in range(n):
            phi[f, j] = z[a, start + j]
        f += 1
    phi[f, :] = 1.0


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def _subtract_centre(z, start, centre, deviation):
    for a in range(deviation.shape[0]):
        for j in range(deviation.shape[1]):
            deviation[a, j] = z[a, start + j] - centre[a]


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def _centred_log_joint(deviation, root, constant, triangular, row, out):
    """constant - |U' (z - centre)|^2 / 2, with U upper triangular or diagonal (root then (1, d))."""
    d, n = deviation.shape
    out[:] = constant
    for b in range(d):
        row[:n] = 0.0
        for a in range(0 if triangular else b, b + 1):
            u = root[a, b] if triangular else root[0, b]
            for j in range(n):
                row[j] += u * deviation[a, j]
        for j in range(n):
            out[j] -= 0.5 * row[j] * row[j]


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def _exp_of_difference(x, shift, bits, scale, total):
    """x <- exp(x - shift), added to `total`; x <= shift. Degree 13 Taylor on |r| <= ln 2 / 2: below one ulp.

    `scale` is the float64 view of `bits`: two to the k is put together as the bits of its exponent. Below the normal
    numbers the result is zero.
    """
    for j in range(x.shape[0]):
        t = max(x[j] - shift[j], _LOWEST_EXPONENT)
        k = math.floor(t * _LOG2_E + 0.5)
        r = (t - k * _LN2_HIGH) - k * _LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        x[j] = p * r + 1.0
        bits[j] = max(np.int64(k) + 1023, 0) << 52
    for j in range(x.shape[0]):
        x[j] *= scale[j]
        total[j] += x[j]


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def _soft_max(log_joint, highest, total, bits, scale):
    """Log joint densities (k, n) of one candidate become responsibilities; log densities are left in `highest`.

    `total` is left as log(sum of exp), that is minus the log of the largest responsibility.
    """
    k, n = log_joint.shape
    highest[:] = log_joint[0]
    for c in range(1, k):
        for j in range(n):
            highest[j] = max(highest[j], log_joint[c, j])
    total[:] = 0.0
    for c in range(k):
        _exp_of_difference(log_joint[c], highest, bits, scale, total)
    for c in range(k):
        for j in range(n):
            log_joint[c, j] /= total[j]
    for j in range(n):
        total[j] = math.log(total[j])
        highest[j] += total[j]


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def _log_joint_block(z, start, quadratic, theta, centred, centres, roots, constants, phi, work, log_joint):
    """Log joint densities (k, rows) of one block; `work` is (d + 1, rows) scratch."""
    d, n = z.shape[0], phi.shape[1]
    _fill_features(z, start, quadratic, phi)
    np.dot(theta, phi, log_joint)
    for i in range(centred.shape[0]):
        _subtract_centre(z, start, centres[i], work[:d, :n])
        _centred_log_joint(work[:d, :n], roots[i], constants[i], quadratic, work[d], log_joint[centred[i]])


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def _add_statistics(z, start, quadratic, responsibilities, centred, centres, phi, work, product, moments):
    """moments (k, q) += R phi'; components on the centred path take phi of their deviations."""
    d, n = z.shape[0], phi.shape[1]
    k, q = moments.shape
    np.dot(responsibilities, phi.T, product[:k])
    for i in range(centred.shape[0]):
        _subtract_centre(z, start, centres[i], work[:d, :n])
        deviations = work[:d, :n].copy()
        _fill_features(deviations, 0, quadratic, phi)
        c = centred[i]
        np.dot(responsibilities[c : c + 1], phi.T, product[k : k + 1])
        product[c] = product[k]
    for c in range(k):
        for f in range(q):
            moments[c, f] += product[c, f]


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def sweep_rows(z, weights, rows, quadratic, theta, first, centred, centres, roots, constants, moments, totals):
    """Add the statistics of all rows to `moments` (k, q) and `totals` (candidates, 2).

    `weights` (n,) or empty for all ones. `first` (candidates + 1,) delimits each candidate's components. `totals` holds
    the log-likelihood and the sum of log max responsibility.
    """
    (d, n), (k, q) = z.shape, theta.shape
    phi_space, joint_space = np.empty(q * rows), np.empty(k * rows)
    work, product = np.empty((d + 1, rows)), np.empty((k + 1, q))
    highest, total, bits = np.empty(rows), np.empty(rows), np.empty(rows, np.int64)
    scale = bits.view(np.float64)
    for start in range(0, n, rows):
        m = min(rows, n - start)
        phi, log_joint = phi_space[: q * m].reshape(q, m), joint_space[: k * m].reshape(k, m)
        _log_joint_block(z, start, quadratic, theta, centred, centres, roots, constants, phi, work, log_joint)
        for i in range(first.shape[0] - 1):
            _soft_max(log_joint[first[i] : first[i + 1]], highest[:m], total[:m], bits[:m], scale[:m])
            for j in range(m):
                w = weights[start + j] if weights.shape[0] else 1.0
                totals[i, 0] += w * highest[j]
                totals[i, 1] -= w * total[j]
        if weights.shape[0]:
            for c in range(k):
                for j in range(m):
                    log_joint[c, j] *= weights[start + j]
        _add_statistics(z, start, quadratic, log_joint, centred, centres, phi, work, product, moments)


@njit(nogil=True, cache=True, fastmath=_FLAGS)
def log_joint_rows(z, rows, quadratic, theta, centred, centres, roots, constants, out):
    """Log joint densities of all rows and components into `out` (k, n)."""
    (d, n), (k, q) = z.shape, theta.shape
    phi_space, joint_space = np.empty(q * rows), np.empty(k * rows)
    work = np.empty((d + 1, rows))
    for start in range(0, n, rows):
        m = min(rows, n - start)
        phi, log_joint = phi_space[: q * m].reshape(q, m), joint_space[: k * m].reshape(k, m)
        _log_joint_block(z, start, quadratic, theta, centred, centres, roots, constants, phi, work, log_joint)
        out[:, start : start + m] = log_joint
