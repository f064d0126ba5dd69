"""One EM iteration (E-step and statistics), ours against scikit-learn and Intel oneDAL: float64, one core, the same
rows, the same parameters.

    python benchmarks/sweep.py --help

Medians over alternating runs in one process. oneDAL's `em_gmm` (through daal4py, which scikit-learn-intelex brings) is
timed with 1 and with 6 iterations from the same start; a fifth of the difference is one iteration. It has no tied
covariances.

GFLOP/s are ours and nominal: the 4 n q K of the two matrix products, q being the features of a row (d (d + 1) / 2 + d +
1, and 2 d + 1 for diag). The kernel gets by with fewer for tied, and its soft-max is not counted. DGEMM is NumPy's of
1500 x 1500 matrices, between the other runs on the same core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from measuring import Column, Measured, Table, alternating, has_peer, on_cores, parser, write_json
from sklearn.mixture import GaussianMixture

from gmm_dask.mixture import FAMILIES, Block, Float, MixtureParameters, compile_candidates, sweep_block

DGEMM = 1500
MORE_ITERATIONS = 6
ONEDAL_STORAGE = {"full": "full", "diag": "diagonal"}


@dataclass(frozen=True)
class Shape:
    """n rows, d columns, k components, and how many times faster than each peer we mean to be."""

    n: int
    d: int
    k: int
    covariance_type: str
    target_scikit_learn: float
    target_onedal: float | None


SHAPES = [
    Shape(200_000, 4, 5, "full", 22, 6),
    Shape(200_000, 8, 8, "full", 25, 6),
    Shape(200_000, 16, 16, "full", 18, 5),
    Shape(200_000, 10, 50, "full", 28, 9),
    Shape(100_000, 32, 16, "full", 12, 5),
    Shape(50_000, 64, 16, "full", 7, 4),
    Shape(200_000, 16, 16, "diag", 10, None),
    Shape(200_000, 16, 16, "tied", 10, None),
]

COLUMNS = [
    Column("n", "rows", "d"),
    Column("d", "d", "d"),
    Column("k", "K", "d"),
    Column("covariance_type", "type"),
    Column("ours", "ours ms", ".1f", 1e3),
    Column("scikit_learn", "scikit-learn ms", ".1f", 1e3),
    Column("onedal", "oneDAL ms", ".1f", 1e3),
    Column("x_scikit_learn", "x scikit-learn", ".1f"),
    Column("target_scikit_learn", "target", ".0f"),
    Column("x_onedal", "x oneDAL", ".1f"),
    Column("target_onedal", "target", ".0f"),
    Column("gflops", "GFLOP/s", ".1f"),
    Column("dgemm_gflops", "DGEMM", ".1f"),
]


def main() -> None:
    made = parser(__doc__, runs=7)
    made.add_argument("--shapes", type=int, nargs="+", metavar="LINE", help="the lines of the table to measure, from 1")
    made.add_argument("--rows", type=int, help="so many rows in every shape")
    options = made.parse_args()
    onedal = has_peer("daal4py", "oneDAL")
    shapes = [SHAPES[line - 1] for line in options.shapes or range(1, len(SHAPES) + 1)]
    with on_cores(1):
        table, results = Table(*COLUMNS), []
        for shape in shapes:
            results.append(measure(shape, options.rows or shape.n, options.runs, with_onedal=onedal))
            table.row(results[-1])
        write_json(options, results)


def measure(shape: Shape, n: int, runs: int, *, with_onedal: bool) -> dict[str, Any]:
    """Seconds per iteration and what follows from them; the mean log-likelihoods per row say that all did the same."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, shape.d)) + 0.7 * rng.integers(0, shape.k, n)[:, None]
    theirs = start(rows, shape)
    functions: dict[str, Callable[[], Any]] = {
        "ours": our_iteration(rows, theirs),
        "scikit_learn": scikit_learn_iteration(rows, theirs),
        "dgemm": dgemm(rng),
    }
    if with_onedal and shape.covariance_type in ONEDAL_STORAGE:
        functions["onedal_once"] = onedal_iterations(rows, theirs, 1)
        functions["onedal"] = onedal_iterations(rows, theirs, MORE_ITERATIONS)
    measured = alternating(functions, runs)
    return asdict(shape) | {"n": n} | derived(measured, shape, n)


