"""Arguments of `fit` and `select`: what they take, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask import fit, select
from gmm_dask.errors import GmmDaskWarning, UsageError


@pytest.fixture(scope="module")
def frame():
    return pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["x", "y"])


@pytest.mark.parametrize("n_components", [2, "2", [2], np.array([2]), range(2, 3)])
def test_numbers_of_components(frame, n_components):
    assert list(select(frame, n_components, "diag").table["n_components"]) == [2]


@pytest.mark.parametrize("n_components", [2.7, True, [2.7], [True], "a", [], [0], [2, 2]])
def test_what_is_no_number_of_components(frame, n_components):
    with pytest.raises(UsageError, match="n_components"):
        select(frame, n_components)


def test_other_arguments_that_cannot_be_meant(frame):
    for arguments in ({"criterion": "bix"}, {"tol": -1}, {"n_init": 0}, {"toll": 1}, {"columns": {"kye": ["x"]}}):
        with pytest.raises(UsageError):
            select(frame, [1], **arguments)
    with pytest.raises(UsageError):
        fit(frame, 2, "ful")
    for seed in (-1, 1.5, "a"):
        with pytest.raises(UsageError, match="seed"):
            fit(frame, 2, seed=seed)


def test_what_should_be_known_is_a_warning_at_the_callers_line(frame):
    gaps = frame.copy()
    gaps.iloc[0, 0] = np.nan
    with pytest.warns(GmmDaskWarning, match="1 of 300 rows have a gap"):
        select(gaps, [1])
    with pytest.warns(GmmDaskWarning, match="iteration limit") as caught:
        fit(frame, 3, max_iter=1)
    assert caught[0].filename == __file__


def test_the_size_of_weights_does_not_move_the_model(frame):
    columns = {"weight": "w", "transform": "none", "continuous": ["x", "y"]}
    with pytest.warns(GmmDaskWarning, match="add up to"):
        small = fit(frame.assign(w=1e-15 * (1 + np.arange(300) % 2)), 2, columns=columns)
    large = fit(frame.assign(w=1.0 * (1 + np.arange(300) % 2)), 2, columns=columns)
    np.testing.assert_allclose(small.model.parameters.means, large.model.parameters.means, rtol=1e-6)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(("dtype", "offset"), [(np.float64, 1e9), (np.float32, 1e6)])
def test_offsets_cost_no_digits(covariance_type, dtype, offset):
    """Two clusters, 8 sd apart: variances are those of the numbers as they came, to a millionth."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4000, 2)) + np.repeat([[0.0, 0.0], [8.0, 8.0]], 2000, axis=0)
    rows = (rows + offset).astype(dtype)
    found, expected = (
        np.diagonal(
            fit(
                pd.DataFrame(each, columns=["x", "y"]), 2, covariance_type, columns={"transform": "none"}, tol=1e-12
            ).model.parameters.dense_covariances(),
            axis1=1,
            axis2=2,
        )
        for each in (rows, rows.astype(float) - offset)
    )
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(expected, axis=0), rtol=1e-6)
