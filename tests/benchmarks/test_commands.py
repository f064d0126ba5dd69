"""Every benchmark runs as a command, on tiny tables: it ends well, says what it measured, and all did the same work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(folder: Path, name: str, *options: str) -> dict[str, Any]:
    """What the benchmark wrote to --json."""
    written = folder / f"{name}.json"
    rows = [] if name == "overhead" else ["--rows", "2000"]
    command = [sys.executable, BENCHMARKS / f"{name}.py", *rows, "--runs", "1", "--json", written, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    assert record.keys() == {"environment", "options", "results"}
    assert record["environment"]["versions"].keys() >= {"gmm-dask", "numpy", "scikit-learn", "numba"}
    assert record["environment"]["cpu"]
    assert any(pool["architecture"] for pool in record["environment"]["thread_pools"])
    return record


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return run(tmp_path_factory.mktemp("sweep"), "sweep", "--shapes", "1", "7", "8")["results"]


def fits(folder: Path, *options: str) -> dict[str, dict[str, Any]]:
    """The rows of `fit` by contender."""
    shape = ["--columns", "2", "--components", "2", "--separation", "5", "--cores", "1"]
    return {result["contender"]: result for result in run(folder, "fit", *shape, *options)["results"]}


def test_sweeps_of_ours_and_scikit_learn_find_the_same_log_likelihood(sweeps: list[dict[str, Any]]) -> None:
    assert [result["covariance_type"] for result in sweeps] == ["full", "diag", "tied"]
    for result in sweeps:
        found = result["log_likelihood"]
        assert found["scikit_learn"] == pytest.approx(found["ours"], rel=1e-9)
        assert result["x_scikit_learn"] == pytest.approx(result["scikit_learn"] / result["ours"])
        assert result["gflops"] > 0
        assert result["dgemm_gflops"] > 0


def test_sweeps_of_onedal_find_it_too(sweeps: list[dict[str, Any]]) -> None:
    if find_spec("daal4py") is None:
        pytest.skip("needs daal4py")
    full, diag, tied = sweeps
    for result in (full, diag):
        assert result["log_likelihood"]["onedal"] == pytest.approx(result["log_likelihood"]["ours"], rel=1e-9)
        assert len(result["seconds"]["onedal"]) == 1
    assert tied["onedal"] is None


def test_scaling_compares_numbers_of_threads(tmp_path: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    results = run(tmp_path, "scaling")["results"]
    assert [result["threads"] for result in results] == [1, 2] * (len(results) // 2)
    for one, two in zip(results[::2], results[1::2], strict=True):
        assert one["log_likelihood"] == two["log_likelihood"]
        assert one["ratio"] == 1
        assert two["ratio"] == pytest.approx(one["seconds"] / two["seconds"])
        assert two["target"] == 1.85


def test_fits_come_to_the_same_log_likelihood(tmp_path: Path) -> None:
    found = fits(tmp_path, "--no-spark")
    assert found.keys() == {"gmm_dask.fit", "gmm_dask.GaussianMixture", "scikit-learn"}
    for result in found.values():
        assert result["reached"] == "yes"
        assert result["goal"] - 1e-4 <= result["log_likelihood"] <= result["goal"] + 1e-9
    # One start, one algorithm, so the same iterations to the same place.
    ours, theirs = found["gmm_dask.GaussianMixture"], found["scikit-learn"]
    assert ours["iterations"] == theirs["iterations"]
    assert ours["log_likelihood"] == pytest.approx(theirs["log_likelihood"], abs=1e-9)


@pytest.mark.slow
def test_fits_of_spark_come_there_too(tmp_path: Path) -> None:
    if find_spec("pyspark") is None:
        pytest.skip("needs pyspark")
    spark = fits(tmp_path)["Spark MLlib"]
    assert spark["reached"] == "yes"
    assert spark["log_likelihood"] <= spark["goal"] + 1e-9


def test_selections_and_shared_passes(tmp_path: Path) -> None:
    options = ["--columns", "2", "--components", "2", "--most", "3", "--cores", "1"]
    ours, theirs, *passes = run(tmp_path, "kselect", *options)["results"]
    assert (ours["method"], theirs["method"]) == ("gmm_dask.select", "scikit-learn")
    assert ours["bic"].keys() == theirs["bic"].keys() == {"1", "2", "3"}
    assert ours["bic"]["1"] == pytest.approx(theirs["bic"]["1"], rel=1e-6)  # K = 1 has one optimum
    assert [each["rows_are"] for each in passes] == ["in memory", "spilled", "re-read"]
    for each in passes:
        found = each["log_likelihood"]
        assert found["shared"] == pytest.approx(found["separate"], rel=1e-12)
        assert found["shared"] == passes[0]["log_likelihood"]["shared"]
        assert each["shared_to_largest"] == pytest.approx(each["shared"] / each["largest"])


def test_overhead_of_every_engine_and_what_a_model_makes_of_it(tmp_path: Path) -> None:
    results = run(tmp_path, "overhead", "--shards", "4")["results"]
    measured = [result for result in results if "milliseconds" in result]
    assert {(result["engine"], result["shards"]) for result in measured} == {
        (engine, shards) for engine in ("in process", "threads", "2 processes") for shards in (1, 4)
    }
    assert all(result["milliseconds"] > 0 for result in measured)
    assert {result["engine"] for result in results if "ms_per_pass" in result} == {
        "in process",
        "threads",
        "2 processes",
    }


def test_predictions_stand_beside_what_was_measured(tmp_path: Path) -> None:
    options = ["--runs", "3", "--columns", "2", "--components", "2", "--folder", str(tmp_path)]
    results = run(tmp_path, "prediction", *options)["results"]
    assert [result["what"] for result in results] == ["profile", "prepare", "a later pass"]
    for result in results:
        assert result["predicted"] > 0
        assert result["off"] == pytest.approx(result["predicted"] / result["measured"] - 1)
