"""A model over a table with gaps, keys, categories and integers, whose columns are transformed in every way."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask import fit
from gmm_dask.errors import GmmDaskWarning


def make_table(n=4000, seed=3):
    """Two groups; `amount` is skewed, `visits` an integer; all modelled columns have gaps."""
    rng = np.random.default_rng(seed)
    group = rng.random(n) < 0.4
    level = np.where(group, 2.0, -1.0) + rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(n) + 10_000,
            "level": level,
            "amount": np.exp(0.7 * level + rng.normal(size=n) * 0.5 + 3) - 1,
            "visits": pd.array(np.round(20 + 5 * level + rng.normal(size=n) * 3).astype(int), dtype="Int64"),
            "region": rng.choice(["north", "south"], size=n),
        }
    )
    for number, column in enumerate(["level", "amount", "visits"]):
        frame.loc[rng.choice(n, n // 8, replace=False) if number else frame.index[::9], column] = pd.NA
    return frame


@pytest.fixture(scope="session")
def table():
    return make_table()


@pytest.fixture(scope="session")
def fitted(table):
    transforms = {"level": "none", "amount": "log1p", "visits": "standardise"}
    with pytest.warns(GmmDaskWarning, match=r"1,292 of 4,000 rows have a gap"):
        return fit(table, 2, columns={"transforms": transforms}, seed=1)


@pytest.fixture(scope="session")
def curved(table):
    """The same with Yeo-Johnson on every column."""
    with pytest.warns(GmmDaskWarning, match=r"1,292 of 4,000 rows have a gap"):
        return fit(table, 2, columns={"transform": "yeo-johnson"}, seed=1)
