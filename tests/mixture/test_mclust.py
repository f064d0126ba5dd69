"""All families against mclust: parameters counted, one M-step from the same responsibilities, iterations from there."""

import shutil
import subprocess

import numpy as np
import pytest

from gmm_dask.em import MaximumLikelihood, Stopping, parameters_from_responsibilities, run
from gmm_dask.mixture import FAMILIES, Block, compile_candidates, family_named, sweep_block
from tests.mixtures import expected_log_likelihood

LETTERS = [family.structure.letters for family in FAMILIES.values()]
K, D = 3, 4

SCRIPT = """
suppressMessages(library(mclust))
x <- as.matrix(read.csv("rows.csv", header = FALSE)); z <- as.matrix(read.csv("z.csv", header = FALSE))
control <- emControl(tol = c(1e-12, 1e-14), itmax = c(2000, 100000))
for (name in commandArgs(TRUE)) {
  m <- mstep(data = x, modelName = name, z = z, control = control)
  sigma <- m$parameters$variance$sigma
  for (iterations in c(6, 2000)) {
    fit <- me(x, name, z, control = emControl(tol = c(1e-12, 1e-14), itmax = c(iterations, 100000)), warn = FALSE)
    cat(name, iterations, nMclustParams(name, ncol(x), ncol(z)), format(c(fit$loglik, sigma), digits = 17), "\\n")
  }
}
"""


@pytest.fixture(scope="module")
def problem():
    """Rows (n, d) of three overlapping groups, and soft memberships (n, k)."""
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=(60, D)) @ rng.normal(size=(D, D)) + 2 * rng.normal(size=D) for _ in range(K)]
    rows = np.concatenate(groups)
    memberships = 0.2 * rng.dirichlet(np.ones(K), size=len(rows)) + 0.8 * np.repeat(np.eye(K), 60, axis=0)
    return rows, memberships / memberships.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def mclust(problem, tmp_path_factory):
    """By name and iterations: number of parameters, log-likelihood, covariances (k, d, d) of the first M-step."""
    if shutil.which("Rscript") is None:
        pytest.skip("needs R")
    folder = tmp_path_factory.mktemp("mclust")
    for name, table in zip(("rows", "z"), problem, strict=True):
        np.savetxt(folder / f"{name}.csv", table, delimiter=",", fmt="%.17g")
    (folder / "script.R").write_text(SCRIPT)
    done = subprocess.run(["Rscript", "script.R", *LETTERS], cwd=folder, capture_output=True, text=True)
    if "there is no package called" in done.stderr:
        pytest.skip("needs R's package mclust")
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, iterations, n_parameters, log_likelihood, *sigma = line.split()
        matrices = np.array(sigma, float).reshape(K, D, D)  # R's arrays run the other way; each matrix is symmetric
        found[name, int(iterations)] = int(n_parameters), float(log_likelihood), matrices
    return found


def started(letters, problem):
    rows, memberships = problem
    block = Block(np.ascontiguousarray(rows.T))
    return block, parameters_from_responsibilities(block, memberships.T, family_named(letters), np.zeros(D))


@pytest.mark.parametrize("letters", LETTERS)
def test_parameters(letters, problem, mclust):
    _, start = started(letters, problem)
    assert start.n_parameters == mclust[letters, 6][0]


@pytest.mark.parametrize("letters", LETTERS)
def test_the_m_step_for_given_responsibilities(letters, problem, mclust):
    """The same matrices; common axes are sought, and may be found at a higher peak, but never at a lower one."""
    rows, memberships = problem
    _, start = started(letters, problem)
    ours, theirs = start.dense_covariances(), mclust[letters, 6][2]
    deviations = rows[:, None, :] - start.means
    counts = memberships.sum(axis=0)
    scatters = np.einsum("nk,nka,nkb->kab", memberships, deviations, deviations) / counts[:, None, None]
    gain = expected_log_likelihood(counts, scatters, ours) - expected_log_likelihood(counts, scatters, theirs)
    assert gain > -1e-9
    if gain < 1e-9:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    else:
        assert letters in ("EVE", "VVE")
    if letters not in ("VEI", "VEE", "VEV", "EVE", "VVE"):  # in closed form
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("letters", LETTERS)
def test_iterations_from_there(letters, problem, mclust):
    """After five more iterations, and at the end."""
    block, start = started(letters, problem)
    (fit,) = run(
        lambda candidates: sweep_block(compile_candidates(candidates), block),
        [start],
        MaximumLikelihood(np.zeros(D)),
        Stopping(1e-13, 2000),
    )
    sixth, last = fit.history[5] * block.n_rows, fit.history[-1] * block.n_rows
    if letters in ("EVE", "VVE"):  # from other axes by other ways, to the same peak or a higher one
        assert last > mclust[letters, 2000][1] - 1e-6
    else:
        assert sixth == pytest.approx(mclust[letters, 6][1], rel=1e-9)
        assert last == pytest.approx(mclust[letters, 2000][1], rel=1e-9)
