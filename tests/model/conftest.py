"""Models made by hand."""

import numpy as np
import pyarrow as pa
import pytest

from gmm_dask.em import MaximumLikelihood
from gmm_dask.mixture import Block, compile_candidates, family_named, sweep_block
from gmm_dask.model import Basis, MixtureModel, Training
from gmm_dask.table.curves import Identity
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.roles import Role
from gmm_dask.table.schema import Column, TableSchema
from gmm_dask.table.transforms import Transform
from tests.mixtures import random_mixture, sample_rows


@pytest.fixture
def make_model():
    """A model of given parameters, or of random ones, with the statistics of rows drawn from it."""

    def make(k=3, d=2, *, family="full", seed=0, parameters=None, transforms=None):
        rng = np.random.default_rng(seed)
        if parameters is None:
            parameters = random_mixture(rng, family_named(family), k, d, separation=8.0)
        names = [f"x{column}" for column in range(parameters.n_columns)]
        transforms = transforms or [Transform("none", Identity(), 0.0, 1.0, -50.0, 50.0)] * len(names)
        rows = np.ascontiguousarray(sample_rows(rng, parameters, 500).T)
        (statistics,) = sweep_block(compile_candidates([parameters]), Block(rows))
        return MixtureModel(
            parameters,
            TableSchema(tuple(Column(name, pa.float64(), Role.CONTINUOUS, "as asked") for name in names)),
            Preparation(tuple(zip(names, transforms, strict=True))),
            Training("converged", 5, 500, 500, 500.0, statistics.log_likelihood, {}, 0, dict.fromkeys(names, 0)),
            {},
            Basis(statistics, MaximumLikelihood(np.full(len(names), 1e-6))),
        )

    return make
