"""The cost model: what it counts, and that it follows the engine's own rules."""

from dataclasses import replace

import numpy as np
import pytest

from gmm_dask.mixture import FAMILIES, Block, MixtureParameters, compile_candidates, sweep_block
from gmm_dask.planning import Cluster, Rates, TableRates, TableShape, kernel_rates, plan_fit
from gmm_dask.planning.model import memory_for, place_of, workers_for_memory
from gmm_dask.planning.rates import row_operations

FULL, TIED, DIAGONAL = FAMILIES["full"], FAMILIES["tied"], FAMILIES["diag"]
RATES = Rates(operation=1e-11, component=1e-9, cell=1e-10, row=1e-9)
READING = TableRates(profile=1e-7, prepare=5e-8)
BILLION = TableShape(rows=10**9, shards=1024, columns=10, row_bytes=80, prepared_row_bytes=80)
WORKER = 8 * 2**30


def test_operations_are_those_of_the_formulas():
    d, k, q = 3, 4, 10
    assert row_operations(d, k, FULL) == k * (2 * (d * (d + 1) // 2) + 2 * d) + 2 * k * q
    assert row_operations(d, k, TIED) == 2 * (d * (d + 1) // 2) + k * 4 * d + 2 * k * q
    assert row_operations(d, k, DIAGONAL) == k * 4 * d + 2 * k * (2 * d + 1)


def test_a_pass_is_arithmetic_reading_and_overhead():
    candidates = [(8, FULL)]
    cluster = Cluster(16, 1, WORKER)
    planned = plan_fit(BILLION, candidates, cluster, RATES, READING, passes=7)
    assert planned.place == "memory"
    arithmetic = 10**9 * RATES.row_seconds(10, candidates) / 16
    assert planned.pass_seconds == pytest.approx(arithmetic + planned.overhead_seconds)
    assert planned.total_seconds == pytest.approx(
        planned.profile_seconds + planned.prepare_seconds + 7 * planned.pass_seconds
    )
    on_disk = plan_fit(BILLION, candidates, replace(cluster, memory=2 * 2**30), RATES, READING)
    assert on_disk.place == "disk"
    assert on_disk.disk_bytes == 80 * 10**9 // 16
    assert on_disk.pass_seconds == pytest.approx(planned.pass_seconds + on_disk.disk_bytes / RATES.disk)
    assert "stay in memory" in on_disk.advice[0]


def test_the_scheduler_bounds_how_far_workers_help():
    candidates = [(k, FULL) for k in range(1, 21)]
    many = replace(BILLION, rows=10**11, shards=60_000)
    passes = {w: plan_fit(many, candidates, Cluster(w, 4, WORKER), RATES, READING) for w in (16, 128, 1024)}
    assert passes[16].pass_seconds > passes[128].pass_seconds > passes[1024].pass_seconds
    assert passes[1024].tasks >= 2 * 4096
    assert passes[1024].overhead_seconds > passes[1024].tasks * RATES.per_task
    few = plan_fit(replace(BILLION, rows=10**6, shards=16), candidates[:1], Cluster(64, 1, WORKER), RATES, READING)
    assert any("nothing to do" in advice for advice in few.advice)
    assert any("fewer workers" in advice for advice in few.advice)


def test_what_does_not_fit_is_told_with_what_would():
    wide = replace(BILLION, columns=300, row_bytes=2400, prepared_row_bytes=2400)
    planned = plan_fit(wide, [(20, FULL)], Cluster(4, 4, 2**30), RATES, READING)
    assert not planned.fits
    assert "fewer threads" in planned.advice[0]
    assert planned.worker_bytes > 2**30


def test_advice_on_memory_is_enough_and_not_much_more():
    candidates, cluster = [(8, FULL)], Cluster(4, 2, 2 * 2**30)
    workers = workers_for_memory(BILLION, candidates, cluster)
    assert place_of(BILLION, candidates, replace(cluster, workers=workers)) == "memory"
    assert place_of(BILLION, candidates, replace(cluster, workers=int(workers / 1.2))) == "disk"
    memory = memory_for(BILLION, candidates, cluster)
    assert place_of(BILLION, candidates, replace(cluster, memory=memory)) == "memory"
    assert place_of(BILLION, candidates, replace(cluster, memory=int(memory / 1.2))) == "disk"


def test_measured_rates_are_those_of_a_sweep():
    """Not how fast, but that every constant was found and that together they say something of another shape."""
    rates = kernel_rates()
    assert rates.operation > 0
    assert rates.component >= 0
    assert rates.cell >= 0
    assert rates.row >= 0
    parameters = MixtureParameters(FULL, np.full(5, 0.2), np.zeros((5, 4)), np.stack([np.eye(4)] * 5))
    sweep_block(compile_candidates([parameters]), Block(np.zeros((4, 10))))
    assert rates.row_seconds(4, [(5, FULL)]) > 5 * rates.component