def derived(measured: dict[str, Measured], shape: Shape, n: int) -> dict[str, Any]:
    """Medians per iteration, ratios, rates, and log-likelihoods."""
    seconds = {name: each.median for name, each in measured.items()}
    likelihoods = {"ours": measured["ours"].result / n, "scikit_learn": measured["scikit_learn"].result}
    onedal = None
    if "onedal" in measured:
        onedal = (seconds["onedal"] - seconds["onedal_once"]) / (MORE_ITERATIONS - 1)
        likelihoods["onedal"] = measured["onedal_once"].result / n
    q = FAMILIES[shape.covariance_type].features.n_features(shape.d)
    return {
        "ours": seconds["ours"],
        "scikit_learn": seconds["scikit_learn"],
        "onedal": onedal,
        "x_scikit_learn": seconds["scikit_learn"] / seconds["ours"],
        "x_onedal": None if onedal is None else onedal / seconds["ours"],
        "gflops": 4 * n * q * shape.k / seconds["ours"] / 1e9,
        "dgemm_gflops": 2 * DGEMM**3 / seconds["dgemm"] / 1e9,
        "log_likelihood": likelihoods,
        "seconds": {name: each.seconds for name, each in measured.items()},
    }


def start(rows: Float, shape: Shape) -> GaussianMixture:
    """The parameters that all begin with: random rows as means, and one iteration."""
    mixture = GaussianMixture(
        shape.k, covariance_type=shape.covariance_type, max_iter=1, init_params="random_from_data"
    )
    mixture._initialize_parameters(rows, np.random.RandomState(0))
    mixture._m_step(rows, mixture._e_step(rows)[1])
    return mixture


def our_iteration(rows: Float, theirs: GaussianMixture) -> Callable[[], float]:
    family = FAMILIES[theirs.covariance_type]
    parameters = MixtureParameters(family, theirs.weights_, theirs.means_, theirs.covariances_)
    block = Block(np.ascontiguousarray(rows.T))
    return lambda: sweep_block(compile_candidates([parameters]), block)[0].log_likelihood


def scikit_learn_iteration(rows: Float, theirs: GaussianMixture) -> Callable[[], float]:
    first = theirs.weights_, theirs.means_, theirs.precisions_cholesky_

    def iteration() -> float:
        theirs.weights_, theirs.means_, theirs.precisions_cholesky_ = first
        log_likelihood, log_responsibilities = theirs._e_step(rows)
        theirs._m_step(rows, log_responsibilities)
        return float(log_likelihood)

    return iteration


def onedal_iterations(rows: Float, theirs: GaussianMixture, iterations: int) -> Callable[[], float]:
    import daal4py

    daal4py.daalinit(1)
    diagonal = theirs.covariance_type == "diag"
    algorithm = daal4py.em_gmm(
        nComponents=theirs.n_components,
        maxIterations=iterations,
        accuracyThreshold=0,
        covarianceStorage=ONEDAL_STORAGE[theirs.covariance_type],
    )
    weights, means = theirs.weights_[None, :].copy(), theirs.means_.copy()
    covariances = [each[None, :].copy() if diagonal else each.copy() for each in theirs.covariances_]

    def iterate() -> float:
        result = algorithm.compute(rows, weights, means, covariances)
        if result.nIterations.item() != iterations:
            sys.exit(f"oneDAL made {result.nIterations.item()} iterations where {iterations} were asked for")
        return float(result.goalFunction.item())

    return iterate


def dgemm(rng: np.random.Generator) -> Callable[[], Float]:
    left, right, out = (rng.normal(size=(DGEMM, DGEMM)) for _ in range(3))
    return lambda: np.matmul(left, right, out=out)


if __name__ == "__main__":
    main()
