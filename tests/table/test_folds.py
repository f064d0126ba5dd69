"""Folds are a function of row number and seed; splitting a block loses and changes nothing."""

import numpy as np
import pytest

from gmm_dask.mixture import Block
from gmm_dask.table.folds import Folds
from gmm_dask.table.prepare import Sampling


def test_a_row_has_its_fold_however_it_is_met():
    folds, rows = Folds(7, 5), np.arange(10_000)
    whole = folds.of(rows)
    np.testing.assert_array_equal(
        np.concatenate([folds.of(rows[:1]), folds.of(rows[1:4097]), folds.of(rows[4097:])]), whole
    )
    np.testing.assert_array_equal(folds.of(rows[::-3]), whole[::-3])
    assert set(whole) == set(range(5))


def test_folds_are_about_equal_and_those_of_other_seeds_are_others():
    rows = np.arange(100_000)
    for n in (2, 5, 7):
        counts = np.bincount(Folds(0, n).of(rows), minlength=n)
        assert abs(counts - 100_000 / n).max() < 5 * np.sqrt(100_000 / n)
    assert (Folds(0, 5).of(rows) == Folds(1, 5).of(rows)).mean() == pytest.approx(0.2, abs=0.01)


def test_the_sample_of_the_same_seed_falls_into_all_folds_alike():
    rows = np.arange(100_000)
    sampled = Sampling(3, 2000).of(rows, [rows.astype(float)]).rows
    counts = np.bincount(Folds(3, 5).of(sampled), minlength=5)
    assert abs(counts - 400).max() < 5 * np.sqrt(400)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_split_block_is_the_block(narrow, weighted):
    rng = np.random.default_rng(0)
    columns = [rng.normal(size=500).astype(np.float32 if narrow and a != 1 else np.float64) for a in range(3)]
    block = Block.of(columns, rng.random(500) if weighted else None)
    rows = 1_000_000 + np.flatnonzero(rng.random(900) < 0.6)[:500]
    folds = Folds(2, 4)
    parts = list(folds.split(block, rows))
    assert len(parts) == 4
    of = folds.of(rows)
    for fold, part in enumerate(parts):
        np.testing.assert_array_equal(part.dense(), block.dense()[:, of == fold])
        assert part.z.flags.c_contiguous
        assert (part.weights is None) == (not weighted)
        assert (part.narrow is None) == (not narrow)
        if weighted:
            np.testing.assert_array_equal(part.weights, block.weights[of == fold])


def test_a_fold_may_be_empty():
    parts = list(Folds(0, 6).split(Block(np.ones((2, 3))), np.arange(3)))
    assert sum(part.n_rows for part in parts) == 3
    assert min(part.n_rows for part in parts) == 0
