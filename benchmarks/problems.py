"""Problems to fit: generated mixtures from easy to hopeless, and real tables where there is a folder of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tables import mixture_rows

from gmm_dask.mixture import Float

SHAPES = [
    (2, 3, 0.7),
    (2, 8, 3.0),
    (4, 4, 0.5),
    (4, 8, 1.5),
    (6, 12, 2.0),
    (8, 5, 1.0),
    (10, 10, 1.0),
    (10, 3, 0.6),
    (16, 16, 1.5),
    (20, 20, 3.0),
]
"""Columns, components, separation (see `mixture_rows`)."""

SIZES = [10_000, 50_000, 200_000, 1_000_000]

REAL = [
    ("iris.csv.gz", 3),
    ("faithful.csv.gz", 3),
    ("thyroid.csv.gz", 3),
    ("diabetes_mclust.csv.gz", 3),
    ("acidity.csv.gz", 2),
    ("baudry_ex4_1.csv.gz", 6),
    ("gvhd_pos.csv.gz", 9),
    ("ad_shuttle.parquet", 4),
    ("ad_mammography.parquet", 4),
    ("ad_magic_gamma.parquet", 8),
    ("cc_general.csv.gz", 6),
    ("diamonds.parquet", 6),
    ("frogs_mfcc.csv.gz", 8),
    ("china_pixels.parquet", 8),
    ("ad_http.parquet", 3),
]
"""Files, and numbers of components to fit."""

_NOT_MODELLED = {"rownames", "label", "Recnum", "CUST_ID", "Unnamed: 0", "class", "Species", "Diagnosis", "x", "y"}


@dataclass(frozen=True)
class Problem:
    """Rows (n, d) in random order, of unit variance, and the number of components to fit."""

    name: str
    rows: Float
    n_components: int


def generated(sizes: list[int]) -> Iterator[Problem]:
    """Ten shapes of each size, each with rows of its own."""
    for size in sizes:
        for d, k, separation in SHAPES:
            rows = mixture_rows(size, d, k, separation, seed=size + 100 * d + k)
            yield Problem(f"{size:,} x {d}, K {k}, sep {separation}", _scaled(rows), k)


def real(folder: Path | None) -> Iterator[Problem]:
    """The tables of `REAL` that the folder has: numeric columns, complete rows, no constant column."""
    for file, k in REAL:
        if folder is None or not (folder / file).exists():
            continue
        path = folder / file
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        keep = [name for name in frame.select_dtypes("number") if name not in _NOT_MODELLED or file.startswith("dia")]
        frame = frame[[name for name in keep if name not in ("rownames", "class")]].dropna()
        rows = frame.loc[:, frame.nunique() > 1].to_numpy(np.float64)
        order = np.random.default_rng(0).permutation(len(rows))
        yield Problem(f"{file.split('.')[0]}, K {k}", _scaled(rows[order]), k)


def _scaled(rows: Float) -> Float:
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)
