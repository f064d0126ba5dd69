"""Models made by hand, and the comparison that one was chosen from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gmm_dask.mixture import family_named
from gmm_dask.model import MixtureModel, Training
from gmm_dask.table.curves import Identity, Log1p, YeoJohnson
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.roles import Role
from gmm_dask.table.schema import Column, TableSchema
from gmm_dask.table.transforms import Transform
from tests.mixtures import random_mixture

_TRANSFORMS = (
    Transform("standardise", Identity(), 1_260.0, 40.1, -86.0, 1_301.0),
    Transform("log1p", Log1p(), 5.6, 1.4, 0.0, 130_100.0),
    Transform("yeo-johnson", YeoJohnson(0.32), 3.6, 1.4, 0.0, 1_301.0),
    Transform("none", Identity(), 0.0031, 1.0, 0.0, 1.0),
)


@pytest.fixture
def make_model():
    """A model of k segments and d columns, or of the columns named."""

    def make(k=3, d=4, *, names=None, outcome="converged", n_left_out=9_430, weight=None, warnings=(), seed=0):
        names = names or [f"column_{number}" for number in range(d)]
        parameters = random_mixture(np.random.default_rng(seed), family_named("full"), k, len(names), separation=1.0)
        columns = [Column("id", pa.int64(), Role.KEY, "the name says that it identifies rows")]
        columns += [Column(name, pa.float64(), Role.CONTINUOUS, "double with 3214 distinct values") for name in names]
        columns += [Column(weight, pa.float64(), Role.WEIGHT, "as asked")] if weight else []
        transforms = tuple((name, _TRANSFORMS[number % 4]) for number, name in enumerate(names))
        criteria = {"bic": 8_247_654.3, "aic": 8_247_000.1, "icl": 8_250_000.0, "awe": 8_260_000.0}
        n_complete = 336_776 - n_left_out
        missing = {column.name: 8_255 if number == 1 else 0 for number, column in enumerate(columns)}
        return MixtureModel(
            parameters.ordered(np.argsort(-parameters.weights)),
            TableSchema(tuple(columns), tuple(warnings)),
            Preparation(transforms, weight),
            Training(outcome, 43, 336_776, n_complete, float(n_complete), -4_123_456.7, criteria, seed, missing),
            {"gmm_dask": "0.1.0", "source_fingerprint": "3f9a"},
        )

    return make


@pytest.fixture
def selection():
    """Eight candidates of which BIC prefers (3, full); (4, full) collapsed onto an unbounded likelihood."""
    rows = [
        _candidate(k, family, bic, "collapsed" if (k, family) == (4, "full") else "converged")
        for family, values in {"diag": (900.0, 500.0, 450.0, 460.0), "full": (880.0, 420.0, 400.0, -9e6)}.items()
        for k, bic in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows).assign(best=lambda frame: frame["bic"] == 400.0)


def _candidate(k, family, bic, outcome):
    return {
        "n_components": k,
        "covariance_type": family,
        "log_likelihood": -bic / 2,
        "n_parameters": 5 * k,
        "bic": bic,
        "aic": bic - 10,
        "icl": bic + 10,
        "awe": bic + 20 * k,
        "smallest_weight": 0.4 / k,
        "smallest_rows": 400.0 / k,
        "smallest_variance": 1.0 if k == 1 else 0.05,
        "min_entropy": 0.01 * (k - 1),
        "n_iter": 12,
        "outcome": outcome,
        "set_aside": "" if outcome == "converged" else "a component of 0.5% of the rows",
    }
