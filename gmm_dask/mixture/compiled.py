"""Candidates made ready for the kernel, and the sweep of one block of rows.

Which path a component takes. Expanding (z - mu)' P (z - mu) into phi(z) . theta sums terms that may be far larger than
their total; rounding is magnified by about

    kappa_k = sum_ab |P_ab| s_a s_b,   s_a = sqrt(mu_a^2 + Sigma_aa)

which is d for an uncorrelated component at the origin, and grows with (|mu| / sd)^2 and with collinearity. Above
`CENTRED_ABOVE` a component is evaluated on its deviations from mu, through the triangular root of P, and its moments
are taken about mu.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_dask.mixture.covariance import FAMILIES, Factors
from gmm_dask.mixture.features import Features, Float
from gmm_dask.mixture.kernel import log_joint_rows, sweep_rows
from gmm_dask.mixture.parameters import MixtureParameters
from gmm_dask.mixture.statistics import SufficientStatistics

CENTRED_ABOVE = 1e6
"""kappa beyond which the expanded square is avoided: it keeps the error of a log density below about 1e-9."""

_CACHE_BYTES = 768 * 1024
_NO_WEIGHTS = np.empty(0)


@dataclass(frozen=True)
class Block:
    """Prepared rows: `z` (d, n) float64, C-contiguous, complete; `weights` (n,) or None for all ones."""

    z: Float
    weights: Float | None = None

    @property
    def n_rows(self) -> int:
        return int(self.z.shape[1])

    @property
    def weight(self) -> float:
        return float(self.z.shape[1] if self.weights is None else self.weights.sum())


@dataclass(frozen=True)
class _Group:
    """Candidates that share a feature map, their components side by side. Shapes as in `kernel.sweep_rows`."""

    features: Features
    members: tuple[int, ...]
    first: NDArray[np.int64]
    theta: Float
    centred: NDArray[np.int64]
    centres: Float
    roots: Float
    constants: Float

    @property
    def rows(self) -> int:
        """Rows per kernel block, so that its features and log densities fit the cache; from the shapes alone."""
        k, q = self.theta.shape
        return int(max(64, min(512, _CACHE_BYTES // (8 * (k + q)) // 32 * 32)))

    @property
    def is_quadratic(self) -> bool:
        return self.features is Features.QUADRATIC

    def given(self) -> tuple[np.ndarray, ...]:
        """theta, first, centred, centres, roots and constants for the kernel."""
        return tuple(map(_given, (self.theta, self.first, self.centred, self.centres, self.roots, self.constants)))


@dataclass(frozen=True)
class CompiledCandidates:
    """What a sweep sends to every shard: see `compile_candidates`."""

    groups: tuple[_Group, ...]
    n_candidates: int


def compile_candidates(candidates: Sequence[MixtureParameters]) -> CompiledCandidates:
    """Make candidates over the same columns ready for `sweep_block`. Raises `SingularCovarianceError`."""
    by_features: dict[Features, list[int]] = {}
    for index, candidate in enumerate(candidates):
        by_features.setdefault(candidate.family.features, []).append(index)
    groups = tuple(_group(features, members, candidates) for features, members in by_features.items())
    return CompiledCandidates(groups, len(candidates))


def sweep_block(compiled: CompiledCandidates, block: Block) -> list[SufficientStatistics]:
    """One pass over a block: the statistics of every candidate, in the order they were compiled in."""
    results: list[SufficientStatistics | None] = [None] * compiled.n_candidates
    weights = _NO_WEIGHTS if block.weights is None else block.weights
    for group in compiled.groups:
        moments = np.zeros(group.theta.shape)
        totals = np.zeros((len(group.members), 2))
        z, w = _given(block.z), _given(weights)
        sweep_rows(z, w, group.rows, group.is_quadratic, *group.given(), moments, totals)
        centres = np.zeros((group.theta.shape[0], block.z.shape[0]))
        centres[group.centred] = group.centres
        for i, member in enumerate(group.members):
            components = slice(group.first[i], group.first[i + 1])
            results[member] = SufficientStatistics(
                group.features,
                moments[components],
                centres[components],
                float(totals[i, 0]),
                float(totals[i, 1]),
                block.weight,
                block.n_rows,
            )
    return [statistics for statistics in results if statistics is not None]


def log_joint(parameters: MixtureParameters, z: Float) -> Float:
    """log(w_k N(z_i | mu_k, Sigma_k)), (k, n), for rows z (d, n)."""
    (group,) = compile_candidates([parameters]).groups
    out = np.empty((parameters.n_components, z.shape[1]))
    theta, _, *centred = group.given()
    log_joint_rows(_given(z), group.rows, group.is_quadratic, theta, *centred, out)
    return out


def compile_kernels() -> None:
    """Compile the kernel, or load it from its cache on disk, so that no later call waits for that.

    The cache lies next to the package, where it can be written, else in the user's cache folder (or NUMBA_CACHE_DIR).
    """
    for family in FAMILIES.values():
        covariances = np.ones(family.shape(1, 1))
        parameters = MixtureParameters(family, np.ones(1), np.zeros((1, 1)), covariances)
        sweep_block(compile_candidates([parameters]), Block(np.zeros((1, 1))))
        log_joint(parameters, np.zeros((1, 1)))


def _given(array: np.ndarray) -> np.ndarray:
    """The array as the kernel takes it: contiguous, and read-only whatever it was.

    numba compiles anew, for seconds, for every combination of writable and read-only arguments; what came from another
    process is read-only.
    """
    given = np.ascontiguousarray(array).view()
    given.flags.writeable = False
    return given


def _group(features: Features, members: list[int], candidates: Sequence[MixtureParameters]) -> _Group:
    chosen = [candidates[index] for index in members]
    factors = [candidate.factors() for candidate in chosen]
    sizes = [candidate.n_components for candidate in chosen]
    means = np.concatenate([candidate.means for candidate in chosen])
    roots = np.concatenate([factor.roots for factor in factors])
    with np.errstate(divide="ignore"):  # a weight of zero is a component that takes no rows
        log_weights = np.concatenate([np.log(candidate.weights) for candidate in chosen])
    log_roots = np.concatenate([factor.log_roots for factor in factors])
    constants = log_weights + log_roots - 0.5 * means.shape[1] * np.log(2 * np.pi)
    covariances = np.concatenate([candidate.dense_covariances() for candidate in chosen])
    precisions = Factors(roots, log_roots).precisions()
    centred = np.flatnonzero(magnification(means, covariances, precisions) > CENTRED_ABOVE)
    theta = _theta(features, constants, means, precisions)
    theta[centred] = 0.0
    return _Group(
        features,
        tuple(members),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        theta,
        centred.astype(np.int64),
        np.ascontiguousarray(means[centred]),
        np.ascontiguousarray(roots[centred] if roots.ndim == 3 else roots[centred, None, :]),
        constants[centred],
    )


def _theta(features: Features, constants: Float, means: Float, precisions: Float) -> Float:
    """Packed coefficients (k, q) of the log joint density in phi(z)."""
    quadratic = features is Features.QUADRATIC
    linear = np.einsum("kab,kb->ka", precisions, means) if quadratic else precisions * means
    return features.pack(constants - 0.5 * (linear * means).sum(axis=1), linear, -0.5 * precisions)


def magnification(means: Float, covariances: Float, precisions: Float) -> Float:
    """kappa (k,), by how much the expanded square magnifies rounding (module docstring)."""
    size = np.sqrt(means**2 + np.diagonal(covariances, axis1=1, axis2=2))
    if precisions.ndim == 2:
        result: Float = (precisions * size**2).sum(axis=1)
    else:
        result = np.einsum("kab,ka,kb->k", np.abs(precisions), size, size)
    return result
