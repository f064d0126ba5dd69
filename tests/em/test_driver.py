"""The driver against scikit-learn and published figures; endings are told apart."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from gmm_dask.em import (
    Candidate,
    MaximumLikelihood,
    Outcome,
    Problem,
    Sample,
    Stopping,
    choose,
    fit_candidates,
    parameters_from_labels,
    run,
)
from gmm_dask.engine import BlockSweep
from gmm_dask.errors import BadInputError
from gmm_dask.mixture import (
    FAMILIES,
    Block,
    MixtureParameters,
    SingularCovarianceError,
    compile_candidates,
    sweep_block,
)
from tests.mixtures import random_mixture, sample_rows


def sweep_over(rows):
    block = Block(np.ascontiguousarray(rows.T))
    return lambda candidates: sweep_block(compile_candidates(candidates), block)


def problem_of(rows, reg_covar=1e-6):
    block = Block(np.ascontiguousarray((rows - rows.mean(axis=0)).T))
    sweep = sweep_over(rows - rows.mean(axis=0))
    return Problem(
        sweep,
        Sample(block, BlockSweep.over, is_whole=True),
        reg_covar * rows.var(axis=0),
        len(rows),
    )


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_iterates_follow_scikit_learn(family):
    rng = np.random.default_rng(4)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 3, 2, separation=1.0), 500)
    theirs = GaussianMixture(3, covariance_type=family, max_iter=1, random_state=1)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(rows)
    start = MixtureParameters(FAMILIES[family], theirs.weights_, theirs.means_, theirs.covariances_)
    theirs.set_params(
        weights_init=theirs.weights_, means_init=theirs.means_, precisions_init=theirs.precisions_, max_iter=30, tol=0
    )
    with pytest.warns(ConvergenceWarning):
        theirs.fit(rows)
    (fit,) = run(sweep_over(rows), [start], MaximumLikelihood(np.full(2, 1e-6)), Stopping(tol=0, max_iter=31))
    np.testing.assert_allclose(fit.parameters.means, theirs.means_, atol=1e-8)
    np.testing.assert_allclose(fit.parameters.covariances, theirs.covariances_, atol=1e-8)
    np.testing.assert_allclose(fit.history[:-1], theirs.lower_bounds_, rtol=1e-10)


@pytest.mark.parametrize(("n_components", "bic"), [(1, 829.978), (2, 574.018), (3, 580.839)])
def test_iris_full_has_the_published_bic(n_components, bic):
    (result,) = fit_candidates(
        problem_of(load_iris().data),
        [Candidate(n_components, FAMILIES["full"])],
        Stopping(1e-8, 2000),
        n_init=8,
        seed=0,
    )
    assert result.criteria["bic"] == pytest.approx(bic, abs=0.01)
    assert result.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("family", FAMILIES)
def test_the_log_likelihood_never_falls(seed, family):
    rng = np.random.default_rng(seed)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 3, 3, separation=1.0), 400)
    block = Block(np.ascontiguousarray(rows.T))
    start = parameters_from_labels(block, rng.integers(0, 3, 400), 3, FAMILIES[family], np.zeros(3))
    (fit,) = run(sweep_over(rows), [start], MaximumLikelihood(np.zeros(3)), Stopping(1e-10, 200))
    assert fit.n_iter > 10
    assert np.all(np.diff(fit.history) > -1e-12)


def test_one_sweep_serves_all_running_candidates():
    rng = np.random.default_rng(2)
    rows = sample_rows(rng, random_mixture(rng, FAMILIES["full"], 3, 2, separation=1.5), 800)
    sizes = []

    def counting(candidates):
        sizes.append(len(candidates))
        return sweep_over(rows)(candidates)

    starts = [random_mixture(np.random.default_rng(seed), FAMILIES["full"], 3, 2) for seed in range(6)]
    fits = run(counting, starts, MaximumLikelihood(np.zeros(2)), Stopping(1e-7, 300))
    assert len(sizes) == max(fit.n_iter for fit in fits)
    assert sum(sizes) == sum(fit.n_iter for fit in fits)
    assert sizes == sorted(sizes, reverse=True)
    alone = [run(sweep_over(rows), [start], MaximumLikelihood(np.zeros(2)), Stopping(1e-7, 300))[0] for start in starts]
    for together, single in zip(fits, alone, strict=True):
        np.testing.assert_allclose(together.parameters.means, single.parameters.means, rtol=1e-9)


def test_the_iteration_limit_is_not_convergence():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 2))
    block = Block(np.ascontiguousarray(rows.T))
    start = parameters_from_labels(block, rng.integers(0, 3, 300), 3, FAMILIES["full"], np.zeros(2))
    (fit,) = run(sweep_over(rows), [start], MaximumLikelihood(np.zeros(2)), Stopping(1e-12, 5))
    assert fit.outcome is Outcome.ITERATION_LIMIT
    assert fit.n_iter == 5


def test_statistics_belong_to_the_parameters_returned():
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(200, 2))
    (fit,) = run(
        sweep_over(rows),
        [random_mixture(rng, FAMILIES["full"], 2, 2)],
        MaximumLikelihood(np.zeros(2)),
        Stopping(1e-5, 100),
    )
    (again,) = sweep_over(rows)([fit.parameters])
    np.testing.assert_array_equal(again.moments, fit.statistics.moments)
    assert again.log_likelihood == fit.statistics.log_likelihood


def test_a_component_on_repeated_rows_has_collapsed_and_is_not_chosen():
    rng = np.random.default_rng(6)
    rows = np.concatenate([rng.normal(size=(1000, 2)), np.repeat([[8.0, 8.0]], 40, axis=0)])
    results = fit_candidates(
        problem_of(rows),
        [Candidate(k, FAMILIES["full"]) for k in (1, 2)],
        Stopping(1e-6, 500),
        n_init=8,
        seed=0,
    )
    assert results[1].outcome is Outcome.COLLAPSED
    flaw = results[1].fit.flaw
    np.testing.assert_allclose(results[1].fit.parameters.weights[flaw.component], 40 / 1040, rtol=1e-6)
    assert flaw.column in (0, 1)
    assert results[1].criteria["bic"] < results[0].criteria["bic"]
    assert choose(results, "bic") == 0


def test_an_atom_that_holds_much_of_the_table_is_a_group():
    """The zeros of an amount: a third of all rows at one value is no coincidence."""
    rng = np.random.default_rng(6)
    rows = np.concatenate([rng.normal(5, 1, size=(600, 2)), np.stack([np.zeros(300), rng.normal(size=300)], axis=1)])
    results = fit_candidates(
        problem_of(rows), [Candidate(k, FAMILIES["full"]) for k in (1, 2)], Stopping(1e-6, 500), n_init=8, seed=0
    )
    assert results[1].outcome is Outcome.CONVERGED
    assert choose(results, "bic") == 1


@pytest.mark.parametrize(
    ("family", "n", "outcome"),
    [
        ("full", 4, Outcome.UNDERDETERMINED),
        ("full", 5, Outcome.CONVERGED),
        ("tied", 4, Outcome.UNDERDETERMINED),
        ("tied", 5, Outcome.CONVERGED),
        ("diag", 4, Outcome.CONVERGED),
    ],
)
def test_no_more_rows_than_columns_do_not_determine_a_covariance(family, n, outcome):
    rows = np.random.default_rng(1).normal(size=(n, 4))
    (result,) = fit_candidates(
        problem_of(rows), [Candidate(1, FAMILIES[family])], Stopping(1e-6, 100), n_init=1, seed=0
    )
    assert result.outcome is outcome


def test_singular_starts_give_way_and_are_an_error_where_there_is_no_other():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(500, 2)), np.full((100, 2), 9.0)])
    with pytest.raises(SingularCovarianceError, match="Raise reg_covar"):
        fit_candidates(problem_of(rows, 0.0), [Candidate(2, FAMILIES["full"])], Stopping(1e-6, 50), n_init=2, seed=0)
    spread = problem_of(rng.normal(size=(60, 2)).round(1), 0.0)
    (result,) = fit_candidates(spread, [Candidate(9, FAMILIES["full"])], Stopping(1e-6, 50), n_init=20, seed=0)
    assert result.fit.statistics is not None


def test_weights_that_are_not_counts_are_no_collapse():
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.normal(size=(300, 2)), rng.normal(7, 1, size=(200, 2))])
    block = Block(np.ascontiguousarray(rows.T), np.full(500, 1 / 500))
    start = parameters_from_labels(block, np.repeat([0, 1], [300, 200]), 2, FAMILIES["full"], np.zeros(2))
    (fit,) = run(
        lambda candidates: sweep_block(compile_candidates(candidates), block),
        [start],
        MaximumLikelihood(np.zeros(2)),
        Stopping(1e-8, 100),
    )
    assert fit.outcome is Outcome.CONVERGED


def test_collinear_columns_are_no_collapse():
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.normal(size=400), rng.normal(6, 1, size=400)])
    rows = np.stack([x, 2 * x + 1, rng.normal(size=800)], axis=1)
    (result,) = fit_candidates(
        problem_of(rows), [Candidate(2, FAMILIES["full"])], Stopping(1e-7, 300), n_init=2, seed=0
    )
    assert result.outcome is Outcome.CONVERGED


def test_more_components_than_rows():
    with pytest.raises(BadInputError, match="3 complete rows cannot hold 4 components"):
        fit_candidates(
            problem_of(np.arange(6.0).reshape(3, 2)),
            [Candidate(4, FAMILIES["full"])],
            Stopping(1e-6, 10),
            n_init=1,
            seed=0,
        )


def test_every_ending_has_a_sentence_and_those_that_need_it_advice():
    for outcome in Outcome:
        assert outcome.sentence.endswith(".")
        assert (outcome is Outcome.CONVERGED) == (not outcome.advice)
