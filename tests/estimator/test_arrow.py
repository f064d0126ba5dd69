"""Tables that speak Arrow's stream protocol: read as they lie, answered with NumPy arrays."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gmm_dask import GaussianMixture

NAMES = ["a", "b", "c"]


class Stream:
    """A table that can do nothing else."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


FORMS = {
    "Polars": lambda frame: pl.DataFrame(frame),
    "Polars in chunks": lambda frame: pl.concat([pl.DataFrame(frame[:400]), pl.DataFrame(frame[400:])], rechunk=False),
    "Arrow": lambda frame: pa.Table.from_pandas(frame),
    "record batch": lambda frame: pa.RecordBatch.from_pandas(frame),
    "stream": lambda frame: Stream(pa.Table.from_pandas(frame)),
}


@pytest.fixture(scope="module")
def frame(X):
    return pd.DataFrame(X, columns=NAMES)


@pytest.fixture(scope="module")
def expected(frame):
    return GaussianMixture(3, random_state=0).fit(frame)


@pytest.mark.parametrize("form", FORMS)
def test_the_fit_and_the_results_are_those_of_the_frame(frame, expected, form):
    X = FORMS[form](frame)
    model = GaussianMixture(3, random_state=0).fit(X)
    assert list(model.feature_names_in_) == NAMES
    assert_array_equal(model.means_, expected.means_)
    for name in ("predict", "predict_proba", "score_samples"):
        found = getattr(model, name)(X)
        assert type(found) is np.ndarray
        assert_array_equal(found, getattr(expected, name)(frame), strict=True)
    for name in ("score", "bic", "aic"):
        assert getattr(model, name)(X) == pytest.approx(getattr(expected, name)(frame), rel=1e-13)


def test_weights_and_a_client(frame, client):
    weights = np.arange(len(frame)) % 3
    model = GaussianMixture(2, random_state=0, client=client).fit(pl.DataFrame(frame), sample_weight=pl.Series(weights))
    here = GaussianMixture(2, random_state=0).fit(frame, sample_weight=weights)
    assert_array_equal(model.means_, here.means_)
    assert_array_equal(model.predict(pl.DataFrame(frame)), here.predict(frame))


def test_a_stream_that_ends_is_read_once(frame, expected):
    def reader():
        return pa.Table.from_pandas(frame).to_reader()

    assert_array_equal(GaussianMixture(3, random_state=0).fit_predict(reader()), expected.predict(frame))
    assert_array_equal(expected.predict_proba(reader()), expected.predict_proba(frame))


def test_numbers_of_other_types(frame):
    numbers = frame.assign(b=(frame["b"] * 8).round().astype("int16"), c=frame["c"] > 0)
    model = GaussianMixture(1).fit(pl.DataFrame(numbers))
    assert_array_equal(model.means_, GaussianMixture(1).fit(numbers.astype(float)).means_)


def test_float32_stays_float32(frame):
    model = GaussianMixture(2, random_state=0).fit(pl.DataFrame(frame.astype(np.float32)))
    assert model.means_.dtype == model.score_samples(pl.DataFrame(frame.astype(np.float32))).dtype == np.float32


def test_names_are_held_to(frame, expected):
    with pytest.raises(ValueError, match="feature names should match"):
        expected.predict(pl.DataFrame(frame[["b", "a", "c"]]))
    with pytest.raises(ValueError, match="feature names should match"):
        GaussianMixture().fit(pl.DataFrame(frame)).predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_missing_values_are_refused_with_their_column(frame, expected, missing):
    rows = pl.DataFrame(frame).with_columns(b=pl.when(pl.col("b") < 12).then(missing).otherwise(pl.col("b")))
    for call in (GaussianMixture().fit, expected.predict, expected.score):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            call(rows)


def test_what_is_no_table_of_numbers(frame):
    with pytest.raises(ValueError, match=r"column 'name'.*string"):
        GaussianMixture().fit(pl.DataFrame({"name": ["x", "y", "z"]}))
    with pytest.raises(ValueError, match="Series"):
        GaussianMixture().fit(pl.Series([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="there are no rows"):
        GaussianMixture().fit(pl.DataFrame(frame[:0]))
    with pytest.raises(ValueError, match="Expected n_samples >= n_components"):
        GaussianMixture(5).fit(pl.DataFrame(frame[:4]))


def test_among_scikit_learns_tools(frame):
    search = GridSearchCV(
        make_pipeline(StandardScaler().set_output(transform="polars"), GaussianMixture(random_state=0)),
        {"gaussianmixture__n_components": [1, 3]},
        cv=3,
    )
    search.fit(pl.DataFrame(frame))
    assert search.best_params_ == {"gaussianmixture__n_components": 3}
    assert search.predict(pl.DataFrame(frame)).shape == (900,)
