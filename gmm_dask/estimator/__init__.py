"""The scikit-learn face: `GaussianMixture`, a drop-in for `sklearn.mixture.GaussianMixture` over tables of any size.

`gaussian_mixture` holds the class and nothing else. `inputs` says what X may be, `table` brings its rows to where they
are swept, `starts` and `initial` reproduce scikit-learn's starting points, `solving` its iteration, `scoring` applies a
fitted mixture to rows wherever they are.
"""

from gmm_dask.estimator.gaussian_mixture import GaussianMixture

__all__ = ["GaussianMixture"]
