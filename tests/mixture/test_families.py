"""The fourteen families as objects: names, parameters, storage, marginals, what determines them."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gmm_dask.config import Candidates
from gmm_dask.errors import UsageError
from gmm_dask.mixture import (
    FAMILIES,
    Features,
    MixtureParameters,
    SingularCovarianceError,
    family_named,
    log_joint,
)
from tests.mixtures import as_scatters, random_matrices, random_mixture, sample_rows

LETTERS = ["EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"]


def test_mclusts_names_are_known_and_scikit_learns_stand_for_four_of_them():
    assert {family_named(letters).structure.letters for letters in LETTERS} == set(LETTERS)
    assert len(FAMILIES) == 14
    for name, letters in {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}.items():
        assert family_named(letters) is FAMILIES[name]
        assert FAMILIES[name].name == name
    with pytest.raises(UsageError, match="Did you mean 'VEV'"):
        family_named("vEV")


def test_the_configuration_knows_every_family_by_every_name():
    assert Candidates(covariance_types="all").covariance_types == list(FAMILIES)
    assert Candidates(covariance_types=["all"]).covariance_types == list(FAMILIES)
    for letters in LETTERS:
        assert Candidates(covariance_types=[letters]).covariance_types == [family_named(letters).name]
    for wrong in (["full", "VVV"], ["all", "EEE"], ["VEX"], []):
        with pytest.raises(ValueError, match="covariance_types"):
            Candidates(covariance_types=wrong)


# mclust 6.0.0: nVarParams(name, d, G) for (d, G) = (1, 1), (3, 4), (5, 2)
PARAMETERS = {
    "EII": (1, 1, 1), "VII": (1, 4, 2), "EEI": (1, 3, 5), "VEI": (1, 6, 6), "EVI": (1, 9, 9), "VVI": (1, 12, 10),
    "EEE": (1, 6, 15), "VEE": (1, 9, 16), "EVE": (1, 12, 19), "VVE": (1, 15, 20),
    "EEV": (1, 15, 25), "VEV": (1, 18, 26), "EVV": (1, 21, 29), "VVV": (1, 24, 30),
}  # fmt: skip


@pytest.mark.parametrize("letters", LETTERS)
def test_parameters_are_counted_as_in_mclust(letters):
    counts = tuple(family_named(letters).n_parameters(k, d) for d, k in ((1, 1), (3, 4), (5, 2)))
    assert counts == PARAMETERS[letters]


@pytest.mark.parametrize("letters", LETTERS)
def test_estimates_share_what_the_letters_say(letters):
    """And vary in the rest, as scatters do."""
    rng = np.random.default_rng(0)
    family = family_named(letters)
    estimate = family.estimate(rng.uniform(1, 2, 4), as_scatters(family, random_matrices(rng, 4, 3)))
    assert estimate.shape == family.shape(4, 3)
    dense = family.dense(estimate, 4, 3)
    values = np.linalg.eigvalsh(dense)
    volumes = np.exp(np.log(values).mean(axis=1))
    shapes = values / volumes[:, None]
    volume, shape, orientation = letters
    assert np.allclose(volumes, volumes[0], rtol=1e-10) == (volume == "E")
    assert np.allclose(shapes, 1, rtol=1e-10) == (shape == "I")
    assert np.allclose(shapes, shapes[0], rtol=1e-10) == (shape in "EI")
    is_diagonal = np.allclose(dense, dense * np.eye(3), rtol=0, atol=1e-12)
    assert is_diagonal == (orientation == "I")
    commute = np.allclose(dense[0] @ dense[1], dense[1] @ dense[0], rtol=0, atol=1e-10)
    assert commute == (orientation in "EI")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("k", "d"), [(1, 1), (4, 1), (1, 3)])
def test_one_column_or_one_component(family, k, d):
    """With one column there are but one variance and many; with one component all but the plainest are one."""
    rng = np.random.default_rng(1)
    matrices, counts = random_matrices(rng, k, d), rng.uniform(1, 2, k)
    dense = FAMILIES[family].dense(FAMILIES[family].estimate(counts, as_scatters(FAMILIES[family], matrices)), k, d)
    letters = FAMILIES[family].structure.letters
    expected = matrices
    if letters[0] == "E":
        expected = np.broadcast_to(np.average(matrices, axis=0, weights=counts), (k, d, d))
    if letters[2] == "I":
        expected = expected * np.eye(d)
    if letters[1] == "I":
        expected = np.trace(expected, axis1=1, axis2=2)[:, None, None] / d * np.eye(d)
    np.testing.assert_allclose(dense, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_marginals_are_those_of_the_density(family):
    parameters = random_mixture(np.random.default_rng(2), FAMILIES[family], 3, 4)
    columns = np.array([3, 1])
    marginal = parameters.marginal(columns)
    z = np.random.default_rng(3).normal(size=(2, 5))
    expected = [
        np.log(weight) + multivariate_normal(mean[columns], matrix[np.ix_(columns, columns)]).logpdf(z.T)
        for weight, mean, matrix in zip(
            parameters.weights, parameters.means, parameters.dense_covariances(), strict=True
        )
    ]
    np.testing.assert_allclose(log_joint(marginal, z), expected, rtol=1e-9)
    letters = marginal.family.structure.letters
    assert letters[2] == "I" if FAMILIES[family].structure.orientation == "I" else letters in ("VVV", "EEE")


@pytest.mark.parametrize("family", FAMILIES)
def test_components_in_another_order(family):
    parameters = random_mixture(np.random.default_rng(4), FAMILIES[family], 3, 2)
    order = np.array([2, 0, 1])
    ordered = parameters.ordered(order)
    np.testing.assert_array_equal(ordered.dense_covariances(), parameters.dense_covariances()[order])
    np.testing.assert_array_equal(ordered.means, parameters.means[order])


def has_density(family, rows, d, rng):
    """Whether rows in general position, so many in each component, leave matrices worth the name."""
    deviations = [rng.normal(size=(n, d)) for n in rows]
    scatters = np.stack([np.cov(each.T, bias=True).reshape(d, d) for each in deviations])
    estimate = family.estimate(np.array(rows, float), as_scatters(family, scatters))
    assert np.isfinite(estimate).all()
    try:
        factors = family.factors(estimate, len(rows), d)
    except SingularCovarianceError:
        return False
    return bool(np.ptp(factors.log_roots) < 30 and np.linalg.cond(family.dense(estimate, len(rows), d)).max() < 1e8)


@pytest.mark.parametrize("letters", sorted(set(LETTERS) - {"EVE"}))
def test_rows_determine_a_family_just_where_they_leave_it_a_density(letters):
    rng = np.random.default_rng(5)
    family = family_named(letters)
    seen = set()
    for _ in range(30):
        d = int(rng.integers(2, 5))
        rows = rng.integers(1, d + 4, size=rng.integers(1, 5))
        determined = family.is_determined(rows.astype(float), d)
        assert has_density(family, rows, d, rng) == determined, (rows, d)
        seen.add(determined)
    assert seen == {True, False}


def test_rows_that_determine_common_axes_of_equal_volumes_leave_a_density():
    """The other way round does not hold: some axes may do for a singular scatter."""
    rng = np.random.default_rng(6)
    for rows in ([4, 9, 5], [8], [4, 4]):
        assert FAMILIES["EVE"].is_determined(np.array(rows, float), 3)
        assert has_density(FAMILIES["EVE"], rows, 3, rng)
    assert not FAMILIES["EVE"].is_determined(np.array([3.0, 9.0]), 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_constant_column_is_singular_and_says_so(family):
    rows = np.random.default_rng(7).normal(size=(3, 40, 3))
    rows[:, :, 1] = 5.0
    scatters = np.stack([np.cov(each.T, bias=True) for each in rows])
    chosen = FAMILIES[family]
    estimate = chosen.estimate(np.full(3, 40.0), as_scatters(chosen, scatters))
    if chosen.structure.shape == "I":
        chosen.factors(estimate, 3, 3)
        return
    parameters = MixtureParameters(chosen, np.full(3, 1 / 3), rows.mean(axis=1), estimate)
    with pytest.raises(SingularCovarianceError, match="Raise reg_covar"):
        parameters.terms()


def test_equal_shapes_need_no_rows_for_every_matrix():
    """Eight components of four rows in six columns, and one large one: what one knows of the shape serves all."""
    rng = np.random.default_rng(8)
    truth = random_mixture(rng, FAMILIES["EEV"], 9, 6)
    scatters = np.stack([np.cov(sample_rows(rng, truth, n).T, bias=True) for n in (60, *[4] * 8)])
    counts = np.array([60.0, *[4.0] * 8])
    estimate = FAMILIES["EEV"].estimate(counts, scatters)
    assert np.isfinite(FAMILIES["EEV"].factors(estimate, 9, 6).log_roots).all()
    assert not np.isfinite(np.linalg.slogdet(scatters[1])[1]) or np.linalg.slogdet(scatters[1])[1] < -50


@pytest.mark.parametrize("family", ["VEI", "VEE", "VEV"])
def test_a_scatter_that_rounding_made_negative_is_singular_and_no_warning(family):
    kind = FAMILIES[family]
    scatters = np.stack([np.eye(2), -1e-18 * np.eye(2), np.eye(2)])
    if kind.features is Features.SQUARES:
        scatters = np.diagonal(scatters, axis1=1, axis2=2).copy()
    with pytest.raises(SingularCovarianceError):
        kind.factors(kind.estimate(np.ones(3), scatters), 3, 2)
