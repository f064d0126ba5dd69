"""What tasks take is no more than was predicted from shapes: as NumPy and Arrow count it, and as the system does."""

import subprocess
import sys
from pathlib import Path

import pytest

MEASURING = """
import re, sys, tracemalloc
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from gmm_dask.engine.blocks import Unprepared, on_disk
from gmm_dask.engine.holding import _Holding
from gmm_dask.engine.memory import predicted_bytes_per_task, predicted_profile_bytes
from gmm_dask.engine.sweep import _sweep_shard
from gmm_dask.fitting import _profile_shard
from gmm_dask.mixture import FAMILIES, Features, MixtureParameters, compile_candidates
from gmm_dask.table.curves import YeoJohnson
from gmm_dask.table.prepare import Preparation, Sampling
from gmm_dask.table.shards import Shard, row_bytes
from gmm_dask.table.source import open_source
from gmm_dask.table.transforms import Transform

path, d, k, n = sys.argv[1], 12, 10, 300_000
rng = np.random.default_rng(0)
columns = {f"x{i}": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.01) for i in range(d)}
pq.write_table(pa.table(columns), path)
del columns
preparation = Preparation(tuple((f"x{i}", Transform("any", YeoJohnson(0.7), 0.1, 1.1, -9, 9)) for i in range(d)))
holding = _Holding(preparation, Sampling(0, 20_000), on_disk)
covariances = np.tile(np.eye(d), (k, 1, 1))
candidate = MixtureParameters(FAMILIES["full"], np.full(k, 1 / k), rng.normal(size=(k, d)), covariances)
compiled = compile_candidates([candidate])
shard = Shard(0, 0, open_source(path))
few = Shard(0, 0, shard.source.narrowed(0, 1000))
_profile_shard(few, (0, 20_000, n)), _sweep_shard(holding(few), compiled)  # loads the kernel and starts Arrow's threads
held = holding(shard)
predicted = predicted_bytes_per_task(d, [(k, Features.QUADRATIC)], row_bytes=row_bytes(shard.source.schema))
sample = 3 * 20_000 * 8 * (d + 1)  # of every row: the test looks at all, to have its 20,000

def resident(name):
    with open("/proc/self/status") as status:
        return 1024 * int(re.search(name + r":\\s+(\\d+)", status.read())[1])

def measure(name, task, limit):
    pool = pa.default_memory_pool()
    pool.release_unused()
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak of resident memory starts anew
    before = resident("VmRSS")
    task()
    grown = resident("VmHWM") - before
    tracemalloc.start()
    task()
    counted = tracemalloc.get_traced_memory()[1] + (pool.max_memory() if name != "sweep" else 0)
    tracemalloc.stop()
    print(name, limit, grown, counted)

measure("sweep", lambda: _sweep_shard(held, compiled), predicted.sweep)
measure("preparation", lambda: holding(shard), predicted.preparation + sample)
measure("sweep of the source", lambda: _sweep_shard(Unprepared(shard, preparation), compiled), predicted.most)
measure("profile", lambda: _profile_shard(shard, (0, 20_000, n)), predicted_profile_bytes(d, 8 * d, 20_000))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """(predicted, resident, counted) bytes of each kind of task, in a process that has done all of them before."""
    path = tmp_path_factory.mktemp("memory") / "table.parquet"
    script = path.with_suffix(".py")
    script.write_text(MEASURING)
    done = subprocess.run([sys.executable, script, path], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [line.rsplit(" ", 3) for line in done.stdout.splitlines()]
    return {name: tuple(map(int, figures)) for name, *figures in lines}


@pytest.mark.parametrize("task", ["sweep", "preparation", "sweep of the source", "profile"])
def test_a_task_takes_no_more_than_predicted(measured, task):
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the system does not tell peaks of resident memory")
    predicted, resident, counted = measured[task]
    assert resident <= predicted, f"{resident / 2**20:.1f} MiB resident, {predicted / 2**20:.1f} predicted"
    assert 0 < counted <= predicted, f"{counted / 2**20:.1f} MiB counted, {predicted / 2**20:.1f} predicted"


def test_predictions_are_not_far_off(measured):
    """A refusal that asks for many times the memory needed would be no help."""
    for predicted, resident, counted in measured.values():
        assert predicted < 4 * max(resident, counted)
