"""A model folder comes back bit for bit, and is refused, with the reason, when it is not what was saved."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from gmm_dask import fit, load_model
from gmm_dask.errors import BadInputError, DamagedError, GmmDaskWarning
from gmm_dask.model import Changes
from gmm_dask.model.folder import save_model
from gmm_dask.model.record import PARAMETERS, to_json
from gmm_dask.output import add_file, commit, drafting, resolve, verify


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=500), "b": np.exp(rng.normal(size=500))})
    frame["when"] = pd.Timestamp("2026-01-01", tz="UTC")
    frame["label"] = pd.Categorical(rng.choice(["u", "v"], 500))
    return fit(frame, 3, "tied", columns={"key": ["when"]})


@pytest.fixture
def saved(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


def test_round_trip(fitted, saved):
    loaded = load_model(saved)
    for name in ("weights", "means", "covariances"):
        np.testing.assert_array_equal(
            getattr(loaded.model.parameters, name), getattr(fitted.model.parameters, name), strict=True
        )
    assert loaded.model.schema == fitted.model.schema
    assert loaded.model.preparation == fitted.model.preparation
    assert loaded.model.training == fitted.model.training
    assert loaded.sample(100).equals(fitted.sample(100))
    assert_same_basis(loaded.model.basis, fitted.model.basis)


def assert_same_basis(left, right):
    for name in ("moments", "centres"):
        np.testing.assert_array_equal(getattr(left.statistics, name), getattr(right.statistics, name), strict=True)
    np.testing.assert_array_equal(left.estimation.regularisation, right.estimation.regularisation, strict=True)
    for name in ("features", "log_likelihood", "log_assignment", "weight", "n_rows"):
        assert getattr(left.statistics, name) == getattr(right.statistics, name)


@pytest.fixture(scope="module")
def updated(fitted):
    """With numbers that are not 0 to k - 1, and with changes."""
    rng = np.random.default_rng(5)
    model = fit(pd.DataFrame({"a": rng.normal(size=900) + np.repeat([0.0, 20.0, 40.0], 300)}), 3)
    with pytest.warns(GmmDaskWarning, match="vanished"):
        return model.update(pd.DataFrame({"a": rng.normal(size=600) + np.repeat([0.0, 40.0], 300)}), forgetting=1)


def test_an_updated_model_comes_back_and_goes_on_from_where_it_was(updated, tmp_path):
    updated.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert (len(loaded.labels), loaded.model.n_labels) == (2, 3)
    assert loaded.model.succession == updated.model.succession
    assert loaded.model.training == updated.model.training
    assert loaded.model.provenance == updated.model.provenance
    assert_same_basis(loaded.model.basis, updated.model.basis)
    table = pd.DataFrame({"a": np.random.default_rng(6).normal(size=600) + np.repeat([0.0, 40.0], 300)})
    next_of_both = [model.update(table, forgetting=0.3).model for model in (updated, loaded)]
    assert_same_basis(*(model.basis for model in next_of_both))
    np.testing.assert_array_equal(*(model.parameters.covariances for model in next_of_both))


def test_a_prior_is_kept(tmp_path):
    """By which an update goes on."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, 2)), columns=["a", "b"])
    fitted = fit(frame, 2, prior="inverse-wishart")
    fitted.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    left, right = (model.model.basis.estimation.prior for model in (fitted, loaded))
    np.testing.assert_array_equal(left.mean, right.mean)
    np.testing.assert_array_equal(left.covariance, right.covariance)
    assert left.mean_count == right.mean_count
    today = pd.DataFrame(rng.normal(size=(50, 2)), columns=["a", "b"])
    np.testing.assert_array_equal(
        *(model.update(today, forgetting=0.5).model.parameters.covariances for model in (fitted, loaded))
    )


def test_float32_columns_are_remembered_as_such(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=500).astype(np.float32), "b": rng.normal(size=500)})
    fitted = fit(frame, 1)
    fitted.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.model.preparation.narrow == {"a"}
    assert loaded.model.preparation == fitted.model.preparation


def test_a_folder_of_the_version_before_loads_without_statistics(fitted, tmp_path):
    """As version 1 was written: three arrays, and a record that knows neither statistics nor segment numbers."""
    record = {**to_json(fitted.model), "format": "gmm_dask.model", "format_version": 1}
    for name in ("statistics", "estimation", "succession", "narrow"):
        del record[name]
    del record["training"]["updates"]
    record["arrays"] = {name: record["arrays"][name] for name in PARAMETERS}
    with drafting(tmp_path / "model", "model") as draft:
        arrays = {name: getattr(fitted.model.parameters, name) for name in PARAMETERS}
        parts = [add_file(draft.folder, f"{name}.f64", array.tobytes()) for name, array in arrays.items()]
        parts.append(add_file(draft.folder, "model.json", json.dumps(record).encode()))
        commit(draft, parts, schema=None, provenance={})
    loaded = load_model(tmp_path / "model")
    assert (loaded.model.basis, loaded.model.succession, loaded.labels) == (None, None, (0, 1, 2))
    assert loaded.model.training == fitted.model.training
    assert loaded.sample(100).equals(fitted.sample(100))


