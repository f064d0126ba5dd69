"""The compiled kernel of the sweep: arrays only, no Python objects.

Rows are taken in blocks, and a block in strips of `STRIP` rows. A strip's log joint densities are computed component by
component as c_k - |U_k' z - o_k|^2 / 2 and turned into responsibilities at once. The block's statistics R' Phi follow:
FEATURES features at a time are built, used for all components, and dropped. Everything stays in the first two caches.

Components with a centre are evaluated on z - mu_k, with statistics about mu_k (see `gmm_dask.mixture.compiled`). The
functions release the GIL and are cached on disk, so that only the first use after an installation compiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gmm_dask.mixture.elementary import exponential, logarithm
from gmm_dask.mixture.tiles import COMPONENTS, FEATURES, STRIP, add_products, log_densities
from gmm_dask.mixture.vectors import LANES, fma, load, maximum, prefetch, splat, store

FULL, SHARED, DIAGONAL = 0, 1, 2
"""What the roots of a `Components` are: one matrix per component, one per candidate, or one diagonal per component."""

# Lines of a block start in different cache sets, which a power of two as their distance would not give.
_GAP = LANES


class Rows(NamedTuple):
    """Rows as the kernel takes them: column a is z[place[a]] (float64) where place[a] >= 0, else narrow[-1 - place[a]]
    (float32). weights (n,), or empty for all ones."""

    z: NDArray[np.float64]
    narrow: NDArray[np.float32]
    place: NDArray[np.int64]
    weights: NDArray[np.float64]


class Components(NamedTuple):
    """The components of candidates side by side, k in all.

    first (candidates + 1,): where each candidate's components begin. roots: the triangular roots U, (k, d, d) or
    (candidates, d, d), or for DIAGONAL their diagonals (k, 1, d). offsets (k, d): U' mu. constants (k,): log joint
    density at the mean. centre (k,): the component's row in `centres`, or -1. centres (c, d): means. left, right (q,):
    feature f is the product of columns left[f] and right[f] of [z, 1]; q is a multiple of FEATURES.
    """

    kind: int
    first: NDArray[np.int64]
    roots: NDArray[np.float64]
    offsets: NDArray[np.float64]
    constants: NDArray[np.float64]
    centre: NDArray[np.int64]
    centres: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


@njit(nogil=True)
def _lines(count, length):
    """Scratch of so many lines; a vector at a multiple of LANES is in one cache line."""
    space = np.empty(count * length + LANES)
    skipped = -space.ctypes.data // 8 % LANES
    return space[skipped : skipped + count * length].reshape(count, length)


@njit(nogil=True, forceinline=True)
def _copy_rows(rows, start, n, x, weights):
    """Rows [start, start + n) into x (d + 1, ...) and weights: zeros to the end of the last strip; the last column of x
    is of ones."""
    d, end = rows.place.shape[0], -(-n // STRIP) * STRIP
    for a in range(d):
        place = rows.place[a]
        if place >= 0:
            for j in range(n):
                x[a, j] = rows.z[place, start + j]
        else:
            for j in range(n):
                x[a, j] = rows.narrow[-1 - place, start + j]
        x[a, n:end] = 0.0
    x[d, :end] = 1.0
    if rows.weights.shape[0]:
        weights[:n] = rows.weights[start : start + n]
    else:
        weights[:n] = 1.0
    weights[n:end] = 0.0


@njit(nogil=True, forceinline=True)
def _fetch_ahead(rows, start):
    """Have a strip of rows on its way from memory while others are computed with."""
    for a in range(rows.z.shape[0]):
        for j in range(start, start + STRIP, LANES):
            prefetch(rows.z, a * rows.z.shape[1] + j)
    for a in range(rows.narrow.shape[0]):
        for j in range(start, start + STRIP, 2 * LANES):
            prefetch(rows.narrow, a * rows.narrow.shape[1] + j)


@njit(nogil=True)
def _subtract(x, at, centres, c, n, out):
    """out = x - centres[c] for n rows from `at`; the last column, of ones, stays."""
    d = centres.shape[1]
    for a in range(d):
        mean = splat(centres[c, a])
        for j in range(0, n, LANES):
            store(out, a * out.shape[1] + j, load(x, a * x.shape[1] + at + j) - mean)
    out[d, :n] = 1.0


@njit(nogil=True, forceinline=True)
def _diagonal_log_densities(x, at, scales, row, offsets, k, constant, out, place):
    """As `log_densities`, with U the diagonal matrix of scales[row, 0], (d,)."""
    stride, d = x.shape[1], offsets.shape[1]
    s0, s1, s2, s3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for a in range(d):
        scale, offset, line = splat(scales[row, 0, a]), splat(-offsets[k, a]), a * stride + at
        y0 = fma(load(x, line), scale, offset)
        y1 = fma(load(x, line + LANES), scale, offset)
        y2 = fma(load(x, line + 2 * LANES), scale, offset)
        y3 = fma(load(x, line + 3 * LANES), scale, offset)
        s0, s1, s2, s3 = fma(y0, y0, s0), fma(y1, y1, s1), fma(y2, y2, s2), fma(y3, y3, s3)
    half, top = splat(-0.5), splat(constant)
    store(out, place, fma(s0, half, top))
    store(out, place + LANES, fma(s1, half, top))
    store(out, place + 2 * LANES, fma(s2, half, top))
    store(out, place + 3 * LANES, fma(s3, half, top))


@njit(nogil=True)
def _whiten(x, at, roots, root, y):
    """y (d, STRIP) = U' x for one strip, U = roots[root] upper triangular."""
    stride, d = x.shape[1], y.shape[0]
    for b in range(d):
        y0, y1, y2, y3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for a in range(b + 1):
            u, place = splat(roots[root, a, b]), a * stride + at
            y0 = fma(load(x, place), u, y0)
            y1 = fma(load(x, place + LANES), u, y1)
            y2 = fma(load(x, place + 2 * LANES), u, y2)
            y3 = fma(load(x, place + 3 * LANES), u, y3)
        store(y, b * STRIP, y0)
        store(y, b * STRIP + LANES, y1)
        store(y, b * STRIP + 2 * LANES, y2)
        store(y, b * STRIP + 3 * LANES, y3)


