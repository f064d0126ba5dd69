"""Run every kind of job once on a small table: compiled kernels go to NUMBA_CACHE_DIR, and an image that cannot run
jobs is never built."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask import pipeline
from gmm_dask.config import Candidates, ImputeJob, SampleJob, ScoreJob, SelectJob, Table
from gmm_dask.report import check_available


def warm_up(folder: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, 500))
    gaps = np.arange(500) % 10 == 0
    columns = {"a": values[0], "b": values[1], "c": pa.array(values[2], mask=gaps)}
    pq.write_table(pa.table(columns), folder / "table.parquet")
    table, model = Table(path=str(folder / "table.parquet")), str(folder / "model")
    candidates = Candidates(n_components=[1, 2], covariance_types=["full", "tied", "diag", "spherical"])
    pipeline.select(SelectJob(table=table, model=model, candidates=candidates))
    pipeline.score(ScoreJob(table=table, model=model, output=str(folder / "segments")))
    pipeline.impute(ImputeJob(table=table, model=model, output=str(folder / "imputed")))
    pipeline.sample(SampleJob(model=model, output=str(folder / "synthetic"), rows=100))


if __name__ == "__main__":
    check_available()
    with tempfile.TemporaryDirectory() as folder:
        warm_up(Path(folder))
