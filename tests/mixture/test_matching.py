"""Components are found again: distances against integrals, any order, what split and what merged, and the limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from gmm_dask.mixture import FAMILIES, MixtureParameters, family_named
from gmm_dask.mixture.matching import LIMIT, TOLD_APART, distances, match
from tests.mixtures import random_mixture

seeds = st.integers(0, 2**32 - 1)
families = st.sampled_from(list(FAMILIES.values()))


def mixture(means, variances, weights=None):
    """In one column."""
    k = len(means)
    weights = np.full(k, 1 / k) if weights is None else np.array(weights)
    return MixtureParameters(
        family_named("full"), weights, np.array(means, float)[:, None], np.array(variances, float)[:, None, None]
    )


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (2.5, 1.0), (0.0, 9.0), (-1.0, 0.25), (4.0, 30.0)])
def test_the_distance_is_minus_the_log_of_the_overlap(mean, variance):
    """-log of the integral of sqrt(p q), by its definition."""
    p, q = norm(0.5, 1.3), norm(mean, np.sqrt(variance))
    overlap, _ = quad(lambda x: np.sqrt(p.pdf(x) * q.pdf(x)), -60, 60, points=[0.5, mean], limit=200)
    (found,) = distances(mixture([0.5], [1.69]), mixture([mean], [variance])).ravel()
    assert found == pytest.approx(-np.log(overlap), abs=1e-8)


def test_up_to_the_limit_rows_cannot_be_told_apart_without_so_many_errors():
    apart = np.sqrt(8 * LIMIT)  # standard deviations, of two components of one shape
    fewest_errors = norm.cdf(-apart / 2)
    assert fewest_errors > TOLD_APART
    near, far = (match(mixture([0], [1]), mixture([apart * factor], [1])) for factor in (0.999, 1.001))
    assert (near.old_of, near.new, near.vanished) == ((0,), (), ())
    assert (far.old_of, far.new, far.vanished) == ((None,), (0,), (0,))


@settings(max_examples=60, deadline=None)
@given(seeds, families, st.integers(1, 4), st.integers(1, 7))
def test_a_mixture_in_another_order_is_the_same(seed, family, d, k):
    rng = np.random.default_rng(seed)
    old = random_mixture(rng, family, k, d)
    order = rng.permutation(k)
    found = match(old, old.ordered(order))
    assert found.old_of == tuple(order)
    assert max(found.distances) == 0
    assert (found.new, found.vanished, found.splits, found.mergers) == ((), (), {}, {})


@settings(max_examples=40, deadline=None)
@given(seeds, families, st.integers(1, 5), st.integers(1, 5))
def test_the_order_of_components_changes_their_indices_only(seed, family, k_old, k_new):
    rng = np.random.default_rng(seed)
    old, new = (random_mixture(rng, family, k, 2, separation=1.5) for k in (k_old, k_new))
    p, q = rng.permutation(k_old), rng.permutation(k_new)
    straight, turned = match(old, new), match(old.ordered(p), new.ordered(q))
    place = {None: None} | {int(before): after for after, before in enumerate(p)}
    assert turned.old_of == tuple(place[straight.old_of[component]] for component in q)
    assert {int(q[each]) for each in turned.new} == set(straight.new)
    assert {int(p[each]) for each in turned.vanished} == set(straight.vanished)
    back = {int(p[whole]): {int(q[part]) for part in parts} for whole, parts in turned.splits.items()}
    assert back == {whole: set(parts) for whole, parts in straight.splits.items()}


@settings(max_examples=40, deadline=None)
@given(seeds, families)
def test_distances_are_symmetric_and_know_no_units(seed, family):
    rng = np.random.default_rng(seed)
    a, b = (random_mixture(rng, family, 3, 2) for _ in range(2))
    np.testing.assert_array_equal(distances(a, b), distances(b, a).T)
    turn = rng.normal(size=(2, 2)) + 3 * np.eye(2)
    moved = [
        MixtureParameters(
            family_named("full"), each.weights, each.means @ turn.T + 5, turn @ each.dense_covariances() @ turn.T
        )
        for each in (a, b)
    ]
    np.testing.assert_allclose(distances(*moved), distances(a, b), rtol=1e-8, atol=1e-10)


def test_what_came_and_what_went_do_not_pull_others_apart():
    """0 vanishes and 40 is new; 20 stays. As squared distances grow, 0 -> 20 -> 40 would be the shorter way."""
    found = match(mixture([0, 20], [1, 1]), mixture([40, 20], [1, 1]))
    assert found.old_of == (None, 1)
    assert (found.new, found.vanished) == ((0,), (0,))


def test_a_component_that_falls_apart_is_split():
    whole = mixture([0, 30], [1 + 4, 1], [0.8, 0.2])
    parts = mixture([-2, 2, 30], [1, 1, 1], [0.45, 0.35, 0.2])
    found = match(whole, parts)
    assert found.old_of == (0, None, 1)  # the part with more of the rows keeps the number
    assert found.splits == {0: (0, 1)}
    assert (found.new, found.vanished, found.mergers) == ((), (), {})
    back = match(parts, whole)
    assert back.old_of == (0, 2)
    assert back.mergers == {0: (0, 1)}
    assert (back.new, back.vanished, back.splits) == ((), (), {})


def test_a_component_may_fall_into_more_parts_than_two():
    third = 1 / 3
    whole, parts = mixture([0], [1 + 4 * 2 * third]), mixture([-2, 0, 2], [1, 1, 1], [third] * 3)
    found = match(whole, parts)
    ((_, pieces),) = found.splits.items()
    assert sorted(pieces) == [0, 1, 2]


def test_one_that_lies_over_another_without_being_part_of_it_is_new():
    """A wide component over a narrow one that stayed as it was: together they would be further from it."""
    found = match(mixture([0], [1]), mixture([0, 0.5], [1, 12], [0.7, 0.3]))
    assert found.old_of == (0, None)
    assert (found.new, found.splits) == ((1,), {})


def test_a_singular_component_is_no_match():
    found = match(mixture([0, 9], [1, 1]), mixture([0, 9], [0, 1]))
    assert found.old_of == (None, 1)
