"""The prior that scikit-learn takes where the user leaves it open: it follows from the table's mean and covariance."""

from __future__ import annotations

from typing import Any

import numpy as np

from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.mixture.covariance import CovarianceFamily, SingularCovarianceError
from gmm_dask.mixture.features import Float
from gmm_dask.mixture.statistics import SufficientStatistics
from gmm_dask.mixture.variational.prior import MixturePrior
from gmm_dask.mixture.variational.weights import weight_distribution_named


def prior_of_table(
    family: CovarianceFamily,
    k: int,
    mean: Float,
    covariance: Float,
    *,
    weight_concentration_prior_type: str = "dirichlet_process",
    weight_concentration_prior: float | None = None,
    mean_precision_prior: float | None = None,
    mean_prior: Any = None,
    degrees_of_freedom_prior: float | None = None,
    covariance_prior: Any = None,
) -> MixturePrior:
    """The prior for k components, with scikit-learn's names and defaults.

    `mean` and `covariance` are the table's, as `table_moments` gives them, about the origin that `mean_prior` (d,) is
    about, too. `covariance_prior`: (d, d) for full and tied, (d,) for diag, a number for spherical. Raises UsageError.
    """
    d = mean.size
    weights = weight_distribution_named(weight_concentration_prior_type)
    return MixturePrior(
        family,
        weights.symmetric(k, 1 / k if weight_concentration_prior is None else weight_concentration_prior),
        mean if mean_prior is None else np.asarray(mean_prior, np.float64),
        1.0 if mean_precision_prior is None else float(mean_precision_prior),
        float(d if degrees_of_freedom_prior is None else degrees_of_freedom_prior),
        family.estimate(np.ones(1), covariance[None])
        if covariance_prior is None
        else _given_covariance(covariance_prior, family, d),
    )


def table_moments(statistics: SufficientStatistics) -> tuple[Float, Float]:
    """The table's mean (d,) and unbiased covariance matrix (d, d), or its diagonal (d,) for squares.

    From the statistics of any candidate; a row of weight 2 is a row twice. Raises BadInputError for a single row.
    """
    counts, means, scatters = statistics.counts, statistics.means(), statistics.scatters()
    if statistics.weight <= 1:
        raise BadInputError(
            f"rows whose weights sum to {statistics.weight:g} have no covariance matrix",
            expected="weights that count rows, and more than one row",
            advice="Scale the weights, or give mean_prior and covariance_prior.",
        )
    mean = counts @ means / counts.sum()
    offsets = means - mean
    between = offsets**2 if scatters.ndim == 2 else offsets[:, :, None] * offsets[:, None, :]
    covariance: Float = np.tensordot(counts, scatters + between, axes=1) / (statistics.weight - 1)
    return mean, covariance


def _given_covariance(covariance: Any, family: CovarianceFamily, d: int) -> Float:
    """A covariance prior, given without the axis of components or with it, in the family's shape for one component."""
    given, shape = np.asarray(covariance, np.float64), family.shape(1, d)
    without = shape if family.is_shared else shape[1:]
    if given.shape not in (shape, without):
        raise UsageError(f"the covariance prior has shape {given.shape}", expected=f"shape {without} for {family.name}")
    given = given.reshape(shape)
    try:
        family.factors(given, 1, d)
    except SingularCovarianceError as error:
        raise UsageError("the covariance prior is not positive definite", expected="a covariance matrix") from error
    return given
