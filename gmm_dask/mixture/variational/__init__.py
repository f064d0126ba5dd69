"""Variational Bayes for Gaussian mixtures: the prior, the posterior, and the distributions of their weights."""

from gmm_dask.mixture.variational.defaults import prior_of_table, table_moments
from gmm_dask.mixture.variational.posterior import SWITCHED_OFF_BELOW, MixturePosterior
from gmm_dask.mixture.variational.prior import MixturePrior
from gmm_dask.mixture.variational.weights import (
    WEIGHT_DISTRIBUTIONS,
    Dirichlet,
    StickBreaking,
    WeightDistribution,
    weight_distribution_named,
)

__all__ = [
    "SWITCHED_OFF_BELOW",
    "WEIGHT_DISTRIBUTIONS",
    "Dirichlet",
    "MixturePosterior",
    "MixturePrior",
    "StickBreaking",
    "WeightDistribution",
    "prior_of_table",
    "table_moments",
    "weight_distribution_named",
]
