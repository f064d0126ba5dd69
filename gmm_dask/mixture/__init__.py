"""Gaussian mixtures over arrays: parameters, families, statistics, the sweep of a block, conditionals, criteria."""

from gmm_dask.mixture.compiled import (
    Block,
    CompiledCandidates,
    compile_candidates,
    compile_kernels,
    log_joint,
    sweep_block,
    sweep_bytes,
)
from gmm_dask.mixture.conditionals import Conditionals, conditionals
from gmm_dask.mixture.conjugate import ConjugatePrior
from gmm_dask.mixture.covariance import FAMILIES, CovarianceFamily, SingularCovarianceError, family_named
from gmm_dask.mixture.criteria import CRITERIA, FitSummary, criterion_named
from gmm_dask.mixture.features import Features, Float
from gmm_dask.mixture.parameters import MixtureParameters, m_step
from gmm_dask.mixture.statistics import SufficientStatistics, merge_all
from gmm_dask.mixture.terms import Sweepable, Terms
from gmm_dask.mixture.variational import MixturePosterior, MixturePrior, prior_of_table, table_moments

__all__ = [
    "CRITERIA",
    "FAMILIES",
    "Block",
    "CompiledCandidates",
    "Conditionals",
    "ConjugatePrior",
    "CovarianceFamily",
    "Features",
    "FitSummary",
    "Float",
    "MixtureParameters",
    "MixturePosterior",
    "MixturePrior",
    "SingularCovarianceError",
    "SufficientStatistics",
    "Sweepable",
    "Terms",
    "compile_candidates",
    "compile_kernels",
    "conditionals",
    "criterion_named",
    "family_named",
    "log_joint",
    "m_step",
    "merge_all",
    "prior_of_table",
    "sweep_block",
    "sweep_bytes",
    "table_moments",
]
