"""Iterations counted as scikit-learn counts them, and starts that fail."""

import numpy as np
import pytest

from gmm_dask.em import MaximumLikelihood, Stopping, VariationalBayes
from gmm_dask.estimator.solving import solve
from gmm_dask.estimator.variational import BoundAfterStep
from gmm_dask.mixture import (
    Block,
    MixtureParameters,
    SingularCovarianceError,
    compile_candidates,
    family_named,
    prior_of_table,
    sweep_block,
)


@pytest.fixture
def sweeps():
    """Of how many candidates each sweep was."""
    return []


@pytest.fixture
def sweep(sweeps):
    """Over 200 rows of two columns that are the same: two groups about 0 and 6."""
    rng = np.random.default_rng(0)
    column = rng.normal(size=200) + np.repeat([0, 6], 100)
    block = Block(np.stack([column, column]))

    def sweep(candidates):
        sweeps.append(len(candidates))
        return sweep_block(compile_candidates(candidates), block)

    return sweep


def start(family, *means, variance=1.0):
    k = len(means)
    covariances = np.full((k, 2), variance) if family == "diag" else np.stack([variance * np.eye(2)] * k)
    return MixtureParameters(family_named(family), np.full(k, 1 / k), np.array([means, means]).T, covariances)


MAXIMUM_LIKELIHOOD = MaximumLikelihood(np.zeros(2))


def solved(sweep, starts, *, tol=1e-3, max_iter=50, estimation=MAXIMUM_LIKELIHOOD, **more):
    return solve(sweep, starts, estimation, Stopping(tol, max_iter), lambda progress: None, **more)


COMING_TO_IT = start("full", 0.0, 6.0)  # the columns are the same: the first M-step gives singular matrices
BEING_IT = start("diag", 0.0, 6.0, variance=0.0)


@pytest.mark.parametrize("fails", [COMING_TO_IT, BEING_IT])
def test_starts_that_come_to_a_singular_matrix_give_way(sweep, fails):
    sound = start("diag", 0.0, 5.0)
    solution = solved(sweep, [fails, sound])
    assert solution.parameters.family is sound.family
    assert not solution.is_singular


def test_where_all_come_to_a_singular_matrix_the_last_mixture_before_it_is_kept(sweep):
    solution = solved(sweep, [COMING_TO_IT, COMING_TO_IT])
    assert solution.parameters == COMING_TO_IT
    assert (len(solution.lower_bounds), solution.converged, solution.singular_in) == (1, False, 1)


def test_a_bound_after_a_step_that_fails_is_none(sweep):
    family = family_named("full")
    prior = prior_of_table(family, 2, np.zeros(2), np.full((2, 2), 1e-3))  # as singular as the rows are
    begun = prior.given_parameters(COMING_TO_IT, 200.0)
    solution = solved(sweep, [begun, begun], estimation=BoundAfterStep(VariationalBayes(prior, np.zeros(2))))
    assert solution.parameters is begun
    assert (solution.lower_bounds, solution.converged, solution.singular_in) == ((), False, 1)


def test_scaled_bounds(sweep):
    solution = solved(sweep, [start("diag", 1.0)])
    assert solution.scaled(200.0).lower_bounds == tuple(200.0 * bound for bound in solution.lower_bounds)
    assert solution.scaled(200.0).parameters is solution.parameters


def test_starts_that_are_all_singular_are_refused(sweep):
    with pytest.raises(SingularCovarianceError):
        solved(sweep, [BEING_IT, BEING_IT])


def test_starts_share_their_sweeps(sweep, sweeps):
    solved(sweep, [start("diag", 1.0), start("diag", 5.0)], max_iter=3, tol=0)
    assert sweeps == [2, 2, 2]


def test_no_iteration_returns_the_last_start(sweep, sweeps):
    last = start("diag", 5.0)
    solution = solved(sweep, [start("diag", 1.0), last], max_iter=0)
    assert (solution.parameters, solution.lower_bounds, solution.converged) == (last, (), False)
    assert solution.lower_bound == -np.inf
    assert sweeps == []


def test_a_continued_fit_sweeps_as_often_as_it_iterates(sweep, sweeps):
    solution = solved(sweep, [start("diag", 2.0, 3.0)], previous=-100.0)
    assert len(solution.lower_bounds) == len(sweeps) > 2
    assert solution.converged


def test_a_continued_fit_may_end_at_once(sweep, sweeps):
    converged = solved(sweep, [start("diag", 3.0)])
    again = solved(sweep, [converged.parameters], previous=converged.lower_bound)
    assert (len(again.lower_bounds), again.converged) == (1, True)
