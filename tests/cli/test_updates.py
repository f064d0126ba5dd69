"""The commands by which a model comes after a model."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask import load_model
from gmm_dask.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two days as CSV, and a model of the first."""
    path = tmp_path_factory.mktemp("updates")
    for day in range(2):
        rng = np.random.default_rng(day)
        rows = rng.normal(size=(500, 2)) + np.repeat([[0.0, 0.0], [9.0, 9.0]], [200, 300], axis=0)
        pd.DataFrame(rows, columns=["x", "y"]).to_csv(path / f"{day}.csv", index=False)
    with pytest.raises(SystemExit):
        main(["fit", str(path / "0.csv"), "-m", str(path / "model"), "-k", "2"])
    return path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ending.value.code, captured.out, " ".join(captured.err.split())


def test_update(capsys, folder):
    code, out, _ = run(
        capsys, "update", folder / "model", folder / "1.csv", "--output", folder / "new", "--forgetting", "0.1"
    )
    assert code == 0
    assert "500 rows taken in, 10.0% of what 2 components hold" in out
    assert load_model(folder / "new").model.provenance["update"]["forgetting"] == pytest.approx(0.1)
    assert run(capsys, "verify", folder / "new")[0] == 0


def test_fit_from_a_start(capsys, folder):
    code, out, _ = run(capsys, "fit", folder / "1.csv", "-m", folder / "warm", "--start", folder / "model")
    assert code == 0
    assert "2 components, full, converged" in out
    assert set(load_model(folder / "warm").changes.kept) == {0, 1}


def test_select_with_the_numbers_of_another(capsys, folder):
    arguments = ["select", folder / "1.csv", "-m", folder / "chosen", "-k", "1:3", "--previous", folder / "model"]
    assert run(capsys, *arguments)[0] == 0
    assert set(load_model(folder / "chosen").changes.kept) == {0, 1}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["update", "model", "1.csv", "-o", "o", "--forgetting", "2"], 2, "update.forgetting"),
        (["update", "model", "1.csv"], 2, "--output"),
        (["update", "nowhere", "1.csv", "-o", "o"], 3, "nowhere"),
        (["fit", "1.csv", "-m", "m", "--start", "model", "-k", "3"], 2, "3 components, and a start of 2"),
        (["fit", "1.csv", "-m", "m", "--start", "model", "--transform", "none"], 2, "brings its own"),
        (["fit", "1.csv", "-m", "m"], 2, "--components"),
    ],
)
def test_requests_that_end_otherwise(capsys, folder, monkeypatch, arguments, code, says):
    monkeypatch.chdir(folder)
    found, _, err = run(capsys, *arguments)
    assert found == code
    assert says in err
