"""The M-steps of all families against numerical maximisation; they ascend, and leave their own results alone."""

import numpy as np
import pytest
from scipy.optimize import minimize

from gmm_dask.mixture import FAMILIES
from tests.mixtures import as_scatters, expected_log_likelihood, random_matrices


def matrices_of(numbers, letters, k, d):
    """(k, d, d) of any numbers: logarithms of volumes and shapes, skew matrices for orientations."""
    volumes, shapes, turns = copies(letters, k)
    logs, forms, angles = np.split(numbers, np.cumsum([volumes, shapes * (d - 1)]))
    forms = forms.reshape(-1, d - 1) if shapes else np.zeros((1, d - 1))
    forms = np.column_stack([forms, -forms.sum(axis=1)])
    skew = np.zeros((max(1, turns), d, d))
    skew[:turns, *np.triu_indices(d, 1)] = angles.reshape(turns, d * (d - 1) // 2)
    skew -= skew.transpose(0, 2, 1)
    axes = np.broadcast_to(np.linalg.solve(np.eye(d) - skew, np.eye(d) + skew), (k, d, d))
    return (axes * np.exp(logs[:, None] + forms)[:, None, :]) @ axes.transpose(0, 2, 1)


def copies(letters, k):
    """How many volumes, shapes and orientations there are."""
    return [{"I": 0, "E": 1, "V": k}[letter] for letter in letters]


def numbers_needed(letters, k, d):
    return int(np.dot(copies(letters, k), [1, d - 1, d * (d - 1) // 2]))


def problem(seed, k, d):
    """Counts, and scatters that lie along no common axes."""
    rng = np.random.default_rng(seed)
    matrices = random_matrices(rng, k, d) * rng.uniform(0.3, 3, size=(k, 1, 1))
    return rng.uniform(20, 80, k), matrices * np.outer(scale := rng.uniform(0.3, 3, d), scale)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("seed", "k", "d"), [(0, 2, 2), (1, 3, 2), (2, 2, 3)])
def test_no_numbers_do_better(family, seed, k, d):
    chosen = FAMILIES[family]
    letters = chosen.structure.letters
    counts, matrices = problem(seed, k, d)
    estimate = chosen.estimate(counts, as_scatters(chosen, matrices))
    ours = expected_log_likelihood(counts, matrices, chosen.dense(estimate, k, d))
    rng = np.random.default_rng(seed)
    theirs = max(
        -minimize(
            lambda numbers: -expected_log_likelihood(counts, matrices, matrices_of(numbers, letters, k, d)),
            rng.normal(size=numbers_needed(letters, k, d)),
        ).fun
        for _ in range(3)
    )
    assert ours >= theirs - 1e-9 * abs(ours)
    assert ours == pytest.approx(theirs, rel=1e-4)  # the numbers span the family


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(5))
def test_covariances_of_the_family_come_back_as_they_are(family, seed):
    """Also where some components are far smaller than others, round, or alike."""
    rng = np.random.default_rng(seed)
    k, d = int(rng.integers(2, 7)), int(rng.integers(1, 7))
    counts, matrices = problem(seed, k, d)
    matrices *= np.geomspace(1, 1e-4, k)[:, None, None]
    matrices[-1] = matrices[0] if seed % 2 else np.eye(d)
    chosen = FAMILIES[family]
    first = chosen.estimate(counts, as_scatters(chosen, matrices))
    own = as_scatters(chosen, chosen.dense(first, k, d))
    for previous in (None, first, chosen.estimate(counts, as_scatters(chosen, random_matrices(rng, k, d)))):
        if previous is None or seed < 2 or previous is first:
            again = chosen.estimate(rng.uniform(1, 9, k), own, previous)
            np.testing.assert_allclose(again, first, rtol=1e-8, atol=1e-8 * np.abs(first).max())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(5))
def test_no_step_falls_below_where_it_came_from(family, seed):
    """Scatters and counts that move about, as from one E-step to the next, a little or a lot."""
    rng = np.random.default_rng(seed)
    k, d = 4, 4
    chosen = FAMILIES[family]
    counts, matrices = problem(seed, k, d)
    covariances = chosen.estimate(counts, as_scatters(chosen, matrices))
    for change in (1e-6, 1e-3, 0.1, 1.0, 10.0):
        matrices = matrices + change * random_matrices(rng, k, d)
        counts = counts * rng.uniform(1, 1 + change, k)
        following = chosen.estimate(counts, as_scatters(chosen, matrices), covariances)
        before, after = (
            expected_log_likelihood(counts, matrices, chosen.dense(each, k, d)) for each in (covariances, following)
        )
        assert after >= before - 1e-13 * abs(before)
        covariances = following


def test_the_units_of_columns_do_not_matter_where_the_family_knows_none():
    counts, matrices = problem(3, 3, 4)
    units = np.array([1e-4, 1.0, 1e3, 1e5])
    for name in ("VEI", "EVI", "VEE", "EVV"):
        family = FAMILIES[name]
        plain = family.dense(family.estimate(counts, as_scatters(family, matrices)), 3, 4)
        scaled = family.dense(family.estimate(counts, as_scatters(family, matrices * np.outer(units, units))), 3, 4)
        np.testing.assert_allclose(scaled / np.outer(units, units), plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["EVE", "VVE"])
def test_common_axes_are_found_however_alike_the_sums(name):
    """Two components whose sum is round: neither the pooled scatter nor the columns know their axes."""
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    matrices = np.stack([turn @ np.diag(values) @ turn.T for values in ([1.0, 2.0], [2.0, 1.0])])
    estimate = FAMILIES[name].estimate(np.ones(2), matrices)
    np.testing.assert_allclose(estimate, matrices, rtol=1e-10)


def test_components_that_hold_no_rows_do_not_disturb_the_others():
    counts, matrices = problem(4, 3, 3)
    for family in FAMILIES.values():
        with_none = family.estimate(np.array([*counts, 0.0]), as_scatters(family, np.stack([*matrices, np.eye(3)])))
        without = family.estimate(counts, as_scatters(family, matrices))
        dense = family.dense(with_none, 4, 3)
        assert np.isfinite(dense).all()
        np.testing.assert_allclose(dense[:3], family.dense(without, 3, 3), rtol=1e-6)
