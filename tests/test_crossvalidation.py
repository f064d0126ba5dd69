"""Cross-validation against fits fold by fold, written the long way; climbs in step share passes and end together."""

import threading

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from gmm_dask import select
from gmm_dask.config import Columns, Fitting
from gmm_dask.crossvalidation import in_step
from gmm_dask.em import Candidate, Problem, Sample, Stopping, fit_candidates
from gmm_dask.engine import BlockSweep, InProcess, one_blas_thread
from gmm_dask.errors import UsageError
from gmm_dask.fitting import fit_source
from gmm_dask.mixture import FAMILIES, Block
from gmm_dask.report import render_report
from gmm_dask.table.folds import Folds
from gmm_dask.table.source import open_source
from tests.oracle.dense import dense_e_step

CANDIDATES = [Candidate(k, FAMILIES[name]) for name in ("full", "diag") for k in (1, 2, 3)]


def groups(n=600, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 2)) + np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[np.arange(n) % 3]
    return rows + np.array([100.0, -3.0])


def validated_by(rows, engine=None, folds=3, **options):
    options = {"columns": Columns(transform="none"), "fitting": Fitting(n_init=2), "seed": 4, **options}
    engine = engine or InProcess(2)
    return fit_source(open_source(rows), engine, CANDIDATES, criterion="cv", folds=folds, **options)


def test_it_is_the_likelihood_of_every_row_under_a_fit_that_has_not_seen_it():
    rows = groups()
    found = validated_by(rows, seed=4)
    z, of = rows - rows.mean(axis=0), Folds(4, 3).of(np.arange(len(rows)))
    expected = np.zeros((len(CANDIDATES), 3))
    for fold in range(3):
        seen, unseen = z[of != fold], z[of == fold]
        block = Block(np.ascontiguousarray(seen.T))
        sample = Sample(block, BlockSweep.over, is_whole=True)
        problem = Problem(BlockSweep.over(block), sample, 1e-6 * z.var(axis=0), len(seen))
        with one_blas_thread():
            fitted = fit_candidates(problem, CANDIDATES, Stopping(1e-6, 1000, looks_ahead=True), n_init=2, seed=4)
        for number, result in enumerate(fitted):
            p = result.fit.parameters
            _, expected[number, fold] = dense_e_step(unseen, p.weights, p.means, p.dense_covariances())
    for result, held_out in zip(found.results, expected, strict=True):
        np.testing.assert_allclose(result.summary.held_out, held_out, rtol=1e-6)
        assert result.criteria["cv"] == pytest.approx(-2 * held_out.sum(), rel=1e-6)


def test_the_fits_to_all_rows_are_as_without_it():
    rows = groups()
    found = validated_by(rows)
    plain = fit_source(
        open_source(rows),
        InProcess(2),
        CANDIDATES,
        columns=Columns(transform="none"),
        fitting=Fitting(n_init=2),
        seed=4,
    )
    for result, other in zip(found.results, plain.results, strict=True):
        assert result.criteria["bic"] == pytest.approx(other.criteria["bic"], rel=1e-9)
        assert "cv" not in other.criteria


def test_it_is_in_source_units():
    """Scaling a column by 10 makes every row less likely by log 10."""
    rows = groups()
    narrow = validated_by(pd.DataFrame(rows, columns=["a", "b"]), columns=Columns(transform="standardise"))
    wide = validated_by(pd.DataFrame(rows * [10.0, 1.0], columns=["a", "b"]), columns=Columns(transform="standardise"))
    for result, other in zip(narrow.results, wide.results, strict=True):
        assert other.criteria["cv"] - result.criteria["cv"] == pytest.approx(2 * len(rows) * np.log(10), rel=1e-9)


def test_more_components_than_there_are_do_not_win_where_they_raise_the_likelihood():
    frame = pd.DataFrame(groups(240), columns=["x", "y"])
    found = select(frame, range(1, 7), ["full"], criterion="cv", folds=4, columns={"transform": "none"})
    table = found.table
    assert table.loc[table["best"], "n_components"].tolist() == [3]
    assert table["log_likelihood"].idxmax() == 5
    assert (table["standard_error"] > 0).sum() == 5
    assert table.loc[table["best"], "standard_error"].tolist() == [0]
    assert found.verdict().startswith("CV chooses K = 3, full among 6 candidates")
    page = render_report(found.best.model, selection=table, criterion="cv")
    assert "under a fit that has not seen them" in page


def test_the_same_bits_wherever_passes_run(tmp_path):
    rows = groups(40_000)
    path = str(tmp_path / "t.parquet")
    pd.DataFrame(rows, columns=["a", "b"]).to_parquet(path, row_group_size=7000)
    options = {"fitting": Fitting(n_init=2, sample_rows=1000)}
    found = [validated_by(path, InProcess(threads), **options) for threads in (1, 2)]
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        from gmm_dask.engine import OnCluster

        found.append(validated_by(path, OnCluster(client), **options))
    bits = {
        repr([(result.summary.held_out, result.fit.parameters.means.tobytes()) for result in each.results])
        for each in found
    }
    assert len(bits) == 1


@pytest.mark.parametrize("folds", [1, 0, 2.5, 101, True])
def test_numbers_of_folds_that_cannot_be(folds):
    with pytest.raises(UsageError, match="folds"):
        select(groups(60), [1, 2], criterion="cv", folds=folds)


def adding(number, sweep, check, length):
    """A climb that asks `length` times, and adds up what it is told."""
    total = 0
    for each in range(length):
        check()
        total += sum(sweep([(number, each)]))
    return number, total


def test_a_pass_serves_all_that_are_not_over():
    lengths, passes = [3, 7, 0, 5], []

    def pass_for(asked):
        passes.append(sorted(asked))
        return [[1000 * number + each for number, each in candidates] for candidates in asked.values()]

    climbs = [
        lambda sweep, check, number=number, length=length: adding(number, sweep, check, length)
        for number, length in enumerate(lengths)
    ]
    found = in_step(climbs, pass_for)
    assert found == [(i, 1000 * i * n + n * (n - 1) // 2) for i, n in enumerate(lengths)]
    assert passes == [[0, 1, 3]] * 3 + [[1, 3]] * 2 + [[1]] * 2


@pytest.mark.parametrize("culprit", ["climb", "pass"])
def test_an_error_ends_all_climbs_and_is_raised(culprit):
    before, ended = threading.active_count(), []

    def climb(number, sweep, check):
        try:
            for each in range(100):
                check()
                if culprit == "climb" and number == 1 and each == 3:
                    raise ValueError("this climb")
                sweep([(number, each)])
        finally:
            ended.append(number)

    passes = []

    def pass_for(asked):
        passes.append(len(asked))
        if culprit == "pass" and len(passes) == 4:
            raise ValueError("this pass")
        return [[0]] * len(asked)

    with pytest.raises(ValueError, match=f"this {culprit}"):
        in_step([lambda sweep, check, number=number: climb(number, sweep, check) for number in range(4)], pass_for)
    assert sorted(ended) == [0, 1, 2, 3]
    assert len(passes) <= 4
    assert threading.active_count() == before
