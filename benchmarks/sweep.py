"""One EM iteration (E-step and statistics), ours against scikit-learn: same rows, same parameters, one core.

    python benchmarks/sweep.py --help

Medians over alternating runs in one process. The table goes to standard output, everything measured to --json.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_info, threadpool_limits

import gmm_dask
from gmm_dask.mixture import FAMILIES, Block, MixtureParameters, compile_candidates, sweep_block

SHAPES = [
    (200_000, 4, 5, "full"),
    (200_000, 8, 8, "full"),
    (200_000, 16, 16, "full"),
    (200_000, 10, 50, "full"),
    (100_000, 32, 16, "full"),
    (50_000, 64, 16, "full"),
    (200_000, 16, 16, "diag"),
    (200_000, 16, 16, "tied"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="alternating runs of each (default 7)")
    parser.add_argument("--json", type=Path, help="write what was measured here")
    options = parser.parse_args()
    print(f"{'rows':>8} {'d':>3} {'K':>3} {'type':>5} {'ours ms':>9} {'scikit-learn ms':>16} {'ratio':>6}")
    results = []
    with threadpool_limits(1):
        for shape in SHAPES:
            result = measure(*shape, options.runs)
            results.append(result)
            print(
                f"{shape[0]:>8} {shape[1]:>3} {shape[2]:>3} {shape[3]:>5} {1e3 * result['ours']:>9.1f} "
                f"{1e3 * result['scikit_learn']:>16.1f} {result['ratio']:>6.1f}"
            )
    if options.json:
        options.json.write_text(json.dumps({"environment": environment(), "results": results}, indent=2))


def measure(n: int, d: int, k: int, covariance_type: str, runs: int) -> dict[str, float]:
    """Seconds per iteration, medians, and the ratio."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, d)) + 0.7 * rng.integers(0, k, n)[:, None]
    theirs = GaussianMixture(k, covariance_type=covariance_type, max_iter=1, init_params="random_from_data")
    theirs._initialize_parameters(rows, np.random.RandomState(0))
    theirs._m_step(rows, theirs._e_step(rows)[1])
    parameters = MixtureParameters(FAMILIES[covariance_type], theirs.weights_, theirs.means_, theirs.covariances_)
    block = Block(np.ascontiguousarray(rows.T))

    def ours() -> None:
        sweep_block(compile_candidates([parameters]), block)

    def scikit_learn() -> None:
        theirs._m_step(rows, theirs._e_step(rows)[1])

    ours()
    times = {"ours": [], "scikit_learn": []}
    for _ in range(runs):
        times["ours"].append(seconds(ours))
        times["scikit_learn"].append(seconds(scikit_learn))
    medians = {name: median(each) for name, each in times.items()}
    return medians | {"ratio": medians["scikit_learn"] / medians["ours"], "n": n, "d": d, "k": k}


def seconds(function: Callable[[], None]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def environment() -> dict[str, object]:
    """Versions, processor, BLAS kernels."""
    return {
        "gmm_dask": gmm_dask.__version__,
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.processor() or platform.machine(),
        "blas": [pool.get("architecture") for pool in threadpool_info() if pool["user_api"] == "blas"],
    }


if __name__ == "__main__":
    main()
