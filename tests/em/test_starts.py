"""Starts: clusters that distances do not tell apart, the same for a seed, rows of weight 2 as rows twice."""

import numpy as np
import pytest
from scipy.stats import special_ortho_group
from sklearn.metrics import adjusted_rand_score

from gmm_dask import fit, select
from gmm_dask.em import Candidate, MaximumLikelihood, QuasiNewton, Sample, Starts, parameters_from_labels
from gmm_dask.em.agglomeration import agglomerated
from gmm_dask.em.clustering import sphered, standardised
from gmm_dask.em.halving import best_starts
from gmm_dask.em.moves import Parts, moves
from gmm_dask.engine import BlockSweep
from gmm_dask.mixture import FAMILIES, Block


def cigars(d, n=4000, seed=0):
    """Two long clusters side by side: sd 50 along, 1 across, 6 apart across, turned at random; their labels, and those
    that whoever knew the clusters would give."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    rows = rng.normal(size=(n, d))
    rows[:, 0] *= 50
    rows[:, 1] += 6 * labels
    return rows @ special_ortho_group.rvs(d, random_state=seed).T, labels, rows[:, 1] > 3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("d", [2, 5, 10])
def test_long_clusters_side_by_side(d, seed):
    """One row in 740 cannot be told by anybody."""
    rows, labels, known = cigars(d, seed=seed)
    least = min(0.99, adjusted_rand_score(labels, known) - 0.003)
    assert adjusted_rand_score(labels, fit(rows, 2).score(rows)["segment"]) >= least
    best = select(rows, range(1, 4)).best
    assert adjusted_rand_score(labels, best.score(rows)["segment"]) >= least


def test_spheres_do_not_know_linear_maps():
    rng = np.random.default_rng(0)
    z, mapping = rng.normal(size=(3, 500)), rng.normal(size=(3, 3))
    weights = rng.uniform(0.5, 2, 500)
    one, other = sphered(z, weights), sphered(mapping @ z + 5, weights)
    np.testing.assert_allclose(one.T @ one, other.T @ other, atol=1e-9)
    np.testing.assert_allclose(np.cov(one, aweights=weights, ddof=0), np.eye(3), atol=1e-9)
    collinear = sphered(np.vstack([z, z[0] + z[1]]), weights)
    assert collinear.shape[0] == 3
    assert standardised(np.vstack([z, np.ones(500)]), weights).shape == (4, 500)


def test_one_hierarchy_is_cut_anywhere():
    rows, labels, _ = cigars(2)
    z = sphered(rows.T, np.ones(len(rows)))
    hierarchy = agglomerated(z, np.ones(len(rows)), range(1, 8), np.random.default_rng(0))
    for k in range(1, 8):
        assert len(np.unique(hierarchy.cut(k))) == k
    assert adjusted_rand_score(labels, hierarchy.cut(2)) > 0.95
    finer, coarser = hierarchy.cut(5), hierarchy.cut(4)
    assert all(len(np.unique(coarser[finer == cluster])) == 1 for cluster in range(5))  # cuts are nested


@pytest.mark.parametrize("attempt", range(7))
def test_a_row_of_weight_two_is_the_row_twice(attempt):
    rng = np.random.default_rng(attempt)
    z, weights = rng.normal(size=(2, 200)), rng.integers(1, 4, 200)
    weighted = Starts.of(Block(z, weights.astype(float)), [3], seed=1).labels(3, attempt)
    repeated = Starts.of(Block(np.repeat(z, weights, axis=1)), [3], seed=1).labels(3, attempt)
    np.testing.assert_array_equal(np.repeat(weighted, weights), repeated)


def best(block, candidates, seed=0):
    regularisation = np.full(block.z.shape[0], 1e-6)
    return best_starts(
        Sample(block, BlockSweep.over, is_whole=True),
        candidates,
        MaximumLikelihood(regularisation),
        regularisation,
        n_init=6,
        seed=seed,
        acceleration=QuasiNewton(),
        observe=lambda progress: None,
    )


def test_a_seed_gives_the_same_bits_whatever_else_is_fitted():
    rng = np.random.default_rng(2)
    block = Block(np.concatenate([rng.normal(m, 1, size=(2, 2500)) for m in (0, 3, 7)], axis=1))
    alone, again = best(block, [Candidate(3, FAMILIES["full"])]), best(block, [Candidate(3, FAMILIES["full"])])
    np.testing.assert_array_equal(alone[0][0].means, again[0][0].means)
    other = best(block, [Candidate(3, FAMILIES["full"])], seed=1)
    assert not np.array_equal(other[0][0].means, alone[0][0].means)


def test_moves_leave_an_optimum_where_two_share_a_cluster_and_one_covers_two():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], 600)
    rows = np.array([[0.0, 0.0], [10.0, 0.0], [14.0, 0.0]])[labels] + rng.normal(size=(1800, 2))
    block = Block(np.ascontiguousarray(rows.T))
    poor_labels = np.where(labels == 0, rng.integers(0, 2, 1800), 2)
    poor = parameters_from_labels(block, poor_labels, 3, FAMILIES["full"], np.full(2, 1e-6))
    first = moves(poor, block, np.full(2, 1e-6), most=3, seed=0)[0]
    np.testing.assert_allclose(np.sort(first.means[:, 0]), [0, 10, 14], atol=0.5)
    assert first.weights.sum() == pytest.approx(1)
    assert moves(poor.ordered(np.arange(3)), block, np.full(2, 1e-6), most=1, seed=0)[0].means == pytest.approx(
        first.means
    )


def test_merged_parts_keep_mean_and_covariance():
    rng = np.random.default_rng(5)
    roots = rng.normal(size=(2, 3, 3))
    parts = Parts(np.array([0.2, 0.3]), rng.normal(size=(2, 3)), roots @ roots.transpose(0, 2, 1))
    one = parts.merged()
    drawn = np.concatenate(
        [
            rng.multivariate_normal(m, c, size=n)
            for m, c, n in zip(parts.means, parts.covariances, (40_000, 60_000), strict=True)
        ]
    )
    np.testing.assert_allclose(one.means[0], drawn.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(one.covariances[0], np.cov(drawn.T), atol=0.15)
    assert one.weights[0] == pytest.approx(0.5)


def test_rows_that_are_all_alike_have_no_halves():
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1, 2], 200)
    rows = np.where(labels[:, None] == 0, 0.0, rng.normal(size=(600, 2)) + 6 * labels[:, None])
    block, regularisation = Block(np.ascontiguousarray(rows.T)), np.full(2, 1e-6)
    spiked = parameters_from_labels(block, labels, 3, FAMILIES["full"], regularisation)
    for faulty in (None, 1):
        found = moves(spiked, block, regularisation, most=6, seed=0, faulty=faulty)
        assert found
        assert {each.n_components for each in found} == {3}
