"""Which K and which family: generated mixtures whose K is known, and mclust over all of its families.

    python benchmarks/choice.py --help

1. Generated mixtures with clear separation: `select` over K = 1 to K + 3 with full covariances, its defaults, and BIC.
   The rule of clear separation: 2 to 8 columns, 2 to 6 components, 1,000 rows, no weight below 0.5 / K, and
   Bhattacharyya distances between components of at least 2, so that no two overlap by more than exp(-2) = 0.14.
2. All fourteen families, K = 1 to 9, on small real tables: BIC here and by R's mclust with its defaults, cell by cell,
   on the same rows in their own units. "better" and "worse" are differences of more than 0.05; a cell that mclust
   leaves empty is not compared. Needs R with mclust (Debian: r-base-core, r-cran-mclust).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measuring import Column, Table, parser, write_json
from sklearn.metrics import adjusted_rand_score

from gmm_dask import select
from gmm_dask.compiling import compile_all
from gmm_dask.errors import GmmDaskWarning
from gmm_dask.mixture import Float, family_named

CLOSE = 0.05
GENERATED = [
    Column("mixtures", "generated mixtures", "d"),
    Column("right", "K found", "d"),
    Column("agreement", "mean ARI", ".3f"),
    Column("seconds", "seconds", ".1f"),
]
FAMILIES = [
    Column("table", "table".ljust(18)),
    Column("same", "same", "d"),
    Column("better", "better", "d"),
    Column("worse", "worse", "d"),
    Column("missing", "not in mclust", "d"),
    Column("ours", "chosen here".ljust(14)),
    Column("ours_bic", "BIC", ".2f"),
    Column("theirs", "by mclust"),
    Column("their_bic", "BIC", ".2f"),
    Column("seconds", "s here", ".1f"),
    Column("their_seconds", "s mclust", ".1f"),
]
SMALL = ["iris", "faithful", "thyroid", "diabetes_mclust", "acidity", "baudry_ex4_1", "wine"]
_LABELS = ["rownames", "Species", "Diagnosis", "class"]
_MCLUST = """
suppressMessages(library(mclust))
rows <- read.csv("rows.csv")
found <- unclass(mclustBIC(rows, G = 1:9, verbose = FALSE))
values <- matrix(as.numeric(found), nrow(found), dimnames = list(rownames(found), colnames(found)))
write.csv(format(values, digits = 12), "bic.csv")
"""


def generated_mixture(seed: int) -> tuple[Float, np.ndarray, int]:
    """Rows (1000, d), their components, and K."""
    rng = np.random.default_rng(seed)
    d, k = int(rng.integers(2, 9)), int(rng.integers(2, 7))
    while True:
        means = 3 * rng.normal(size=(k, d))
        roots = np.linalg.qr(rng.normal(size=(k, d, d)))[0] * np.exp(rng.uniform(-0.7, 0.7, size=(k, 1, d)))
        covariances = roots @ roots.transpose(0, 2, 1)
        if min(_bhattacharyya(means, covariances)) >= 2:
            break
    weights = 0.5 / k + 0.5 * rng.dirichlet(np.full(k, 3.0))
    labels = rng.choice(k, 1000, p=weights)
    return means[labels] + np.einsum("nab,nb->na", roots[labels], rng.normal(size=(1000, d))), labels, k


def _bhattacharyya(means: Float, covariances: Float) -> list[float]:
    distances = []
    for a in range(len(means)):
        for b in range(a):
            middle = (covariances[a] + covariances[b]) / 2
            apart = means[a] - means[b]
            logs = [np.linalg.slogdet(each)[1] for each in (middle, covariances[a], covariances[b])]
            distances.append(apart @ np.linalg.solve(middle, apart) / 8 + (logs[0] - (logs[1] + logs[2]) / 2) / 2)
    return distances


def measure_generated(count: int) -> dict[str, Any]:
    right, agreement, start = 0, [], time.perf_counter()
    for seed in range(count):
        rows, labels, k = generated_mixture(seed)
        best = select(rows, range(1, k + 4)).best
        right += best.n_components == k
        agreement.append(adjusted_rand_score(labels, best.score(rows)["segment"]))
    seconds = time.perf_counter() - start
    return {"mixtures": count, "right": right, "agreement": float(np.mean(agreement)), "seconds": seconds}


def small_table(folder: Path, name: str) -> pd.DataFrame:
    if name == "wine":
        frame = pd.read_csv(folder / "wine.csv.gz", header=None).iloc[:, :13].astype(float)
        return frame.set_axis([f"x{column}" for column in frame], axis=1)
    frame = pd.read_csv(folder / f"{name}.csv.gz")
    frame = frame.drop(columns=[label for label in _LABELS if label in frame])
    if name == "diabetes_mclust":
        frame.loc[103, "insulin"] = 455  # as the authors mended it
    return frame


def by_mclust(frame: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """mclust's BIC by K (rows) and family (columns), on its own sign, and the seconds it took, R's start included."""
    with tempfile.TemporaryDirectory() as folder:
        frame.to_csv(Path(folder) / "rows.csv", index=False)
        start = time.perf_counter()
        subprocess.run(["Rscript", "-e", _MCLUST], cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        found = pd.read_csv(Path(folder) / "bic.csv", index_col=0, dtype=str)
    found.index = found.index.astype(int)
    return found.apply(lambda column: pd.to_numeric(column.str.strip(), errors="coerce")), seconds


def measure_families(folder: Path, name: str) -> dict[str, Any]:
    frame = small_table(folder, name)
    theirs, their_seconds = by_mclust(frame)
    start = time.perf_counter()
    ours = select(frame, range(1, 10), "all", columns={"transform": "none"}).table
    seconds = time.perf_counter() - start
    cells = [_cell(row, theirs, one_column=frame.shape[1] == 1) for _, row in ours.iterrows()]
    differences = np.array([cell["ours"] - cell["theirs"] for cell in cells])
    chosen = ours[ours["best"]].iloc[0]
    at, family = np.unravel_index(np.nanargmax(theirs.to_numpy()), theirs.shape)
    return {
        "table": name.ljust(18),
        "same": int((np.abs(differences) <= CLOSE).sum()),
        "better": int((differences > CLOSE).sum()),
        "worse": int((differences < -CLOSE).sum()),
        "missing": int(np.isnan(differences).sum()),
        "ours": f"{family_named(chosen['covariance_type']).structure.letters},{chosen['n_components']}".ljust(14),
        "ours_bic": -float(chosen["bic"]),
        "theirs": f"{theirs.columns[family]},{theirs.index[at]}",
        "their_bic": float(np.nanmax(theirs.to_numpy())),
        "seconds": seconds,
        "their_seconds": their_seconds,
        "cells": cells,
    }


def _cell(row: pd.Series, theirs: pd.DataFrame, *, one_column: bool) -> dict[str, Any]:
    letters = family_named(row["covariance_type"]).structure.letters
    column = letters[0] if one_column else letters  # mclust has two families of one column, E and V
    value = theirs.loc[row["n_components"], column]
    return {
        "family": letters,
        "n_components": int(row["n_components"]),
        "ours": -float(row["bic"]),
        "theirs": float(value),
        "outcome": str(row["outcome"]),
    }


def main() -> None:
    arguments = parser(__doc__, runs=1)
    arguments.add_argument("--data", type=Path, help="a folder of the small tables: " + ", ".join(SMALL))
    arguments.add_argument("--tables", nargs="*", default=SMALL, help="which of them")
    arguments.add_argument("--generated", type=int, default=100, help="generated mixtures (default 100)")
    options = arguments.parse_args()
    compile_all()
    warnings.simplefilter("ignore", GmmDaskWarning)
    rows: list[dict[str, Any]] = []
    if options.generated:
        rows.append(measure_generated(options.generated))
        Table(*GENERATED).row(rows[-1])
    if options.data is not None and shutil.which("Rscript"):
        table = Table(*FAMILIES)
        for name in options.tables:
            rows.append(measure_families(options.data, name))
            table.row(rows[-1])
            for cell in rows[-1]["cells"]:
                if cell["ours"] < cell["theirs"] - CLOSE:
                    print("    worse: {family},{n_components}  {ours:.2f}  mclust {theirs:.2f}".format(**cell))
    else:
        print("families are left out: they need --data and R with mclust")
    write_json(options, rows)


if __name__ == "__main__":
    main()
