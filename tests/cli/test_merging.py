"""The command that merges, and the option of scoring that goes with it; the verdict below the table of candidates."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask.cli import main


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ending.value.code, " ".join(captured.out.split()), " ".join(captured.err.split())


def test_from_a_choice_to_clusters(capsys, tmp_path):
    rng = np.random.default_rng(0)
    arms = [(0, 0, 4, 0.3), (0, 0, 0.3, 4), (20, 0, 1, 1), (0, 20, 1, 1)]
    rows = np.concatenate([rng.normal(size=(300, 2)) * (sx, sy) + (x, y) for x, y, sx, sy in arms])
    pd.DataFrame(rows, columns=["x", "y"]).to_parquet(tmp_path / "t.parquet")
    table, model = tmp_path / "t.parquet", tmp_path / "model"
    code, out, _ = run(capsys, "select", table, "-m", model, "-k", "2:5", "--criterion", "awe", "--transform", "none")
    assert code == 0
    assert "AWE chooses K = 4, full among 4 candidates" in out
    validated = ["--criterion", "cv", "--folds", "3", "-k", "3:4", "--transform", "none", "--n-init", "2"]
    code, out, _ = run(capsys, "select", table, "-m", tmp_path / "validated", *validated)
    assert code == 0
    assert "CV chooses K = 4, full among 2 candidates" in out
    code, out, _ = run(capsys, "merge", table, model, "-o", tmp_path / "merged")
    assert code == 0
    assert "4 components in 3 clusters, as suggested" in out
    assert run(capsys, "score", table, model, "-o", tmp_path / "scored", "--merged", tmp_path / "merged")[0] == 0
    assert pd.read_parquet(tmp_path / "scored")["cluster"].nunique() == 3
    code, _, err = run(capsys, "merge", table, model, "-o", tmp_path / "more", "--clusters", "9")
    assert code == 2
    assert "4 components cannot make 9 clusters" in err
