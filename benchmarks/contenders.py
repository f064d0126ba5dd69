"""The fits that `fit.py` compares: each from its own default start, with so many iterations of EM."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

import gmm_dask
from gmm_dask.errors import GmmDaskWarning
from gmm_dask.mixture import Float

NEVER = np.finfo(float).tiny
"""A tolerance that no iteration meets: the number of iterations alone ends a fit."""


class Mixture(NamedTuple):
    """Weights (k,), means (k, d) and covariances (k, d, d), in the units of the table."""

    weights: Float
    means: Float
    covariances: Float


class Contender(ABC):
    """Fits k components with full covariances to the table in a Parquet file."""

    name: str

    def __init__(self, path: Path, k: int, seed: int) -> None:
        self.path, self.k, self.seed = path, k, seed

    @abstractmethod
    def fit(self, iterations: int) -> Any:
        """What is timed. The same fit whenever it is asked for."""

    @abstractmethod
    def mixture(self, fitted: Any) -> Mixture:
        """The parameters of what `fit` returned."""


class ScikitLearn(Contender):
    """On an array that was read from the file beforehand."""

    name = "scikit-learn"
    estimator = GaussianMixture

    def __init__(self, path: Path, k: int, seed: int) -> None:
        super().__init__(path, k, seed)
        self.rows = read_rows(path)

    def fit(self, iterations: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is meant to stop there
            return self.estimator(self.k, tol=NEVER, max_iter=iterations, random_state=self.seed).fit(self.rows)

    def mixture(self, fitted: Any) -> Mixture:
        return Mixture(fitted.weights_, fitted.means_, fitted.covariances_)


class OurEstimator(ScikitLearn):
    """The estimator, on the same array."""

    name = "gmm_dask.GaussianMixture"
    estimator = gmm_dask.GaussianMixture


class OurFit(Contender):
    """`gmm_dask.fit` on the path: reading, the choice of starts on a sample and the start of a local cluster are in the
    time. Columns are standardised, which leaves the family of mixtures as it is."""

    name = "gmm_dask.fit"

    def fit(self, iterations: int) -> gmm_dask.FittedMixture:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GmmDaskWarning)  # it is meant to stop there
            columns = {"transform": "standardise"}
            return gmm_dask.fit(self.path, self.k, columns=columns, seed=self.seed, tol=NEVER, max_iter=iterations)

    def mixture(self, fitted: gmm_dask.FittedMixture) -> Mixture:
        transforms = [transform for _, transform in fitted.model.preparation.transforms]
        scale, shift = np.array([t.scale for t in transforms]), np.array([t.shift for t in transforms])
        parameters = fitted.model.parameters
        covariances = parameters.covariances * np.outer(scale, scale)
        return Mixture(parameters.weights, parameters.means * scale + shift, covariances)


class SparkMLlib(Contender):
    """Spark's DataFrame estimator, on the file; reading it (once: Spark keeps the rows) is in the time."""

    name = "Spark MLlib"

    def __init__(self, path: Path, k: int, seed: int, session: Any) -> None:
        super().__init__(path, k, seed)
        self.session = session

    def fit(self, iterations: int) -> Any:
        from pyspark.ml.clustering import GaussianMixture as SparkGaussianMixture
        from pyspark.ml.feature import VectorAssembler

        frame = self.session.read.parquet(str(self.path))
        rows = VectorAssembler(inputCols=frame.columns, outputCol="features").transform(frame)
        return SparkGaussianMixture(k=self.k, tol=0.0, maxIter=iterations, seed=self.seed).fit(rows)

    def mixture(self, fitted: Any) -> Mixture:
        means = np.stack([gaussian.mean.toArray() for gaussian in fitted.gaussians])
        covariances = np.stack([gaussian.cov.toArray() for gaussian in fitted.gaussians])
        return Mixture(np.array(fitted.weights), means, covariances)


@contextmanager
def spark_session(cores: int) -> Iterator[Any]:
    """Spark in one process of its own, on so many threads, listening on the loopback address alone."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of pandas 3, which is not used
        from pyspark.sql import SparkSession

        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "4g",
            "spark.ui.showConsoleProgress": "false",
        }
        session = SparkSession.builder.master(f"local[{cores}]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


def read_rows(path: Path) -> Float:
    """The columns of a file as rows (n, d), C-contiguous."""
    return np.stack([column.to_numpy() for column in pq.read_table(path).columns], axis=1)
