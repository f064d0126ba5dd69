"""Candidates made ready for the kernel, and the sweep of one block of rows.

Which path a component takes. With U U' the precision matrix P, a squared distance is |U' z - U' mu|^2, and moments are
sums of z z'. Where the component lies far out or is narrow, terms are far larger than their difference; in the moments
rounding is magnified by about

    kappa_k = sum_ab |P_ab| s_a s_b,   s_a = sqrt(mu_a^2 + Sigma_aa)

which is d for an uncorrelated component at the origin, and grows with (|mu| / sd)^2 and with collinearity. Above
`CENTRED_ABOVE` a component is evaluated on its deviations from mu, and its moments are taken about mu.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmm_dask.mixture.covariance import FAMILIES
from gmm_dask.mixture.features import Features, Float
from gmm_dask.mixture.kernel import DIAGONAL, FULL, SHARED, Components, Rows, log_joint_rows, sweep_rows
from gmm_dask.mixture.parameters import MixtureParameters
from gmm_dask.mixture.statistics import SufficientStatistics
from gmm_dask.mixture.terms import Sweepable, Terms
from gmm_dask.mixture.tiles import FEATURES, STRIP
from gmm_dask.mixture.vectors import LANES

CENTRED_ABOVE = 1e6
"""kappa beyond which moments about the origin are avoided: it keeps their relative error below about 1e-9."""

BLOCK_ROWS, SMALL_BLOCK_ROWS = 512, 256
"""Rows that the kernel takes at a time: the more, where they stay in the first cache, the fewer sums are ended."""

_FEW_LINES = 24  # of so many columns and responsibilities a block of 512 rows is about half of a first cache

_NO_WEIGHTS = np.empty(0)
_NONE_NARROW = np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class Block:
    """Prepared rows, complete, column by column.

    z: (d, n) float64; or, where some columns are kept as float32, the others alone. weights: (n,) or None for all ones.
    narrow: the float32 columns. is_narrow: (d,) which these are; None for none.
    """

    z: Float
    weights: Float | None = None
    narrow: NDArray[np.float32] | None = None
    is_narrow: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, columns: Sequence[np.ndarray], weights: Float | None = None) -> Block:
        """A block of columns (n,) that are float64 or float32 and are kept so. At least one."""
        is_narrow = np.array([column.dtype == np.float32 for column in columns])
        wide = [column for column, narrow in zip(columns, is_narrow, strict=True) if not narrow]
        if len(wide) == len(columns):
            return cls(np.stack(wide), weights)
        narrow = np.stack([column for column in columns if column.dtype == np.float32])
        return cls(np.stack(wide) if wide else np.empty((0, narrow.shape[1])), weights, narrow, is_narrow)

    @property
    def n_rows(self) -> int:
        return int(self.z.shape[1])

    @property
    def n_bytes(self) -> int:
        return sum(array.nbytes for array in (self.z, self.weights, self.narrow) if array is not None)

    @property
    def weight(self) -> float:
        return float(self.z.shape[1] if self.weights is None else self.weights.sum())

    def dense(self) -> Float:
        """All columns (d, n) in float64."""
        if self.narrow is None or self.is_narrow is None:
            return self.z
        columns = np.empty((self.is_narrow.size, self.n_rows))
        columns[self.is_narrow], columns[~self.is_narrow] = self.narrow, self.z
        return columns

    def rows(self) -> Rows:
        """As the kernel takes them."""
        if self.narrow is None or self.is_narrow is None:
            narrow, place = _NONE_NARROW, np.arange(self.z.shape[0])
        else:
            narrow = self.narrow
            place = np.where(self.is_narrow, -1 * np.cumsum(self.is_narrow), np.cumsum(~self.is_narrow) - 1)
        weights = _NO_WEIGHTS if self.weights is None else self.weights
        return Rows(_given(self.z), _given(narrow), _given(place), _given(weights))


@dataclass(frozen=True)
class _Group:
    """Candidates that share a way of being evaluated: their numbers, and what the kernel needs of them."""

    features: Features
    members: tuple[int, ...]
    components: Components


@dataclass(frozen=True)
class CompiledCandidates:
    """What a sweep sends to every shard: see `compile_candidates`."""

    groups: tuple[_Group, ...]
    n_candidates: int


def compile_candidates(candidates: Sequence[Sweepable]) -> CompiledCandidates:
    """Make candidates over the same columns ready for `sweep_block`. Raises `SingularCovarianceError`."""
    terms = [candidate.terms() for candidate in candidates]
    by_kind: dict[int, list[int]] = {}
    for index, each in enumerate(terms):
        by_kind.setdefault(_kind(each), []).append(index)
    groups = tuple(_group(kind, members, terms) for kind, members in by_kind.items())
    return CompiledCandidates(groups, len(candidates))


def sweep_block(compiled: CompiledCandidates, block: Block) -> list[SufficientStatistics]:
    """One pass over a block: the statistics of every candidate, in the order they were compiled in."""
    results: list[SufficientStatistics | None] = [None] * compiled.n_candidates
    rows = block.rows()
    for group in compiled.groups:
        components = group.components
        (k, d), q = components.offsets.shape, components.left.size
        moments, centred_moments = np.zeros((k, q)), np.zeros((components.centres.shape[0], q))
        sums = np.zeros((len(group.members), 2, LANES))
        sweep_rows(rows, components, _block_rows(d, k), moments, centred_moments, sums)
        centres, centred = np.zeros((k, d)), components.centre >= 0
        centres[centred], moments[centred] = components.centres, centred_moments
        for member, first, last, totals in zip(
            group.members, components.first[:-1], components.first[1:], sums.sum(axis=2), strict=True
        ):
            results[member] = SufficientStatistics(
                group.features,
                moments[first:last, : group.features.n_features(d)],
                centres[first:last],
                float(totals[0]),
                float(totals[1]),
                block.weight,
                block.n_rows,
            )
    return [statistics for statistics in results if statistics is not None]


def sweep_bytes(d: int, k: int) -> int:
    """Bytes that `sweep_block` takes for k components over d columns, whatever the block: scratch and moments."""
    scratch = (2 * (d + 1) + k + FEATURES + 1) * (BLOCK_ROWS + LANES) + (2 * d + 1) * STRIP
    return 8 * (scratch + 2 * k * (Features.QUADRATIC.n_features(d) + FEATURES) + 3 * k * d)


def log_joint(parameters: Sweepable, z: Float) -> Float:
    """log(w_k N(z_i | mu_k, Sigma_k)), (k, n), for rows z (d, n)."""
    (group,) = compile_candidates([parameters]).groups
    out = np.empty((group.components.constants.size, z.shape[1]))
    log_joint_rows(Block(z).rows(), group.components, _block_rows(*group.components.offsets.shape[::-1]), out)
    return out


def compile_kernels() -> None:
    """Compile the kernel, or load it from its cache on disk, so that no later call waits for that.

    The cache lies next to the package, where it can be written, else in the user's cache folder (or NUMBA_CACHE_DIR).
    numba looks at the age of kernel.py alone; what is older than another module of this room is taken away here.
    """
    newest = max(module.stat().st_mtime for module in Path(__file__).parent.glob("*.py"))
    for index in Path(sweep_rows.stats.cache_path).glob("kernel.*.nbi"):
        if index.stat().st_mtime < newest:
            index.unlink(missing_ok=True)
    for family in FAMILIES.values():
        covariances = np.ones(family.shape(1, 1))
        parameters = MixtureParameters(family, np.ones(1), np.zeros((1, 1)), covariances)
        sweep_block(compile_candidates([parameters]), Block(np.zeros((1, 1))))
        log_joint(parameters, np.zeros((1, 1)))


def _block_rows(d: int, k: int) -> int:
    return BLOCK_ROWS if k + 2 * d <= _FEW_LINES else SMALL_BLOCK_ROWS


def _given(array: np.ndarray) -> np.ndarray:
    """The array as the kernel takes it: contiguous, and read-only whatever it was.

    numba compiles anew, for seconds, for every combination of writable and read-only arguments; what came from another
    process is read-only.
    """
    given = np.ascontiguousarray(array).view()
    given.flags.writeable = False
    return given


def _kind(terms: Terms) -> int:
    if terms.features is Features.SQUARES:
        return DIAGONAL
    return SHARED if terms.is_shared else FULL


def _group(kind: int, members: list[int], terms: Sequence[Terms]) -> _Group:
    chosen = [terms[index] for index in members]
    means, roots, constants, variances = (
        np.concatenate([getattr(each, name) for each in chosen])
        for name in ("means", "roots", "constants", "variances")
    )
    centred = magnification(means, variances, roots) > CENTRED_ABOVE
    features = chosen[0].features
    left, right = features.factors(means.shape[1], multiple_of=FEATURES)
    components = Components(
        kind,
        np.cumsum([0, *(each.constants.size for each in chosen)]),
        {
            FULL: roots,
            SHARED: np.stack([each.roots[0] for each in chosen]) if kind == SHARED else roots,
            DIAGONAL: roots[:, None],
        }[kind],
        (means[:, None, :] @ roots)[:, 0, :] if roots.ndim == 3 else roots * means,
        constants,
        np.where(centred, np.cumsum(centred) - 1, -1),
        means[centred],
        left,
        right,
    )
    return _Group(features, tuple(members), Components(kind, *map(_given, components[1:])))


def magnification(means: Float, variances: Float, roots: Float) -> Float:
    """kappa (k,), by how much moments about the origin magnify rounding (module docstring).

    means and variances (k, d); roots as in `Terms`.
    """
    size = np.sqrt(means**2 + variances)
    if roots.ndim == 2:
        result: Float = ((roots * size) ** 2).sum(axis=1)
    else:
        precisions = roots @ roots.transpose(0, 2, 1)
        result = ((np.abs(precisions) @ size[:, :, None])[:, :, 0] * size).sum(axis=1)
    return result
