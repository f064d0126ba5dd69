"""The scikit-learn face: drop-ins for `sklearn.mixture`'s two estimators, over tables of any size.

`mixture_estimator` holds what both share, `gaussian_mixture` and `bayesian_gaussian_mixture` what is left to say of
each. `inputs` says what X may be, `table` brings its rows to where they are swept, `starts` and `initial` reproduce
scikit-learn's starting points, `training` and `solving` its iteration, `variational` its prior and lower bound,
`scoring` applies a fitted mixture to rows wherever they are, `attributes` and `posterior` set and read what was fitted,
`folder` saves it, `conversion` hands it over.
"""

from gmm_dask.estimator.bayesian_gaussian_mixture import BayesianGaussianMixture
from gmm_dask.estimator.gaussian_mixture import GaussianMixture

__all__ = ["BayesianGaussianMixture", "GaussianMixture"]
