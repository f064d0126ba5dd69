"""scikit-learn's own tests of its mixtures, read where it is installed, with our classes in the place of its own."""

import inspect
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest
import sklearn.mixture

from gmm_dask import BayesianGaussianMixture, GaussianMixture

FOLDER = Path(sklearn.mixture.__file__).parent / "tests"
MODULES = ["test_gaussian_mixture", "test_bayesian_mixture", "test_mixture"]
OURS = {"GaussianMixture": GaussianMixture, "BayesianGaussianMixture": BayesianGaussianMixture}

PRIVATE = {
    "test_suffstat_sk_full": "_estimate_gaussian_covariances_full, _compute_precision_cholesky; no estimator",
    "test_suffstat_sk_tied": "_estimate_gaussian_covariances_tied, _compute_precision_cholesky; no estimator",
    "test_suffstat_sk_diag": "_estimate_gaussian_covariances_diag, _compute_precision_cholesky; no estimator",
    "test_gaussian_suffstat_sk_spherical": "_estimate_gaussian_covariances_spherical; no estimator",
    "test_compute_log_det_cholesky": "_compute_log_det_cholesky; no estimator",
    "test_gaussian_mixture_log_probabilities": "_estimate_log_gaussian_prob; no estimator",
    "test_gaussian_mixture_precisions_init": "calls the methods _set_parameters and _initialize",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": "counts calls of the private "
    "_estimate_gaussian_parameters",
    "test_log_dirichlet_norm": "_log_dirichlet_norm; no estimator",
    "test_log_wishart_norm": "_log_wishart_norm; no estimator",
    "test_compare_covar_type": "calls the methods _check_parameters and _initialize_parameters",
}
"""Tests of what is private to scikit-learn, and what that is."""

ARRAY_API = {
    "test_gaussian_mixture_array_api_compliance": "arrays of other libraries (array API dispatch) are not taken",
    "test_gaussian_mixture_raises_where_array_api_not_implemented": "that k-means starts are refused under array API "
    "dispatch, which changes nothing here",
}
"""Tests of array API dispatch, which scikit-learn skips, too, unless SCIPY_ARRAY_API is set."""


def public_tests(name):
    """The tests of a module of scikit-learn's, by name, as they are when its estimators are ours.

    A name that a module before has, too, has that of its module behind it.
    """
    file = FOLDER / f"{name}.py"
    if not file.exists():
        pytest.skip(f"this scikit-learn comes without {file}", allow_module_level=True)
    spec = spec_from_file_location(f"scikit_learns_{name}", file)
    module, theirs = module_from_spec(spec), {each: getattr(sklearn.mixture, each) for each in OURS}
    vars(sklearn.mixture).update(OURS)
    try:
        spec.loader.exec_module(module)
    finally:
        vars(sklearn.mixture).update(theirs)
    return {key: test for key, test in vars(module).items() if key.startswith("test_") and callable(test)}


def all_tests():
    tests = {}
    for name in MODULES:
        tests |= {f"{key}_of_{name}" if key in tests else key: test for key, test in public_tests(name).items()}
    return tests


TESTS = all_tests()
globals().update({key: test for key, test in TESTS.items() if key not in PRIVATE | ARRAY_API})

# Some of them fit until max_iter or to rows that are too few for k-means, and expect no more than a warning.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=[np.float32, np.float64])
def global_dtype(request):
    return request.param


@pytest.fixture
def global_random_seed():
    return 42


def test_what_is_left_out_exists_and_the_rest_is_many():
    assert PRIVATE.keys() | ARRAY_API.keys() <= TESTS.keys()
    assert len(TESTS) - len(PRIVATE | ARRAY_API) >= 40


def test_the_documentation_says_what_is_left_out():
    text = (Path(__file__).parents[2] / "docs" / "scikit-learn.md").read_text()
    assert set(re.findall(r"\btest_\w+\b(?!\.py)", text)) == PRIVATE.keys() | ARRAY_API.keys()


def test_the_classes_in_their_modules_are_ours():
    assert all(isinstance(test, FunctionType) for test in TESTS.values())
    for test in TESTS.values():
        names = inspect.unwrap(test).__globals__
        assert names.keys() & OURS.keys()
        assert all(names[each] is OURS[each] for each in names.keys() & OURS.keys())
