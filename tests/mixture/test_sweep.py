"""The sweep of a block against a dense oracle in extended precision and against scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from gmm_dask.mixture import FAMILIES, Block, MixtureParameters, compile_candidates, log_joint, m_step, sweep_block
from gmm_dask.mixture.compiled import CENTRED_ABOVE, magnification
from gmm_dask.mixture.kernel import log_joint_rows, sweep_rows
from tests.mixtures import as_scatters, random_mixture, sample_rows
from tests.oracle.dense import dense_e_step, dense_log_joint

STORED = ["full", "tied", "diag", "spherical"]
"""A family for each way of storing covariances."""

SHAPES = [(1, 1, 1), (3, 1, 2), (700, 2, 3), (513, 5, 1), (1000, 7, 20), (300, 33, 4), (200, 64, 3), (257, 3, 100)]


@pytest.mark.parametrize("family", STORED)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_agree_with_the_oracle(family, n, d, k, weighted):
    rng = np.random.default_rng([n, d, k])
    parameters = random_mixture(rng, FAMILIES[family], k, d)
    rows = sample_rows(rng, parameters, n)
    weights = np.append(1.5, rng.integers(0, 4, n - 1) * 0.5) if weighted else None
    assert_agrees_with_oracle(parameters, rows, weights)


@pytest.mark.parametrize("family", FAMILIES)
def test_statistics_of_every_family_agree_with_the_oracle(family):
    rng = np.random.default_rng(12)
    parameters = random_mixture(rng, FAMILIES[family], 3, 4)
    assert_agrees_with_oracle(parameters, sample_rows(rng, parameters, 300), None)


@pytest.mark.parametrize("family", STORED)
def test_components_a_hundred_millionth_of_the_range_wide_agree_with_the_oracle(family):
    """At an offset of 1e9: nothing of them would be left by expanding the square."""
    rng = np.random.default_rng(8)
    width = 1e-4
    means = 1e9 + 1e4 * rng.uniform(size=(5, 3))
    covariances = round_covariances(family, 5, 3) * width**2
    parameters = MixtureParameters(FAMILIES[family], np.full(5, 0.2), means, covariances)
    rows = np.repeat(means, 60, axis=0) + width * rng.normal(size=(300, 3))
    assert_agrees_with_oracle(parameters, rows, None)


def assert_agrees_with_oracle(parameters, rows, weights):
    """Log-likelihood to 1e-12, statistics to 1e-10 of the sum of the sizes of their terms."""
    n, d = rows.shape
    (statistics,) = sweep_block(compile_candidates([parameters]), Block(np.ascontiguousarray(rows.T), weights))
    dense = parameters.dense_covariances()
    responsibilities, log_likelihood = dense_e_step(rows, parameters.weights, parameters.means, dense, weights)
    assert statistics.log_likelihood == pytest.approx(float(log_likelihood), rel=1e-12)
    per_row = np.ones(n) if weights is None else weights
    assert statistics.log_assignment == pytest.approx(
        float(per_row @ np.log(responsibilities.max(axis=1))), rel=1e-9, abs=1e-12
    )
    first, second = statistics.features.factors(d)
    for moments, centre, responsibility in zip(statistics.moments, statistics.centres, responsibilities.T, strict=True):
        augmented = np.column_stack([rows.astype(np.longdouble) - centre, np.ones(n)])
        terms = augmented[:, first] * augmented[:, second] * (responsibility * per_row)[:, None]
        # What is below 1e-250 is taken for zero.
        assert np.all(np.abs(moments - terms.sum(axis=0)) <= 1e-10 * np.abs(terms).sum(axis=0) + 1e-240)


@pytest.mark.parametrize("family", STORED)
def test_one_iteration_agrees_with_scikit_learn(family):
    rng = np.random.default_rng(11)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 4, 3), 3000)
    theirs = GaussianMixture(4, covariance_type=family, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(rows)
    parameters = MixtureParameters(FAMILIES[family], theirs.weights_, theirs.means_, theirs.covariances_)

    (statistics,) = sweep_block(compile_candidates([parameters]), Block(np.ascontiguousarray(rows.T)))
    assert statistics.log_likelihood / len(rows) == pytest.approx(theirs.score(rows), rel=1e-10)
    ours = m_step(statistics, FAMILIES[family], np.full(3, theirs.reg_covar))
    with pytest.warns(ConvergenceWarning):
        theirs.set_params(
            weights_init=theirs.weights_, means_init=theirs.means_, precisions_init=theirs.precisions_
        ).fit(rows)
    np.testing.assert_allclose(ours.weights, theirs.weights_, rtol=1e-10)
    np.testing.assert_allclose(ours.means, theirs.means_, rtol=1e-10)
    np.testing.assert_allclose(ours.covariances, theirs.covariances_, rtol=1e-10, atol=1e-10)


def test_candidates_swept_together_are_candidates_swept_alone():
    rng = np.random.default_rng(5)
    rows = np.ascontiguousarray(rng.normal(size=(3, 2000)))
    candidates = [random_mixture(rng, family, k, 3) for k in (1, 2, 7) for family in FAMILIES.values()]
    together = sweep_block(compile_candidates(candidates), Block(rows))
    for candidate, statistics in zip(candidates, together, strict=True):
        (alone,) = sweep_block(compile_candidates([candidate]), Block(rows))
        np.testing.assert_allclose(statistics.moments, alone.moments, rtol=1e-11, atol=1e-11)
        assert statistics.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-13)


@pytest.mark.parametrize("family", STORED)
def test_narrow_components_far_from_the_origin_keep_their_digits(family):
    """Two clusters of unit width at +-1e9: expanding the square would leave no digit of their variance."""
    rng = np.random.default_rng(3)
    offsets = np.array([[-1e9, 1e9], [1e9, 1e9]])
    noise = rng.normal(size=(2, 500, 2))
    rows = (noise + offsets[:, None]).reshape(-1, 2)
    start = MixtureParameters(FAMILIES[family], np.array([0.5, 0.5]), offsets, round_covariances(family, 2, 2))
    (statistics,) = sweep_block(compile_candidates([start]), Block(np.ascontiguousarray(rows.T)))
    fitted = m_step(statistics, FAMILIES[family], np.zeros(2))
    exact = (rows.reshape(2, 500, 2) - offsets[:, None]).var(axis=1)
    found = np.diagonal(fitted.dense_covariances(), axis1=1, axis2=2)
    expected = {
        "tied": np.broadcast_to(exact.mean(axis=0), (2, 2)),
        "spherical": np.broadcast_to(exact.mean(axis=1)[:, None], (2, 2)),
    }.get(family, exact)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_switch_to_the_centred_path_is_where_rounding_is_magnified():
    def kappa(offset):
        parameters = MixtureParameters(
            FAMILIES["full"], np.ones(1), np.array([[offset, 0.0]]), np.diag([1.0, 1.0])[None]
        )
        terms = parameters.terms()
        return magnification(terms.means, terms.variances, terms.roots)[0]

    assert kappa(0.0) == 2
    assert kappa(999.0) < CENTRED_ABOVE < kappa(1001.0)

    rows = np.random.default_rng(2).normal(size=(2, 400))
    rows[0] += 1001.0
    for offset in (999.0, 1001.0):
        parameters = MixtureParameters(
            FAMILIES["full"], np.ones(1), np.array([[offset, 0.0]]), np.array([[[1.0, 0.3], [0.3, 2.0]]])
        )
        truth = dense_log_joint(rows.T, parameters.weights, parameters.means, parameters.covariances)
        np.testing.assert_allclose(log_joint(parameters, rows), truth.T.astype(float), atol=1e-8)


def test_responsibilities_that_underflow_leave_finite_statistics():
    parameters = MixtureParameters(
        FAMILIES["diag"], np.array([0.5, 0.5]), np.array([[0.0], [1e6]]), np.array([[1.0], [1.0]])
    )
    (statistics,) = sweep_block(compile_candidates([parameters]), Block(np.zeros((1, 10))))
    assert np.isfinite(statistics.moments).all()
    assert statistics.counts[1] == 0
    assert np.isfinite(statistics.means()).all()


def test_a_component_of_weight_zero_takes_no_rows():
    parameters = MixtureParameters(FAMILIES["full"], np.array([1.0, 0.0]), np.zeros((2, 2)), np.stack([np.eye(2)] * 2))
    (statistics,) = sweep_block(compile_candidates([parameters]), Block(np.ones((2, 5))))
    np.testing.assert_allclose(statistics.counts, [5, 0], atol=1e-300)


def test_one_compilation_serves_all_arguments():
    """What comes from another process is read-only, and slices are not contiguous; neither may compile anew."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 3))
    frozen = np.ascontiguousarray(rows.T)
    frozen.flags.writeable = False
    for family in FAMILIES.values():
        parameters = random_mixture(rng, family, 2, 3)
        compiled = pickle.loads(pickle.dumps(compile_candidates([parameters]), protocol=5))
        for z in (frozen, frozen.copy(), rows.T):
            for weights in (None, np.ones(200), np.ones(400)[::2]):
                sweep_block(compiled, Block(z, weights))
            log_joint(parameters, z)
    assert len(sweep_rows.signatures) == 1
    assert len(log_joint_rows.signatures) == 1


