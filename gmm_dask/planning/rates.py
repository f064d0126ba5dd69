"""Measured constants of the cost model: what this processor and this table take, in seconds.

Measuring takes about a second: the kernel on rows made up for it, reading and preparing on the table's first rows. What
cannot be measured before a cluster runs has values measured elsewhere (benchmarks/overhead.py), which may be given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import count

import numpy as np
from scipy.optimize import nnls

from gmm_dask.mixture import (
    FAMILIES,
    Block,
    CovarianceFamily,
    Features,
    MixtureParameters,
    compile_candidates,
    sweep_block,
)
from gmm_dask.table.prepare import Preparation, Prepared
from gmm_dask.table.profile import TableProfile, merge, profile_batch
from gmm_dask.table.source import BATCH_ROWS, Source

_ROWS = 16_384
_SHAPES = ((2, 1), (2, 24), (8, 8), (20, 12))  # (d, k): dominated by rows, by soft-max, by neither, by products
_BATCHES = 4


@dataclass(frozen=True)
class Rates:
    """Seconds of one core per floating-point operation of the products, per component and row for the soft-max, per
    cell of a row and per row; of a pass and of a task on a cluster, and of the first pass beside, for what workers
    load; bytes per second from a local disk and over the network."""

    operation: float
    component: float
    cell: float
    row: float
    per_pass: float = 0.0085
    per_task: float = 0.001
    first_pass: float = 0.15
    disk: float = 1e9
    network: float = 1e9

    def row_seconds(self, d: int, candidates: list[tuple[int, CovarianceFamily]]) -> float:
        """Seconds of one core to sweep a row for all of these candidates (number of components, family)."""
        components = sum(k for k, _ in candidates)
        operations = sum(row_operations(d, k, family) for k, family in candidates)
        kinds = len({(family.features, family.is_shared) for _, family in candidates})
        return self.operation * operations + self.component * components + kinds * (self.cell * d + self.row)


@dataclass(frozen=True)
class TableRates:
    """Seconds of one core per row of a table: to read and profile it, to read and prepare it."""

    profile: float
    prepare: float


def row_operations(d: int, k: int, family: CovarianceFamily) -> int:
    """Floating-point operations on a row for one candidate: distances, and the statistics R' phi."""
    triangle = d * (d + 1)
    if family.features is Features.SQUARES:
        distances = 4 * k * d
    elif family.is_shared:
        distances = triangle + 4 * k * d
    else:
        distances = k * (triangle + 2 * d)
    return distances + 2 * k * family.features.n_features(d)


def kernel_rates() -> Rates:
    """The constants of the kernel on this core, by least squares of the relative error over a few shapes."""
    full = FAMILIES["full"]
    terms = np.array([[row_operations(d, k, full), k, d, 1.0] for d, k in _SHAPES])
    seconds = np.array([_sweep_seconds(d, k) for d, k in _SHAPES])
    found, _ = nnls(terms / seconds[:, None], np.ones(len(seconds)))
    return Rates(*(float(each) for each in found))


def _sweep_seconds(d: int, k: int) -> float:
    """Seconds per row."""
    rng = np.random.default_rng(0)
    parameters = MixtureParameters(
        FAMILIES["full"], np.full(k, 1 / k), rng.normal(size=(k, d)), np.stack([np.eye(d)] * k)
    )
    compiled, block = compile_candidates([parameters]), Block(rng.normal(size=(d, _ROWS)))
    return _best(lambda: sweep_block(compiled, block), 7) / _ROWS


def table_rates(source: Source, preparation: Preparation) -> TableRates:
    """Measured on the table's first rows; not the first time, which pays for what is loaded once."""
    stop = min(source.n_rows, _BATCHES * BATCH_ROWS)
    rows = max(1, stop)

    def profile() -> TableProfile:
        numbered = zip(count(step=BATCH_ROWS), source.batches(0, stop), strict=False)
        profiles = (
            profile_batch(batch, first_row=first, seed=0, sample_rows=20_000, n_rows=source.n_rows)
            for first, batch in numbered
        )
        return reduce(merge, profiles)

    def prepare() -> list[Prepared]:
        """All held at once, as rows in memory are: fresh pages cost more than what is written to them."""
        return [preparation.prepare(batch, 0, source.name) for batch in source.batches(0, stop, preparation.columns)]

    return TableRates(_best(profile, 2) / rows, _best(prepare, 2) / rows)


def _best(work: Callable[[], object], runs: int) -> float:
    """Seconds of the quickest of some runs: what else goes on in the machine only adds to it."""
    work()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
