"""A pass over parts of a table: the statistics are those of the rows of these folds alone, wherever blocks are held."""

import numpy as np
import pytest

from gmm_dask.engine import InProcess, Place, held_table
from gmm_dask.engine.folds import FoldSweep, Portion
from gmm_dask.mixture import FAMILIES, Block, compile_candidates, sweep_block
from gmm_dask.table.curves import Identity
from gmm_dask.table.folds import Folds
from gmm_dask.table.prepare import Preparation, Sampling
from gmm_dask.table.shards import plan_shards
from gmm_dask.table.source import open_source
from gmm_dask.table.transforms import Transform
from tests.mixtures import random_mixture

FOLDS = Folds(1, 4)
CANDIDATES = [random_mixture(np.random.default_rng(k), FAMILIES[name], k, 2) for k, name in ((3, "full"), (2, "diag"))]
PREPARATION = Preparation(tuple((name, Transform("none", Identity(), 0.0, 1.0, -9.0, 9.0)) for name in ("x0", "x1")))


def rows_of(n):
    rows = np.random.default_rng(0).normal(size=(n, 2)) * 3
    rows[::11, 0] = np.nan
    return rows


def swept(rows, portions, engine=None):
    """Statistics by way of a held table."""
    engine, source = engine or InProcess(2), open_source(rows)
    shapes = [(5, FAMILIES["full"].features)] * len(portions)
    with held_table(engine, PREPARATION, plan_shards(source), Sampling(0, 100), shapes, folds=FOLDS) as table:
        return FoldSweep(engine, table.shards, FOLDS.n)(portions)


@pytest.mark.parametrize("n", [3, 150_000])
def test_statistics_are_those_of_the_rows_of_the_folds(n):
    """With 3 rows there are empty folds, with 150,000 several shards and batches."""
    rows = rows_of(n)
    portions = [Portion(frozenset([0, 2]), CANDIDATES), Portion(frozenset([3]), CANDIDATES[1:])]
    numbers = np.flatnonzero(~np.isnan(rows).any(axis=1))
    of = FOLDS.of(numbers)
    for (folds, candidates), found in zip(portions, swept(rows, portions), strict=True):
        block = Block(np.ascontiguousarray(rows[numbers[np.isin(of, sorted(folds))]].T))
        for statistics, expected in zip(found, sweep_block(compile_candidates(candidates), block), strict=True):
            assert statistics.n_rows == expected.n_rows == block.n_rows
            assert statistics.weight == block.n_rows
            assert statistics.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-11, abs=1e-12)
            np.testing.assert_allclose(statistics.moments, expected.moments, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("n", [3, 150_000])
def test_the_same_bits_from_memory_from_disk_and_from_the_source(n, monkeypatch):
    portions = [Portion(frozenset(range(4)), CANDIDATES), Portion(frozenset([1, 2, 3]), CANDIDATES)]
    found = []
    for where in ("memory", "disk", "source"):
        monkeypatch.setattr("gmm_dask.engine.holding.choose_place", lambda *_, where=where: Place(where))
        for threads in (1, 2):
            statistics = swept(rows_of(n), portions, InProcess(threads))
            found.append(b"".join(each.moments.tobytes() for portion in statistics for each in portion))
            found[-1] += repr([each.log_likelihood for portion in statistics for each in portion]).encode()
    assert len(set(found)) == 1
