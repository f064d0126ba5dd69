"""The same rows as an array, a frame, a Dask collection or files: the same fit."""

import os

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import default_client
from numpy.testing import assert_allclose, assert_array_equal

from gmm_dask import GaussianMixture
from gmm_dask.table.source import open_source

FITTED = ["weights_", "means_", "covariances_", "lower_bounds_"]
PIECE = 9_000


@pytest.fixture(scope="module")
def rows():
    """(36,000, 3): enough for several shards."""
    rng = np.random.default_rng(5)
    centres = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 2.0], [0.0, 7.0, -3.0]])
    groups = [centre + rng.normal(size=(12_000, 3)) @ rng.normal(size=(3, 3)) for centre in centres]
    return rng.permutation(np.concatenate(groups))


@pytest.fixture(scope="module")
def frame(rows):
    return pd.DataFrame(rows, columns=["a", "b", "c"])


@pytest.fixture(scope="module")
def path(frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "rows.parquet"
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=PIECE)
    return path


@pytest.fixture(scope="module")
def elsewhere(rows, frame, path):
    """The rows in every form that does not lie in memory, cut alike."""
    return {
        "array": da.from_array(rows, chunks=(PIECE, 2)),
        "frame": dd.from_pandas(frame, npartitions=len(rows) // PIECE),
        "indexed frame": dd.from_pandas(frame.rename_axis("id"), npartitions=len(rows) // PIECE),
        "array of unknown length": dd.from_pandas(frame, npartitions=len(rows) // PIECE).to_dask_array(),
        "path": path,
        "text": str(path),
        "list": [path],
        "source": open_source(path),
    }


@pytest.fixture(scope="module")
def in_memory(rows):
    return GaussianMixture(3, random_state=0).fit(rows)


def test_every_form_gives_the_same_bits(elsewhere, in_memory, client):
    fits = {form: GaussianMixture(3, random_state=0, client=client).fit(X) for form, X in elsewhere.items()}
    for model in fits.values():
        for name in FITTED:
            assert_array_equal(getattr(model, name), getattr(fits["array"], name))
            assert_allclose(getattr(model, name), getattr(in_memory, name), rtol=1e-9, atol=1e-9)
        assert (model.n_iter_, model.converged_) == (in_memory.n_iter_, in_memory.converged_)


@pytest.mark.parametrize("client_of", ["nothing", "an address", "the current client"])
def test_where_it_runs_makes_no_difference(elsewhere, in_memory, client, client_of):
    model = GaussianMixture(3, random_state=0)
    if client_of == "the current client":
        with client.as_current():
            model.fit(elsewhere["path"])
            assert default_client() is client
    else:
        model.set_params(client=client.scheduler.address if client_of == "an address" else None).fit(elsewhere["path"])
    assert_allclose(model.means_, in_memory.means_, rtol=1e-9)


def test_rows_in_memory_go_to_a_client_that_is_given(rows, in_memory, client):
    model = GaussianMixture(3, random_state=0, client=client).fit(rows)
    assert_array_equal(model.means_, in_memory.means_)


@pytest.mark.parametrize("form", ["array", "frame", "indexed frame", "array of unknown length"])
def test_collections_are_scored_lazily(elsewhere, rows, in_memory, form):
    X = elsewhere[form]
    model = GaussianMixture(3, random_state=0).fit(rows if "array" in form else X.head(PIECE))
    for method in (model.predict, model.predict_proba, model.score_samples):
        lazy, expected = method(X), method(rows if "array" in form else pd.DataFrame(rows, columns=list("abc")))
        assert isinstance(lazy, da.Array)
        assert lazy.numblocks[0] == len(rows) // PIECE
        assert (lazy.dtype, lazy.ndim) == (expected.dtype, expected.ndim)
        assert_array_equal(lazy.compute(), expected)
    if form == "array":
        assert model.predict_proba(X).chunks == ((PIECE,) * 4, (3,))


def test_files_are_scored_as_arrays(path, frame):
    model = GaussianMixture(2, random_state=0).fit(frame)
    for name in ("predict", "predict_proba", "score_samples"):
        found = getattr(model, name)(path)
        assert isinstance(found, np.ndarray)
        assert_array_equal(found, getattr(model, name)(frame))


def test_partitions_may_be_empty(frame):
    model = GaussianMixture(2, random_state=0).fit(frame)
    few = dd.from_pandas(frame[:100], npartitions=4)
    some = few[few["a"] > few["a"].max()]
    assert model.predict_proba(some).compute().shape == (0, 2)


@pytest.mark.parametrize("form", ["array", "frame", "path"])
def test_criteria_by_one_pass(elsewhere, rows, in_memory, client, form):
    model = GaussianMixture(3, random_state=0, client=client).fit(elsewhere[form])
    assert_allclose(model.score(elsewhere[form]), in_memory.score_samples(rows).mean(), rtol=1e-12)
    assert_allclose(model.bic(elsewhere[form]), in_memory.bic(rows), rtol=1e-12)
    assert_allclose(model.aic(elsewhere[form]), in_memory.aic(rows), rtol=1e-12)


@pytest.mark.parametrize("form", ["frame", "indexed frame", "path", "source"])
def test_names_of_features_are_noted_and_held_to(elsewhere, frame, form, client):
    model = GaussianMixture(2, random_state=0, client=client).fit(elsewhere[form])
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    model.predict(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c"]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.score_samples(dd.from_pandas(frame[["b", "a", "c"]], npartitions=2))


def test_other_frames_in_memory(frame, rows, in_memory):
    for X in (frame, pl.DataFrame(rows, schema=["a", "b", "c"]), rows.tolist()):
        assert_array_equal(GaussianMixture(3, random_state=0).fit(X).means_, in_memory.means_)


def test_large_tables_start_from_a_sample(elsewhere, in_memory, client, monkeypatch):
    monkeypatch.setattr("gmm_dask.estimator.training.START_ROWS", 2_000)
    fits = [
        GaussianMixture(3, random_state=seed, client=client).fit(elsewhere[form])
        for form, seed in (("array", 0), ("path", 0), ("array", 1))
    ]
    assert_array_equal(fits[0].means_, fits[1].means_)
    assert not np.array_equal(fits[0].means_, fits[2].means_)
    assert_allclose(fits[0].lower_bound_, in_memory.lower_bound_, atol=1e-3)


def test_a_path_is_not_an_array_of_text():
    with pytest.raises(ValueError, match="nowhere"):
        GaussianMixture().fit(os.path.join("nowhere", "rows.parquet"))  # noqa: PTH118 - a plain string
