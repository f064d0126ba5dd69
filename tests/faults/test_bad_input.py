"""Bad input ends with exit code 3, names the place and the next step, and publishes nothing."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask.cli import main


@pytest.fixture
def good():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=300), "y": rng.normal(size=300), "name": rng.choice(["u", "v"], 300)})


def run(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ending.value.code, captured.out, " ".join(captured.err.split())


def assert_refused(capsys, folder, table, *options, says):
    """`select` on the table ends with 3, says so, and leaves nothing behind."""
    before = set(folder.rglob("*"))
    code, _, err = run(capsys, "select", table, "--model", folder / "model", "-k", "1:3", *options)
    assert code == 3, err
    for text in says:
        assert text in err, f"{text!r} is not in: {err}"
    assert "Traceback" not in err
    assert set(folder.rglob("*")) == before


def in_parts(folder, *frames):
    folder.mkdir()
    for number, frame in enumerate(frames):
        frame.to_parquet(folder / f"part-{number}.parquet", index=False)
    return folder


def test_a_truncated_file_among_good_ones(capsys, tmp_path, good):
    table = in_parts(tmp_path / "table", good, good, good)
    data = (table / "part-1.parquet").read_bytes()
    (table / "part-1.parquet").write_bytes(data[: len(data) // 2])
    assert_refused(capsys, tmp_path, table, says=["part-1.parquet"])


def test_a_file_that_is_no_parquet(capsys, tmp_path, good):
    table = in_parts(tmp_path / "table", good)
    (table / "part-9.parquet").write_text("hello")
    assert_refused(capsys, tmp_path, table, says=["part-9.parquet"])


def test_nothing_there(capsys, tmp_path, good):
    good.to_parquet(tmp_path / "customers.parquet")
    assert_refused(capsys, tmp_path, tmp_path / "custmers.parquet", says=["custmers.parquet", "customers.parquet"])


def test_no_usable_column(capsys, tmp_path, good):
    good[["name"]].to_parquet(tmp_path / "t.parquet")
    assert_refused(capsys, tmp_path, tmp_path / "t.parquet", says=["no continuous column", "'name'"])


def test_an_unknown_column(capsys, tmp_path, good):
    good.rename(columns={"x": "dep_delay"}).to_parquet(tmp_path / "t.parquet")
    says = ["dep_dealy", "Did you mean 'dep_delay'"]
    assert_refused(capsys, tmp_path, tmp_path / "t.parquet", "-c", "dep_dealy", says=says)


def test_a_column_without_values(capsys, tmp_path, good):
    good.assign(empty=np.nan).to_parquet(tmp_path / "t.parquet")
    assert_refused(capsys, tmp_path, tmp_path / "t.parquet", says=["'empty'", "missing", "ignored"])


def test_infinite_values(capsys, tmp_path, good):
    bad = good.copy()
    bad.loc[7, "y"] = np.inf
    table = in_parts(tmp_path / "table", good, bad)
    assert_refused(capsys, tmp_path, table, says=["part-1.parquet", "'y'", "infinite"])


def test_infinite_values_in_a_column_that_is_not_used(capsys, tmp_path, good):
    good.assign(z=np.inf).to_parquet(tmp_path / "t.parquet")
    code, _, err = run(capsys, "fit", tmp_path / "t.parquet", "-m", tmp_path / "model", "-k", 2, "--ignore", "z")
    assert code == 0, err


def test_fewer_rows_than_components(capsys, tmp_path, good):
    good.head(2).assign(x=[1.0, 2.0]).to_parquet(tmp_path / "t.parquet")
    says = ["2 complete rows", "3 components"]
    assert_refused(capsys, tmp_path, tmp_path / "t.parquet", "-c", "x", says=says)


def test_schemas_that_differ_between_files(capsys, tmp_path, good):
    table = in_parts(tmp_path / "table", good, good.assign(x=good["name"]))
    assert_refused(capsys, tmp_path, table, says=["'x'", "part-0.parquet", "part-1.parquet", "double", "string"])


def test_zero_rows(capsys, tmp_path, good):
    good.head(0).to_parquet(tmp_path / "t.parquet")
    assert_refused(capsys, tmp_path, tmp_path / "t.parquet", says=["t.parquet", "no row"])


def test_no_complete_row(capsys, tmp_path, good):
    good["x"] = np.where(np.arange(300) % 2, np.nan, good["x"])
    good["y"] = np.where(np.arange(300) % 2, good["y"], np.nan)
    good.to_parquet(tmp_path / "t.parquet")
    assert_refused(capsys, tmp_path, tmp_path / "t.parquet", says=["none of 300 rows", "ignored"])


def test_negative_weights(capsys, tmp_path, good):
    good.assign(w=-1.0 * np.arange(300)).to_parquet(tmp_path / "t.parquet")
    assert_refused(capsys, tmp_path, tmp_path / "t.parquet", "--weight", "w", says=["'w'", "negative"])


def test_a_constant_column_is_named_and_left_out(capsys, tmp_path, good):
    good.assign(same=4.0).to_parquet(tmp_path / "t.parquet")
    code, _, err = run(capsys, "fit", tmp_path / "t.parquet", "-m", tmp_path / "model", "-k", 2)
    assert code == 0, err
    assert "'same' is left out" in err


def test_a_csv_with_a_broken_row(capsys, tmp_path, good):
    good.to_csv(tmp_path / "t.csv", index=False)
    with (tmp_path / "t.csv").open("a") as file:
        file.write("1,2,u,4,5\n")
    assert_refused(capsys, tmp_path, tmp_path / "t.csv", says=["t.csv", "302"])


def test_a_damaged_model(capsys, tmp_path, good):
    good.to_parquet(tmp_path / "t.parquet")
    assert run(capsys, "fit", tmp_path / "t.parquet", "-m", tmp_path / "model", "-k", 2)[0] == 0
    (tmp_path / "model" / "means.f64").write_bytes(b"0" * 32)
    code, _, err = run(capsys, "score", tmp_path / "t.parquet", tmp_path / "model", "-o", tmp_path / "out")
    assert code == 3
    assert "means.f64" in err
    assert not (tmp_path / "out").exists()


def test_a_table_without_the_model_s_columns(capsys, tmp_path, good):
    good.to_parquet(tmp_path / "t.parquet")
    good.rename(columns={"y": "why"}).to_parquet(tmp_path / "other.parquet")
    assert run(capsys, "fit", tmp_path / "t.parquet", "-m", tmp_path / "model", "-k", 2)[0] == 0
    code, _, err = run(capsys, "impute", tmp_path / "other.parquet", tmp_path / "model", "-o", tmp_path / "out")
    assert code == 3
    assert "'y'" in err
    assert not (tmp_path / "out").exists()