def test_a_plain_copy_of_the_folder_loads(fitted, saved, tmp_path):
    shutil.copytree(saved.resolve(), tmp_path / "copy")
    assert load_model(tmp_path / "copy").model.training == fitted.model.training


def test_saving_again_switches_and_keeps_the_version_before(fitted, saved):
    before = saved.resolve()
    fitted.save(saved)
    assert saved.resolve() != before
    assert load_model(before).n_components == 3


FILES = [
    "weights.f64",
    "means.f64",
    "covariances.f64",
    "moments.f64",
    "centres.f64",
    "regularisation.f64",
    "model.json",
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damage_is_refused_with_the_file(saved, name, damage):
    file = saved.resolve() / name
    data = bytearray(file.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif damage == "truncate":
        file.write_bytes(data[:-1])
    else:
        file.unlink()
    with pytest.raises(DamagedError, match=name):
        load_model(saved)


def republish(fitted, path, monkeypatch, change):
    """Publish a folder whose checksums are right and whose content is not."""
    import gmm_dask.model.folder as folder

    original = folder.add_file

    def altered(draft_folder, name, data):
        return original(draft_folder, name, change(name, data))

    monkeypatch.setattr(folder, "add_file", altered)
    save_model(fitted.model, path)
    assert isinstance(verify(path).path, type(path))


def in_json(**values):
    def change(name, data):
        return json.dumps(json.loads(data) | values).encode() if name == "model.json" else data

    return change


def in_statistics(**values):
    def change(name, data):
        if name != "model.json":
            return data
        record = json.loads(data)
        return json.dumps(record | {"statistics": record["statistics"] | values}).encode()

    return change


NO_CHANGES = Changes().to_json()


def in_array(which, make):
    def change(name, data):
        return make(np.frombuffer(data).copy()).tobytes() if name == which else data

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (in_json(format_version=99), "version 99"),
        (in_json(format="other"), "'other'"),
        (in_json(covariance_type="round"), "round"),
        (in_json(arrays={}), "weights"),
        (in_array("means.f64", lambda x: np.where(np.arange(x.size) == 1, np.nan, x)), "not finite"),
        (in_array("weights.f64", lambda x: x[:-1]), "2 numbers"),
        (in_array("covariances.f64", lambda x: -x), "positive definite"),
        (in_array("weights.f64", lambda x: x * 2), "weights"),
        (in_array("moments.f64", lambda x: np.where(np.arange(x.size) == 1, np.inf, x)), "not finite"),
        (in_array("moments.f64", lambda x: -x), "no rows"),
        (in_array("centres.f64", lambda x: x[:-1]), "5 numbers"),
        (in_array("regularisation.f64", lambda x: -x), "regularisation"),
        (in_json(statistics={}), "features"),
        (in_statistics(features="squares"), "squares statistics of a tied mixture"),
        (in_json(estimation={"maximises": "luck"}), "luck"),
        (in_json(estimation={"maximises": "posterior"}), "prior_mean"),
        (in_statistics(weight=0.0), "no rows"),
        (in_statistics(log_likelihood=np.nan), "not finite"),
        (in_json(succession={"labels": [0, 0, 1], "n_given": 3, "changes": NO_CHANGES}), "segment numbers"),
        (in_json(succession={"labels": [0, 1], "n_given": 3, "changes": NO_CHANGES}), "2 segment numbers for 3"),
    ],
)
def test_content_that_is_no_mixture_is_refused(fitted, tmp_path, monkeypatch, change, reason):
    republish(fitted, tmp_path / "model", monkeypatch, change)
    with pytest.raises(DamagedError, match=reason):
        load_model(tmp_path / "model")


def test_a_table_is_no_model(tmp_path):
    from gmm_dask.config import IngestJob
    from gmm_dask.pipeline import ingest

    pd.DataFrame({"x": [1.0, 2.0]}).to_csv(tmp_path / "t.csv", index=False)
    ingest(IngestJob(source={"path": str(tmp_path / "t.csv")}, output=str(tmp_path / "t")))
    with pytest.raises(DamagedError, match="expected a model folder"):
        load_model(tmp_path / "t")


def test_nothing_there(tmp_path):
    with pytest.raises(BadInputError):
        load_model(tmp_path / "nowhere")


def test_the_folder_holds_json_and_raw_numbers_only(fitted, saved):
    names = {part.name for part in resolve(saved).parts}
    assert names == {*FILES}
    raw = np.frombuffer((saved.resolve() / "means.f64").read_bytes(), "<f8")
    np.testing.assert_array_equal(raw, fitted.model.parameters.means.ravel())
