"""Refits keep the segments of rows: at least 99 in 100 rows of well separated tables, on resampled rows."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask import fit


def make_table(seed, n, k, d, *, gap=6.0):
    """k groups of unequal weight, size and shape, no two centres nearer than `gap` of the larger's greatest sd; the
    last column is skewed, so that its transform bends."""
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, d, d)) / np.sqrt(d) * rng.uniform(0.5, 2, k)[:, None, None]
    widths = np.linalg.norm(roots, ord=2, axis=(1, 2))
    centres = np.empty((k, d))
    for group in range(k):
        reach = 1.0
        while True:
            centres[group] = reach * rng.normal(size=d)
            apart = np.linalg.norm(centres[:group] - centres[group], axis=1)
            if np.all(apart > gap * np.maximum(widths[:group], widths[group])):
                break
            reach *= 1.1
    group = rng.choice(k, n, p=rng.dirichlet(np.full(k, 8.0)))
    rows = centres[group] + np.einsum("nab,nb->na", roots[group], rng.normal(size=(n, d)))
    rows[:, -1] = np.exp(rows[:, -1] / np.abs(rows[:, -1]).max() * 2)
    return pd.DataFrame(rows, columns=[f"c{column}" for column in range(d)])


@pytest.mark.parametrize(
    ("seed", "k", "d", "family"), [(0, 3, 2, "full"), (1, 6, 3, "full"), (2, 5, 8, "diag"), (3, 7, 4, "VEV")]
)
def test_bootstrap_refits_keep_labels(seed, k, d, family):
    """New starts, new transforms, resampled rows; and the same from the model on."""
    table = make_table(seed, 4000, k, d)
    model = fit(table, k, family, seed=seed)
    segments = model.score(table)["segment"]
    for resample in range(3):
        rows = table.sample(len(table), replace=True, random_state=resample)
        refits = fit(rows, k, family, seed=100 + resample, previous=model), fit(rows, start=model)
        for refit in refits:
            assert refit.labels == model.labels
            assert (refit.score(table)["segment"] == segments).mean() >= 0.99


def test_updates_keep_labels():
    table = make_table(4, 8000, 5, 3)
    model = fit(table.head(4000), 5)
    segments = model.score(table)["segment"]
    for day in range(4):
        model = model.update(table[4000 + 1000 * day : 5000 + 1000 * day], forgetting=0.2)
    assert model.labels == (0, 1, 2, 3, 4)
    assert (model.score(table)["segment"] == segments).mean() >= 0.99
