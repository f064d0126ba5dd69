"""What a DataFrame holds that no verb touches comes back as it was: values, types, names, index."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask import fit


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    frame["id"] = pd.array([2**60 + i if i % 3 else None for i in range(300)], dtype="Int64")
    frame["arrow"] = pd.array([2**60 + i if i % 3 else None for i in range(300)], dtype="int64[pyarrow]")
    frame["kind"] = pd.Categorical(rng.choice(["u", "v"], 300))
    frame["when"] = pd.date_range("2026-01-01", periods=300, tz="Europe/Berlin")
    return frame


@pytest.mark.parametrize("index", [None, "named", "text", "levels"])
def test_columns_index_and_types(frame, index):
    if index == "named":
        frame.index = pd.Index(range(1000, 1300), name="row")
    elif index == "text":
        frame.index = [f"r{i}" for i in range(300)]
    elif index == "levels":
        frame.index = pd.MultiIndex.from_product([["x", "y", "z"], range(100)], names=["letter", "number"])
    before = frame.copy()
    fitted = fit(frame, 1, columns={"continuous": ["a", "b"]})
    frame_with_gap = frame.copy()
    frame_with_gap.iloc[0, 0] = np.nan
    for result in (fitted.score(frame), fitted.impute(frame_with_gap)):
        pd.testing.assert_frame_equal(result[["b", "id", "arrow", "kind", "when"]], before.drop(columns="a"))
        pd.testing.assert_index_equal(result.index, before.index)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("names", [[0, 1], [1.5, "z"], [("x", "y"), ("x", "z")]])
def test_names_that_are_not_text(names):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2)))
    frame.columns = names
    scores = fit(frame, 2).score(frame)
    assert list(scores.columns) == [*names, "segment", "segment_probability", "log_density"]


def test_far_away_values_are_unlikely_and_no_nonsense():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, 2)), columns=["a", "b"])
    fitted = fit(frame, 2)
    far = pd.DataFrame({"a": [1e155, -1e300, 1e90], "b": [0.0, np.nan, np.nan]})
    scores = fitted.score(far)
    assert scores["segment_probability"].between(0, 1).all()
    assert (scores["log_density"] < -1e100).all()
    assert np.isfinite(fitted.impute(far)["b"]).all()