@pytest.mark.parametrize("family", STORED)
def test_float32_columns_give_what_their_values_give_in_float64(family):
    rng = np.random.default_rng(4)
    parameters = random_mixture(rng, FAMILIES[family], 3, 4)
    rows = sample_rows(rng, parameters, 1000)
    columns = [column.astype(np.float32 if number in (0, 2) else np.float64) for number, column in enumerate(rows.T)]
    weights = rng.uniform(size=1000)
    compiled = compile_candidates([parameters])
    block = Block.of(columns, weights)
    assert block.n_bytes == 1000 * (4 + 8 + 4 + 8 + 8)
    ((narrow,), (wide,)) = (sweep_block(compiled, each) for each in (block, Block(block.dense(), weights)))
    np.testing.assert_array_equal(narrow.moments, wide.moments)
    assert narrow.log_likelihood == wide.log_likelihood
    all_narrow = Block.of([column.astype(np.float32) for column in columns])
    assert all_narrow.n_rows == 1000
    assert len(sweep_rows.signatures) == 1
    (statistics,) = sweep_block(compiled, all_narrow)
    np.testing.assert_array_equal(statistics.moments, sweep_block(compiled, Block(all_narrow.dense()))[0].moments)


def test_no_rows_give_the_zero():
    parameters = random_mixture(np.random.default_rng(0), FAMILIES["full"], 3, 2)
    (statistics,) = sweep_block(compile_candidates([parameters]), Block(np.empty((2, 0))))
    assert statistics.n_rows == 0
    assert not statistics.moments.any()
    assert statistics.log_likelihood == 0


def round_covariances(family, k, d):
    """Of variance one."""
    return FAMILIES[family].estimate(np.ones(k), as_scatters(FAMILIES[family], np.stack([np.eye(d)] * k)))
