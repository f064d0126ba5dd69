"""Merging by entropy against a dense computation on the matrix of responsibilities, and its laws."""

from itertools import pairwise

import numpy as np
import pytest

from gmm_dask.mixture.entropy import ambiguity, elbow, merged_by_entropy


@pytest.fixture
def responsibilities():
    """(K, n): 5 components, of which 0 and 3 are hard to tell apart, then 1 and 4."""
    rng = np.random.default_rng(0)
    r = rng.dirichlet(np.full(5, 0.05), size=9001)
    share = rng.random((len(r), 2))
    both, some = r[:, 0] + r[:, 3], r[:, 1] + r[:, 4]
    r[:, 0], r[:, 3] = both * share[:, 0], both * (1 - share[:, 0])
    r[:, 1], r[:, 4] = some * share[:, 1] ** 4, some * (1 - share[:, 1] ** 4)
    return r.T


def entropy(t, weights):
    """-sum_i w_i sum_c t_ic log t_ic of probabilities (n, k), from the definition."""
    return -sum(w * sum(x * np.log(x) for x in row if x > 0) for w, row in zip(weights, t, strict=True))


def by_brute_force(r, weights):
    """Every level by trying all pairs: sets of components, entropy, weight of the rows of each set."""
    groups = [{k} for k in range(len(r))]
    levels = []
    while True:
        t = np.stack([r[sorted(group)].sum(axis=0) for group in groups], axis=1)
        sizes = np.bincount(t.argmax(axis=1), weights, minlength=len(groups))
        levels.append((list(groups), entropy(t, weights), sizes))
        if len(groups) == 1:
            return levels[::-1]
        entropies = {}
        for a in range(len(groups)):
            for b in range(a + 1, len(groups)):
                merged = np.delete(t, [a, b], axis=1)
                entropies[a, b] = entropy(np.column_stack([merged, t[:, a] + t[:, b]]), weights)
        a, b = min(entropies, key=entropies.get)
        groups = [groups[a] | groups[b] if c == a else group for c, group in enumerate(groups) if c != b]


def over(responsibilities, weights=None, calls=None):
    def observe(labels, of):
        if calls is not None:
            calls.append((int(labels.max()) + 1, list(of)))
        return ambiguity(responsibilities, weights, labels, of)

    return observe


@pytest.mark.parametrize("weighted", [False, True])
def test_every_level_is_that_of_trying_all_pairs(responsibilities, weighted):
    r = responsibilities[:, :700]
    weights = np.random.default_rng(1).integers(1, 4, 700).astype(float) if weighted else np.ones(700)
    found = merged_by_entropy(5, over(r, weights if weighted else None))
    expected = by_brute_force(r, weights)
    assert len(found.levels) == 5
    for level, (groups, value, sizes) in zip(found.levels, expected, strict=True):
        assert [set(np.flatnonzero(level.labels == c)) for c in range(level.n_clusters)] == groups
        assert level.entropy == pytest.approx(value, abs=1e-8)
        np.testing.assert_array_equal(level.sizes, sizes)
    assert found.levels[3].joined == (0, 3)
    assert found.levels[2].joined == (1, 3)  # component 4 has moved up


def test_a_pass_for_each_number_of_clusters_but_one_and_few_pairs_in_all_but_the_first(responsibilities):
    calls = []
    merged_by_entropy(5, over(responsibilities, calls=calls))
    assert calls == [(5, [0, 1, 2, 3, 4]), (4, [0]), (3, [1]), (2, [0])]
    single = []
    alone = merged_by_entropy(1, over(np.ones((1, 30)), calls=single))
    assert len(single) == 1
    assert (alone.suggested, alone.levels[0].sizes.tolist(), alone.entropies.tolist()) == (1, [30.0], [0.0])


def test_ambiguity_adds_up_over_rows(responsibilities):
    labels, of = np.array([0, 1, 2, 0, 1]), [0, 2]
    whole = ambiguity(responsibilities, None, labels, of)
    cuts = [0, 1, 1, 5000, 9001]
    parts = [ambiguity(responsibilities[:, i:j], None, labels, of) for i, j in pairwise(cuts)]
    merged = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3])
    assert merged.entropy == pytest.approx(whole.entropy, rel=1e-12)
    np.testing.assert_allclose(merged.falls, whole.falls, rtol=1e-10, atol=1e-9)
    np.testing.assert_array_equal(merged.sizes, whole.sizes)


def test_merging_never_raises_the_entropy(responsibilities):
    found = merged_by_entropy(5, over(responsibilities))
    assert np.all(np.diff(found.entropies) >= 0)
    for lower, upper in pairwise(found.levels):
        a, b = lower.joined
        expected = np.where(upper.labels == b, a, upper.labels)
        np.testing.assert_array_equal(np.unique(expected, return_inverse=True)[1], lower.labels)


def test_the_elbow_is_where_two_lines_meet():
    assert elbow(np.array([0.0, 1.0, 2.0, 3.0, 13.0, 23.0])) == 4
    assert elbow(np.array([0.0, 0.1, 40.0])) == 2
    assert elbow(np.array([0.0, 5.0])) == 2
    assert elbow(np.array([0.0])) == 1


def test_components_that_no_row_is_in_doubt_about_are_left_alone():
    sure = np.repeat(np.eye(4), 25, axis=1) * (1 - 3e-6) + 1e-6
    assert merged_by_entropy(4, over(sure)).suggested == 4
