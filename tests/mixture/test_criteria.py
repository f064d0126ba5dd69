"""Criteria against their definitions, from dense responsibilities in extended precision."""

import numpy as np
import pytest

from gmm_dask.errors import UsageError
from gmm_dask.mixture import CRITERIA, FAMILIES, Block, FitSummary, compile_candidates, criterion_named, sweep_block
from tests.mixtures import random_mixture, sample_rows
from tests.oracle.dense import dense_log_joint


@pytest.fixture(params=[False, True], ids=["rows", "weighted"])
def problem(request):
    """A summary as a sweep gives it, with log joint densities (n, k), row weights (n,) and the number of parameters."""
    rng = np.random.default_rng(3)
    parameters = random_mixture(rng, FAMILIES["full"], 4, 3, separation=1.0)
    rows = sample_rows(rng, parameters, 700)
    weights = rng.integers(1, 4, 700).astype(float) if request.param else np.ones(700)
    block = Block(np.ascontiguousarray(rows.T), weights if request.param else None)
    (found,) = sweep_block(compile_candidates([parameters]), block)
    summary = FitSummary(found.log_likelihood, found.log_assignment, parameters.n_parameters, found.weight)
    joint = dense_log_joint(rows, parameters.weights, parameters.means, parameters.dense_covariances())
    return summary, joint, weights, 4 * 3 + 4 * 6 + 3


def test_every_criterion_is_its_definition(problem):
    summary, joint, weights, p = problem
    n = weights.sum()
    log_densities = np.log(np.exp(joint).sum(axis=1))
    log_likelihood = weights @ log_densities
    responsibilities = np.exp(joint - log_densities[:, None])
    complete = weights @ np.array([row[label] for row, label in zip(joint, joint.argmax(axis=1), strict=True)])
    expected = {
        "bic": -2 * log_likelihood + p * np.log(n),
        "aic": -2 * log_likelihood + 2 * p,
        "icl": -2 * complete + p * np.log(n),
        "awe": -2 * complete + 2 * p * (1.5 + np.log(n)),
    }
    assert set(CRITERIA) == set(expected)
    for name, value in expected.items():
        assert criterion_named(name)(summary) == pytest.approx(float(value), rel=1e-12)
    assert summary.log_classification == pytest.approx(float(complete), rel=1e-12)
    least = -(weights @ np.log(responsibilities.max(axis=1))) / n
    assert summary.min_entropy == pytest.approx(float(least), rel=1e-10)


def test_min_entropy_is_no_larger_than_shannons_and_lies_between_zero_and_log_k(problem):
    summary, joint, weights, _ = problem
    responsibilities = np.exp(joint - np.log(np.exp(joint).sum(axis=1))[:, None])
    shannon = -(weights @ (responsibilities * np.log(responsibilities)).sum(axis=1)) / weights.sum()
    assert 0 < summary.min_entropy < shannon < np.log(4)


def test_no_doubt_is_no_entropy():
    assert str(FitSummary(-10.0, 0.0, 3, 5.0).min_entropy) == "0.0"


def test_an_unknown_criterion_is_refused():
    with pytest.raises(UsageError, match="Did you mean 'awe'"):
        criterion_named("aew")
