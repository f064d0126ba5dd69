"""The shell: every command once, on real files; help is quick; exit codes are kept."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from gmm_dask.cli import main
from gmm_dask.cli.main import app
from gmm_dask.config import PipelineJob, load_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A CSV table and a model fitted to it."""
    path = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal(6, 1, (300, 2))])
    rows[::17, 1] = np.nan
    frame = pd.DataFrame({"id": range(500), "x": rows[:, 0], "y": rows[:, 1]})
    frame.to_csv(path / "t.csv", index=False)
    return path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ending.value.code, captured.out, captured.err


def test_from_a_csv_to_synthetic_rows(capsys, folder):
    assert run(capsys, "ingest", folder / "t.csv", "-o", folder / "t")[0] == 0
    select = ["select", folder / "t", "-m", folder / "model", "-k", "1:4", "--selection", folder / "sel"]
    code, out, _ = run(capsys, *select)
    assert code == 0
    assert "2 components, full, converged" in out
    assert pd.read_parquet(folder / "sel").query("best")["n_components"].tolist() == [2]
    assert run(capsys, "score", folder / "t", folder / "model", "-o", folder / "s", "--probabilities")[0] == 0
    assert pd.read_parquet(folder / "s")["probability_1"].between(0, 1).all()
    assert run(capsys, "impute", folder / "t", folder / "model", "-o", folder / "i")[0] == 0
    assert pd.read_parquet(folder / "i")["y"].notna().all()
    assert run(capsys, "sample", folder / "model", "-o", folder / "syn", "-n", "50")[0] == 0
    assert len(pd.read_parquet(folder / "syn")) == 50
    code, out, _ = run(capsys, "verify", *(folder / name for name in ("t", "model", "sel", "s", "i", "syn")))
    assert code == 0
    assert out.count("intact") == 6
    assert run(capsys, "clean", folder / "t")[0] == 0


def test_verify_checks_all_folders_and_ends_with_3_if_one_is_damaged(capsys, folder, tmp_path):
    for name in ("one", "two"):
        assert run(capsys, "ingest", folder / "t.csv", "-o", tmp_path / name)[0] == 0
    next((tmp_path / "one").glob("part-*")).unlink()
    code, out, err = run(capsys, "verify", tmp_path / "one", tmp_path / "two")
    assert code == 3
    assert "damaged" in err
    assert "intact" in out


def test_profile_tells_roles(capsys, folder):
    code, out, _ = run(capsys, "profile", folder / "t.csv", "--json")
    assert code == 0
    roles = {column["name"]: column["role"] for column in json.loads(out)["columns"]}
    assert roles == {"id": "key", "x": "continuous", "y": "continuous"}
    assert run(capsys, "profile", folder / "t.csv")[0] == 0


def test_profile_shows_what_a_fit_would_refuse(capsys, tmp_path):
    pd.DataFrame({"x": [1.0, 2.0, 3.5], "empty": [None] * 3}).to_parquet(tmp_path / "t.parquet")
    code, out, err = run(capsys, "profile", tmp_path / "t.parquet")
    assert code == 0
    assert "empty" in out
    assert "a fit would refuse this table" in " ".join(err.split())


