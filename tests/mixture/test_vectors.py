"""exp and log of vectors against extended precision, and the same bits whatever registers a processor has."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from gmm_dask.mixture.elementary import exponential, logarithm
from gmm_dask.mixture.vectors import LANES, load, store


@njit
def _each(function, x, out):
    for i in range(0, x.shape[0], LANES):
        store(out, i, function(load(x, i)))


def _applied(function, x):
    out = np.empty_like(x)
    _each(function, x, out)
    return out


def test_exponential_is_within_one_unit_in_the_last_place():
    x = np.concatenate([-np.geomspace(1e-18, 599, 40_000), np.linspace(-40, 0, 40_000)])
    truth = np.exp(x.astype(np.longdouble))
    error = np.abs(_applied(exponential, x) - truth) / np.spacing(truth.astype(float))
    assert error.max() < 1


def test_exponential_of_far_less_is_zero():
    assert not _applied(exponential, np.array([-601.0, -700, -746, -1e4, -1e300, -np.inf, -601, -601])).any()
    assert (_applied(exponential, np.zeros(8)) == 1).all()


def test_logarithm_is_within_one_unit_in_the_last_place():
    x = np.concatenate([np.geomspace(1, 1e4, 80_000), 1 + np.geomspace(1e-16, 1, 8_000)])
    truth = np.log(x.astype(np.longdouble))
    error = np.abs(_applied(logarithm, x) - truth) / np.spacing(np.maximum(truth.astype(float), 1e-300))
    assert error.max() < 1
    assert (_applied(logarithm, np.ones(8)) == 0).all()


_SWEEP = """
import hashlib
import numpy as np
from gmm_dask.mixture import FAMILIES, Block, MixtureParameters, compile_candidates, sweep_block
from gmm_dask.mixture.tiles import COMPONENTS
x = np.arange(7 * 700) * 0.618 % 1
means = (np.arange(9 * 7) * 0.33 % 1).reshape(9, 7)
digest = hashlib.sha256()
for family, covariances in (("full", np.stack([np.eye(7)] * 9)), ("tied", np.eye(7)), ("diag", np.ones((9, 7)))):
    parameters = MixtureParameters(FAMILIES[family], np.full(9, 1 / 9), means, covariances)
    (statistics,) = sweep_block(compile_candidates([parameters]), Block(x.reshape(7, 700)))
    digest.update(statistics.moments.tobytes() + np.float64(statistics.log_likelihood).tobytes())
print(COMPONENTS, digest.hexdigest())
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names x86 processors")
def test_processors_with_other_registers_give_the_same_bits(tmp_path):
    features = "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2"
    older = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features}
    here, there = (
        subprocess.run(
            [sys.executable, "-c", _SWEEP],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / name)} | processor,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for name, processor in (("here", {}), ("there", older))
    )
    assert there[0] == "3"
    assert here[1] == there[1]