@njit(nogil=True, forceinline=True)
def _soft_max(joint, at, begin, end, weights, sums, i):
    """Log joint densities of candidate i, components [begin, end), for the strip at `at` become responsibilities times
    weight.

    sums (candidates, 2, LANES) are added to, lane by lane: the log-likelihood and the log of the largest
    responsibility, both weighted.
    """
    stride = joint.shape[1]
    for j in range(at, at + STRIP, LANES):
        weight = load(weights, j)
        highest = load(joint, begin * stride + j)
        for k in range(begin + 1, end):
            highest = maximum(highest, load(joint, k * stride + j))
        total = splat(0.0)
        for k in range(begin, end):
            share = exponential(load(joint, k * stride + j) - highest)
            store(joint, k * stride + j, share)
            total = total + share
        factor, log_total = weight / total, logarithm(total)
        for k in range(begin, end):
            store(joint, k * stride + j, load(joint, k * stride + j) * factor)
        place = 2 * LANES * i
        store(sums, place, fma(weight, highest + log_total, load(sums, place)))
        store(sums, place + LANES, load(sums, place + LANES) - weight * log_total)


@njit(nogil=True)
def _e_step(x, n, components, joint, normalised, weights, sums, rows, following):
    """Log joint densities of a block of n rows into joint (k, ...), strip by strip; where `normalised`, turned into
    responsibilities by `_soft_max`. The next block is row `following` and on of `rows`."""
    kind, first, roots, offsets, constants, centre, centres, _, _ = components
    d, stride = offsets.shape[1], joint.shape[1]
    deviation, white = _lines(d + 1, STRIP), _lines(d, STRIP)
    ones, zeros = np.ones((1, 1, d)), np.zeros((1, d))
    for at in range(0, n, STRIP):
        _fetch_ahead(rows, following + at)
        for i in range(first.shape[0] - 1):
            if kind == SHARED:
                _whiten(x, at, roots, i, white)
            for k in range(first[i], first[i + 1]):
                root, place = i if kind == SHARED else k, k * stride + at
                if centre[k] >= 0:
                    _subtract(x, at, centres, centre[k], STRIP, deviation)
                    if kind == DIAGONAL:
                        _diagonal_log_densities(deviation, 0, roots, k, zeros, 0, constants[k], joint, place)
                    else:
                        log_densities(deviation, 0, STRIP, roots, root, zeros, 0, d, constants[k], joint, place)
                elif kind == FULL:
                    log_densities(x, at, x.shape[1], roots, k, offsets, k, d, constants[k], joint, place)
                elif kind == SHARED:
                    _diagonal_log_densities(white, 0, ones, 0, offsets, k, constants[k], joint, place)
                else:
                    _diagonal_log_densities(x, at, roots, k, offsets, k, constants[k], joint, place)
            if normalised:
                _soft_max(joint, at, first[i], first[i + 1], weights, sums, i)


