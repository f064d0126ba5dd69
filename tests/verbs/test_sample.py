"""Synthetic rows: the schema's types, the mixture's moments, the same rows for a seed wherever they are drawn."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from distributed import Client, LocalCluster
from scipy.stats import ks_2samp

from gmm_dask import fit
from gmm_dask.engine import InProcess
from gmm_dask.errors import UsageError
from gmm_dask.verbs import sample_in_memory
from gmm_dask.verbs.sample import SHARD_ROWS


def test_columns_and_types_are_the_source_s(fitted, table):
    sample = fitted.sample(1000)
    source = pa.Table.from_pandas(table, preserve_index=False).schema
    assert list(sample.columns) == source.names
    for column in ("level", "amount", "visits"):
        assert sample.dtypes[column] == pd.ArrowDtype(source.field(column).type)
        assert sample[column].between(table[column].min(), table[column].max()).all()
    assert sample[["customer_id", "region"]].isna().all(axis=None)


def test_the_same_rows_for_a_seed_whatever_the_cluster(fitted):
    n = SHARD_ROWS + 100
    here = sample_in_memory(fitted.model, n, seed=9, engine=InProcess(1))
    assert here.equals(sample_in_memory(fitted.model, n, seed=9, engine=InProcess(2)))
    with (
        LocalCluster(n_workers=2, processes=False, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        assert fitted.sample(1000, seed=9, client=client).equals(fitted.sample(1000, seed=9))
    assert not here.slice(0, 1000).equals(sample_in_memory(fitted.model, 1000, seed=10, engine=InProcess(1)))
    assert not here.slice(0, 100).equals(here.slice(SHARD_ROWS, 100))


@pytest.mark.parametrize("transform", ["none", "standardise", "log1p", "yeo-johnson"])
def test_rows_follow_the_source_s_distribution(transform):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": np.exp(rng.normal(size=6000)) if transform != "none" else rng.normal(size=6000)})
    frame["y"] = frame["x"] * 2 + rng.normal(size=6000)
    frame["y"] = frame["y"] - frame["y"].min()
    fitted = fit(frame, 6 if transform == "standardise" else 4, columns={"transform": transform})
    sample = fitted.sample(6000, seed=4).astype("float64")
    for column in frame:
        assert ks_2samp(frame[column], sample[column]).statistic < 0.05
    assert np.corrcoef(sample.T)[0, 1] == pytest.approx(np.corrcoef(frame.T)[0, 1], abs=0.05)


def test_no_rows_is_a_request_that_cannot_be_meant(fitted):
    with pytest.raises(UsageError, match="sample of 0 rows"):
        fitted.sample(0)
