"""The scikit-learn face: `GaussianMixture`, a drop-in for `sklearn.mixture.GaussianMixture` over tables of any size.

`mixture_estimator` holds what all estimators of mixtures share, `gaussian_mixture` what is left to say of this one.
`inputs` says what X may be, `table` brings its rows to where they are swept, `starts` and `initial` reproduce
scikit-learn's starting points, `training` and `solving` its iteration, `scoring` applies a fitted mixture to rows
wherever they are, `attributes` sets and reads what was fitted, `folder` saves it, `conversion` hands it over.
"""

from gmm_dask.estimator.gaussian_mixture import GaussianMixture

__all__ = ["GaussianMixture"]