@njit(nogil=True)
def _add_moments(r, k, height, is_new, x, n, left, right, f, phi, moments, row):
    """moments[row : row + height, f : f + FEATURES] += r[k : k + height] phi', over n rows.

    phi (FEATURES, ...): features f and on of x, to be computed if they are new.
    """
    stride, pitch = phi.shape[1], moments.shape[1]
    at, place = k * stride, row * pitch + f
    add_products(height, is_new, r, at, stride, n, x, left, right, f, phi, moments, place, pitch)


@njit(nogil=True)
def _statistics(x, n, components, responsibilities, phi, moments):
    """moments (k, q) += R Phi' for a block of n rows, but for components that have a centre."""
    k, left, right = responsibilities.shape[0], components.left, components.right
    tiles = -(-k // COMPONENTS)
    for f in range(0, left.shape[0], FEATURES):
        for tile in range(tiles):
            start, stop = k * tile // tiles, k * (tile + 1) // tiles
            _add_moments(responsibilities, start, stop - start, tile == 0, x, n, left, right, f, phi, moments, start)


@njit(nogil=True)
def _centred_statistics(x, n, components, responsibilities, deviation, phi, moments):
    """moments (centres, q) += the statistics of the components that have a centre, about it."""
    left, right = components.left, components.right
    for k in range(components.centre.shape[0]):
        c = components.centre[k]
        if c >= 0:
            _subtract(x, 0, components.centres, c, n, deviation)
            for f in range(0, left.shape[0], FEATURES):
                _add_moments(responsibilities, k, 1, True, deviation, n, left, right, f, phi, moments, c)


@njit(nogil=True, cache=True)
def sweep_rows(rows, components, block, moments, centred_moments, sums):
    """Add the statistics of all rows to moments (k, q), those about centres to centred_moments (c, q), and the weighted
    log-likelihood and log of the largest responsibility to sums (candidates, 2, LANES), lane by lane.

    `block`: rows taken at a time, a multiple of STRIP.
    """
    d, n, k = rows.place.shape[0], rows.z.shape[1], components.constants.shape[0]
    x, deviation = _lines(d + 1, block + _GAP), _lines(d + 1, block + _GAP)
    joint, phi, weights = _lines(k, block + _GAP), _lines(FEATURES, block + _GAP), _lines(1, block)[0]
    for start in range(0, n, block):
        m = min(block, n - start)
        end = -(-m // STRIP) * STRIP
        _copy_rows(rows, start, m, x, weights)
        _e_step(x, end, components, joint, True, weights, sums, rows, start + block)
        if components.centres.shape[0] < k:
            _statistics(x, end, components, joint, phi, moments)
        _centred_statistics(x, end, components, joint, deviation, phi, centred_moments)


@njit(nogil=True, cache=True)
def log_joint_rows(rows, components, block, out):
    """Log joint densities of all rows and components into `out` (k, n)."""
    d, n, k = rows.place.shape[0], rows.z.shape[1], components.constants.shape[0]
    x, joint, weights = _lines(d + 1, block + _GAP), _lines(k, block + _GAP), _lines(1, block)[0]
    nothing = np.empty((0, 0, 0))
    for start in range(0, n, block):
        m = min(block, n - start)
        _copy_rows(rows, start, m, x, weights)
        _e_step(x, m, components, joint, False, weights, nothing, rows, start + block)
        out[:, start : start + m] = joint[:, :m]
