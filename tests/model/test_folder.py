"""A model folder comes back bit for bit, and is refused, with the reason, when it is not what was saved."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from gmm_dask import fit, load_model
from gmm_dask.errors import BadInputError, DamagedError
from gmm_dask.model.folder import save_model
from gmm_dask.output import resolve, verify


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


def test_a_plain_copy_of_the_folder_loads(fitted, saved, tmp_path):
    shutil.copytree(saved.resolve(), tmp_path / "copy")
    assert load_model(tmp_path / "copy").model.training == fitted.model.training


def test_saving_again_switches_and_keeps_the_version_before(fitted, saved):
    before = saved.resolve()
    fitted.save(saved)
    assert saved.resolve() != before
    assert load_model(before).n_components == 3


@pytest.mark.parametrize("name", ["weights.f64", "means.f64", "covariances.f64", "model.json"])
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
    assert names == {"model.json", "weights.f64", "means.f64", "covariances.f64"}
    raw = np.frombuffer((saved.resolve() / "means.f64").read_bytes(), "<f8")
    np.testing.assert_array_equal(raw, fitted.model.parameters.means.ravel())
