"""What scikit-learn says where a fit fails or does not converge."""

from __future__ import annotations

from typing import Any

from gmm_dask.estimator.solving import Solution
from gmm_dask.mixture import SingularCovarianceError


def ill_defined(error: SingularCovarianceError) -> SingularCovarianceError:
    """The error in scikit-learn's words."""
    return SingularCovarianceError(
        "Fitting the mixture model failed because some components have ill-defined empirical covariance "
        "(for instance caused by singleton or collapsed samples)",
        where=error.where,
        advice="Try to decrease the number of components, increase reg_covar, or scale the input data.",
    )


def not_converged(solution: Solution[Any]) -> str:
    """The warning, in scikit-learn's words, and what it does not say."""
    text = (
        "Best performing initialization did not converge. Try different init parameters, or increase max_iter, tol, "
        "or check for degenerate data."
    )
    if solution.is_singular:
        text += f" A covariance matrix became singular in iteration {solution.singular_in}: raise reg_covar."
    return text