def test_fit_tells_of_rows_left_out(capsys, folder):
    code, _, err = run(capsys, "fit", folder / "t.csv", "-m", folder / "fitted", "-k", "2", "--covariance-type", "diag")
    assert code == 0
    assert "30 of 500 rows have a gap" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fit", "t.csv", "-m", "m", "-k", "2", "--covariance-type", "ful"], "'full', 'tied', 'diag', 'spherical'"),
        (["fit", "t.csv", "-m", "m", "-k", "2", "--transform", "log"], "columns.transform"),
        (["fit", "t.csv", "-m", "m", "-k", "2", "--prior", "flat"], "'none' or 'inverse-wishart'"),
        (["select", "t.csv", "-m", "m", "--acceleration", "full"], "'auto' or 'none'"),
        (["select", "t.csv", "-m", "m", "-k", "a:b"], "range such as '1:8'"),
        (["select", "t.csv", "-m", "m", "-k", "1:5:2:7"], "range such as '1:8'"),
        (["select", "t.csv", "-m", "m", "-k", "1:100000000"], "at most 10000 components"),
        (["select", "t.csv", "-m", "m", "-k", "0:3"], "greater than or equal to 1"),
        (["fit", "t.csv", "-m", "m", "-k", "2", "--reg-covar", "inf"], "fitting.reg_covar"),
        (["score", "t.csv", "", "-o", "o"], "model"),
        (["fit", "t.csv", "-m", "m"], "--components"),
        (["fitt"], "fit"),
        (["score", "t.csv"], "MODEL"),
        (["run", "nowhere.toml"], "no such configuration"),
        (["run", "."], "cannot be read"),
    ],
)
def test_a_request_that_cannot_be_meant_ends_with_2(capsys, folder, monkeypatch, arguments, says):
    monkeypatch.chdir(folder)
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert says in " ".join(err.split())


def test_a_scheduler_that_does_not_answer_ends_with_4(capsys, folder, monkeypatch):
    monkeypatch.setattr("gmm_dask.engine.opening._CONNECT_SECONDS", 1)
    code, _, err = run(capsys, "profile", folder / "t.csv", "--dask", "tcp://127.0.0.1:9")
    assert code == 4
    assert "no Dask scheduler answered" in " ".join(err.split())


def test_an_error_of_our_own_ends_with_5(capsys, folder, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("boom")

    monkeypatch.setattr("gmm_dask.pipeline.profile", broken)
    code, _, err = run(capsys, "profile", folder / "t.csv")
    assert code == 5
    assert "internal error" in err


def test_interruption_ends_with_130(capsys, folder, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("gmm_dask.pipeline.profile", interrupted)
    assert run(capsys, "profile", folder / "t.csv")[0] == 130


def test_help_needs_no_heavy_imports():
    """Counted, not timed: what makes `--help` slow is importing these."""
    code = (
        "import sys\nfrom gmm_dask.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'dask', 'distributed', 'numba', 'scipy', 'sklearn', 'prefect'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_command_documents_itself(capsys):
    for command in app.registered_commands:
        code, out, _ = run(capsys, command.callback.__name__, "--help")
        assert code == 0
        assert len(out.split()) > 25


def test_the_printed_configuration_is_one(capsys, tmp_path):
    code, out, _ = run(capsys, "config")
    assert code == 0
    (tmp_path / "plain.toml").write_text(out)
    (tmp_path / "all.toml").write_text(re.sub(r"^# ([a-z_]+ = )", r"\1", out, flags=re.MULTILINE))
    plain, full = (load_config(tmp_path / name, PipelineJob) for name in ("plain.toml", "all.toml"))
    shown = {"source": plain.source.model_copy(update={"csv": full.source.csv})}
    assert plain.model_copy(update=shown) == full


def test_plan_says_what_a_fit_would_take_and_fits_nothing(capsys, folder):
    before = sorted(folder.rglob("*"))
    code, out, _ = run(capsys, "plan", folder / "t.csv", "-k", "1:3", "--workers", "2", "--memory", "1GiB", "--json")
    assert code == 0
    planned = json.loads(out)
    assert planned["table"]["rows"] == 500
    assert planned["table"]["columns"] == 2
    assert planned["candidates"] == 3
    assert planned["plan"]["fits"]
    assert planned["plan"]["place"] == "memory"
    assert planned["total_seconds"] > 0
    code, out, _ = run(capsys, "plan", folder / "t.csv", "--memory", "100MB")
    assert code == 0
    assert re.search(r"fits +no", out)
    assert sorted(folder.rglob("*")) == before
    assert run(capsys, "plan", folder / "t.csv", "--memory", "much")[0] == 2
