"""The job that says what fitting would take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from dask.utils import parse_bytes

from gmm_dask.config import PlanJob
from gmm_dask.engine import InProcess
from gmm_dask.errors import UsageError
from gmm_dask.fitting import preparation_of, profile_source, roles_of
from gmm_dask.mixture import family_named
from gmm_dask.pipeline.jobs import open_table
from gmm_dask.planning import Cluster, Plan, Rates, TableRates, TableShape, kernel_rates, plan_fit, size, table_rates
from gmm_dask.table.schema import infer_schema
from gmm_dask.table.shards import plan_shards, row_bytes

_ROWS_SEEN = 4 * 65_536


@dataclass(frozen=True)
class Planned:
    """A plan, with the table, the cluster and the rates that it is for."""

    table: TableShape
    cluster: Cluster
    candidates: int
    rates: Rates
    table_rates: TableRates
    plan: Plan

    def lines(self) -> Iterator[tuple[str, str]]:
        """What a person wants to know: name and value."""
        table, cluster, plan = self.table, self.cluster, self.plan
        place = {
            "memory": "in memory",
            "disk": f"on local disks, {size(plan.disk_bytes)} a worker",
            "source": "nowhere; every pass reads the source",
        }[plan.place]
        yield "table", f"{table.rows:,} rows, {table.columns} modelled columns, {table.shards:,} shards"
        yield "candidates", f"{self.candidates}, all in shared passes"
        yield "workers", f"{cluster.workers:,} of {cluster.threads} threads and {size(cluster.memory)}"
        yield "fits", "yes" if plan.fits else "no"
        yield "prepared rows", f"{size(table.rows * table.prepared_row_bytes)}, held {place}"
        yield "memory of a worker", f"{size(plan.worker_bytes)} at most, {size(plan.task_bytes)} of it a thread's task"
        yield "profile", f"1 pass, {_duration(plan.profile_seconds)}"
        yield "prepare", f"1 pass, {_duration(plan.prepare_seconds)}"
        overhead = f"{plan.tasks:,} tasks, {_duration(plan.overhead_seconds)} of it overhead"
        yield "a pass of the fit", f"{_duration(plan.pass_seconds)} ({overhead})"
        yield f"{plan.passes} such passes", _duration(plan.passes * plan.pass_seconds)
        yield "in all", f"{_duration(plan.total_seconds)}, and the starts on a sample"

    def to_json(self) -> str:
        """All of it as JSON text."""
        return json.dumps(asdict(self) | {"total_seconds": self.plan.total_seconds}, indent=2)


def plan(job: PlanJob) -> Planned:
    """What fitting these candidates to a table would take, from its footers, its first rows and a few measurements."""
    source = open_table(job.table)
    seen = source.narrowed(0, min(source.n_rows, _ROWS_SEEN))
    profile = profile_source(seen, InProcess())
    schema = infer_schema(profile, overrides=roles_of(job.columns))
    preparation = preparation_of(job.columns, schema, profile)
    families = [family_named(name) for name in job.candidates.covariance_types]
    candidates = [(k, family) for family in families for k in job.candidates.n_components]
    shards = plan_shards(source)
    read = source.schema.empty_table().select(preparation.columns).schema
    table = TableShape(source.n_rows, len(shards), len(preparation.transforms), row_bytes(read), preparation.row_bytes)
    cluster = Cluster(job.workers, job.threads, _bytes(job.memory))
    rates, of_table = kernel_rates(), table_rates(seen, preparation)
    planned = plan_fit(table, candidates, cluster, rates, of_table, passes=job.passes)
    return Planned(table, cluster, len(candidates), rates, of_table, planned)


def _bytes(text: str) -> int:
    try:
        return int(parse_bytes(text))
    except ValueError:
        raise UsageError(f"the memory limit {text!r}", expected="a number of bytes such as 4GiB or 800MB") from None


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{1e3 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"
