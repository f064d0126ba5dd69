"""A saved estimator comes back bit for bit, is a model folder as well, and is refused when it is not what was saved."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import mixture
from sklearn.exceptions import NotFittedError

from gmm_dask import BayesianGaussianMixture, GaussianMixture, fit, load_model
from gmm_dask.errors import BadInputError, DamagedError, UsageError
from gmm_dask.estimator import folder
from gmm_dask.mixture import FAMILIES
from gmm_dask.output import add_file, commit, drafting, resolve


def assert_same(a, b):
    """The same estimator: parameters and attributes of the same types and bits."""
    assert type(a) is type(b)
    assert vars(a).keys() == vars(b).keys()
    for name, value in vars(a).items():
        assert_same_value(value, vars(b)[name], name)


def assert_same_value(value, other, name):
    assert type(value) is type(other), name
    if isinstance(value, np.random.RandomState):
        assert_array_equal(value.get_state()[1], other.get_state()[1])
        assert value.get_state()[2:] == other.get_state()[2:]
    elif isinstance(value, tuple):
        assert len(value) == len(other)
        for one, another in zip(value, other, strict=True):
            assert_same_value(one, another, name)
    elif isinstance(value, dict):
        assert value.keys() == other.keys()
        for key in value:
            assert_same_value(value[key], other[key], f"{name}[{key}]")
    else:
        assert_array_equal(value, other, strict=isinstance(value, np.ndarray), err_msg=name)


@pytest.fixture
def model(X):
    return GaussianMixture(3, random_state=0).fit(pd.DataFrame(X, columns=["a", "b", "c"]))


def saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "model")
    return type(model).load(tmp_path / "model")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_round_trip(X, tmp_path, covariance_type, dtype):
    rows = (X + 1e4).astype(dtype)
    model = GaussianMixture(2, covariance_type=covariance_type, max_iter=500, random_state=0).fit(rows)
    loaded = saved_and_loaded(model, tmp_path)
    assert_same(loaded, model)
    assert_array_equal(loaded.score_samples(rows), model.score_samples(rows))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("covariance_type", "kind"),
    [*((name, "dirichlet_process") for name in FAMILIES), ("full", "dirichlet_distribution")],
)
def test_round_trip_of_a_posterior(X, tmp_path, covariance_type, kind, dtype):
    rows = (X + 1e4).astype(dtype)
    settings = {"covariance_type": covariance_type, "weight_concentration_prior_type": kind, "tol": 10, "max_iter": 500}
    model = BayesianGaussianMixture(n_components=3, mean_prior=[1, 2, 3], random_state=0, **settings).fit(rows)
    loaded = saved_and_loaded(model, tmp_path)
    assert_same(loaded, model)
    assert_array_equal(loaded.score_samples(rows), model.score_samples(rows))


def test_parameters_and_attributes_of_every_kind(X, tmp_path):
    state = np.random.RandomState(7)
    state.normal()  # leaves half of a pair of normal numbers behind
    model = GaussianMixture(
        np.int64(2),
        reg_covar=np.float32(0.1),
        weights_init=[0.25, 0.75],
        means_init=np.array([[1, 2, 3], [4, 5, 6]], dtype=">i2"),
        random_state=state,
        warm_start=True,
        max_iter=0,
    )
    model.fit(pd.DataFrame(X, columns=["a", "b", "ü"]))
    assert model.lower_bound_ == -np.inf
    loaded = saved_and_loaded(model, tmp_path)
    assert loaded.means_init.dtype == np.int16
    loaded.means_init = loaded.means_init.astype(">i2")  # numbers keep their values; their bytes may turn round
    assert_same(loaded, model)
    assert_array_equal(loaded.random_state.normal(size=5), model.random_state.normal(size=5))


def test_what_came_from_scikit_learn(X, tmp_path):
    model = GaussianMixture.from_sklearn(mixture.GaussianMixture(2, random_state=0).fit(X.astype(np.float32)))
    loaded = saved_and_loaded(model, tmp_path)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert_array_equal(getattr(loaded, name), getattr(model, name), strict=True)
    assert load_model(tmp_path / "model").n_components == 2


def test_a_posterior_that_came_from_scikit_learn(X, tmp_path):
    theirs = mixture.BayesianGaussianMixture(n_components=2, covariance_type="tied", random_state=0).fit(X)
    loaded = saved_and_loaded(BayesianGaussianMixture.from_sklearn(theirs), tmp_path)
    assert_array_equal(loaded.predict_proba(X), BayesianGaussianMixture.from_sklearn(theirs).predict_proba(X))
    assert_array_equal(loaded.lower_bounds_, theirs.lower_bounds_)
    assert_array_equal(loaded.to_sklearn().score_samples(X), theirs.score_samples(X))


def test_the_model_folder_of_a_posterior_is_the_mixture_that_is_expected(X, tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = BayesianGaussianMixture(n_components=4, max_iter=500, random_state=0).fit(frame)
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert_allclose(loaded.segments()[["a mean", "b mean", "c mean"]], model.means_, rtol=1e-12)
    plain = mixture.GaussianMixture(4)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        setattr(plain, name, getattr(model, name))
    assert_allclose(loaded.score(frame)["log_density"], plain.score_samples(X), rtol=1e-9)
    with pytest.raises(BadInputError, match=r"a BayesianGaussianMixture was saved here; expected GaussianMixture"):
        GaussianMixture.load(tmp_path / "model")


def test_the_client_is_not_saved(model, tmp_path):
    assert saved_and_loaded(model.set_params(client="tcp://127.0.0.1:8786"), tmp_path).client is None


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_it_is_a_model_folder(X, tmp_path, offset):
    frame = pd.DataFrame(X + offset, columns=["a", "b", "c"])
    model = GaussianMixture(3, random_state=0).fit(frame)
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.columns == ["a", "b", "c"]
    scored = loaded.score(frame, probabilities=True)
    assert_array_equal(scored["segment"], model.predict(frame))
    assert_allclose(scored["log_density"], model.score_samples(frame), rtol=1e-9)
    assert_allclose(loaded.segments()[["a mean", "b mean", "c mean"]], model.means_, rtol=1e-12)
    assert list(loaded.sample(10).columns) == ["a", "b", "c"]
    assert loaded.impute(frame.mask(frame.index.to_numpy()[:, None] % 7 == [0, 1, 2])).notna().all(axis=None)


def test_columns_of_an_array_are_numbered(X, tmp_path):
    GaussianMixture(random_state=0).fit(X).save(tmp_path / "model")
    assert load_model(tmp_path / "model").columns == ["x0", "x1", "x2"]


def test_saving_again_keeps_the_version_before(model, X, tmp_path):
    before = model.save(tmp_path / "model")
    GaussianMixture(1).fit(X).save(tmp_path / "model")
    assert GaussianMixture.load(tmp_path / "model").n_components == 1
    assert_same(GaussianMixture.load(before.folder), model)


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
@pytest.mark.parametrize("name", ["estimator.json", "estimator.raw", "means.f64", "_manifest.json"])
def test_damage_is_refused(model, tmp_path, name, damage):
    file = model.save(tmp_path / "model").folder / name
    data = bytearray(file.read_bytes())
    if damage == "remove":
        file.unlink()
    else:
        data[len(data) // 2] ^= 1
        file.write_bytes(data if damage == "flip" else data[:-1])
    with pytest.raises(DamagedError):
        GaussianMixture.load(tmp_path / "model")


def named_like_a_method(record):
    record["attributes"]["predict"] = 1


def a_weight_below_zero(record):
    record["attributes"]["weights_"] = [1.5, -0.5, 0.0]


@pytest.mark.parametrize(
    "change",
    [
        named_like_a_method,
        a_weight_below_zero,
        lambda record: record["attributes"].pop("means_"),
        lambda record: record["attributes"].update(means_=[[0.0]]),
        lambda record: record["attributes"].update(means_={"array": 99}),
        lambda record: record["attributes"].update(means_={"pickle": "gASVAgAAAE4u"}),
        lambda record: record["parameters"].update(shrinkage=1),
        lambda record: record["parameters"].update(covariance_type="round"),
        lambda record: record["arrays"][0].update(dtype="|O8"),
        lambda record: record["arrays"][0].update(shape=[1]),
        lambda record: record.update(format_version=2),
        lambda record: record.pop("unrounded"),
    ],
)
def test_sealed_nonsense_is_refused(model, tmp_path, change):
    saved = model.save(tmp_path / "model")
    files = {part.name: (saved.folder / part.name).read_bytes() for part in saved.parts}
    record = json.loads(files["estimator.json"])
    change(record)
    files["estimator.json"] = json.dumps(record).encode()
    with drafting(tmp_path / "model", "model") as draft:
        parts = [add_file(draft.folder, name, data) for name, data in files.items()]
        commit(draft, parts, schema=None, provenance={})
    with pytest.raises(DamagedError):
        GaussianMixture.load(tmp_path / "model")


@pytest.mark.parametrize("name", ["mean_precision_", "degrees_of_freedom_", "weight_concentration_", "covariances_"])
def test_a_sealed_posterior_that_is_none_is_refused(X, tmp_path, name):
    model = BayesianGaussianMixture(n_components=2, covariance_type="diag", random_state=0).fit(X)
    setattr(model, name, tuple(-each for each in getattr(model, name)))
    if name == "covariances_":  # what has no density is not saved in the first place
        with pytest.raises(ValueError, match="not positive definite"):
            model.save(tmp_path / "model")
        return
    model.save(tmp_path / "model")
    with pytest.raises(DamagedError, match=f"{name} "):
        BayesianGaussianMixture.load(tmp_path / "model")


def test_a_folder_of_another_kind(X, tmp_path):
    with pytest.raises(BadInputError, match="nothing is there"):
        GaussianMixture.load(tmp_path / "model")
    fit(pd.DataFrame(X, columns=["a", "b", "c"]), 2).save(tmp_path / "model")
    with pytest.raises(BadInputError, match="no estimator was saved here"):
        GaussianMixture.load(tmp_path / "model")


def test_an_estimator_of_another_class(model, tmp_path):
    class Other(GaussianMixture):
        pass

    model.save(tmp_path / "model")
    with pytest.raises(BadInputError, match=r"a GaussianMixture was saved here; expected Other.*GaussianMixture.load"):
        folder.load_estimator(Other, tmp_path / "model")


def test_what_cannot_be_saved(X, tmp_path):
    with pytest.raises(NotFittedError):
        GaussianMixture().save(tmp_path / "model")
    with pytest.raises(UsageError, match=r"means_init: the DataFrame cannot be saved"):
        GaussianMixture(means_init=pd.DataFrame(X[:1])).fit(X).save(tmp_path / "model")
    unfinished = GaussianMixture(2, init_params="k-means++", max_iter=0, random_state=0).fit(X)
    with pytest.raises(UsageError, match=r"weights_ sum to 0.0022"):
        unfinished.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_nothing_but_json_and_numbers_is_published(model, tmp_path):
    model.save(tmp_path / "model")
    parts = resolve(tmp_path / "model").parts
    assert {part.name for part in parts} == {
        "model.json", "weights.f64", "means.f64", "covariances.f64", "estimator.json", "estimator.raw",
    }  # fmt: skip
