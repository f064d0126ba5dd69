"""The made-up tables that benchmarks run on, and mixtures to sweep them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask.mixture import FAMILIES, Float, MixtureParameters

ROW_GROUPS = 16
"""Row groups of a written table, so that every reader can share the rows out among its cores."""


def mixture_rows(n: int, d: int, k: int, separation: float, *, seed: int = 0) -> Float:
    """Rows (n, d) of k Gaussian components with correlated columns of about unit variance and unequal weights.

    `separation` is the standard deviation of the components' means: about 1 overlaps much, 3 little.
    """
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(k, 5.0))
    means = separation * rng.normal(size=(k, d))
    roots = np.eye(d) + rng.normal(scale=0.5 / np.sqrt(d), size=(k, d, d))
    rows = np.empty((n, d))
    components = rng.choice(k, n, p=weights)
    for component in range(k):
        chosen = components == component
        rows[chosen] = means[component] + rng.normal(size=(int(chosen.sum()), d)) @ roots[component].T
    return rows


def write_parquet(rows: Float, path: Path) -> Path:
    """One Parquet file with columns x0, x1, ...; values as they are, since no two are alike."""
    table = pa.table({f"x{column}": values for column, values in enumerate(rows.T)})
    pq.write_table(
        table, path, row_group_size=max(1, -(-len(rows) // ROW_GROUPS)), compression="none", use_dictionary=False
    )
    return path


def random_candidate(rows: Float, k: int, covariance_type: str = "full", *, seed: int = 0) -> MixtureParameters:
    """Random rows as means, the variances of the columns, equal weights: what a pass costs does not depend on them."""
    means = rows[np.random.default_rng(seed).choice(len(rows), k, replace=False)]
    variances = rows.var(axis=0)
    covariances = {
        "full": np.tile(np.diag(variances), (k, 1, 1)),
        "tied": np.diag(variances),
        "diag": np.tile(variances, (k, 1)),
        "spherical": np.full(k, variances.mean()),
    }[covariance_type]
    return MixtureParameters(FAMILIES[covariance_type], np.full(k, 1 / k), means, covariances)
