"""The job that describes a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gmm_dask.config import ProfileJob
from gmm_dask.engine import open_engine
from gmm_dask.fitting import profile_source, roles_of
from gmm_dask.pipeline.jobs import open_table
from gmm_dask.progress import Observer
from gmm_dask.table.profile import TableProfile
from gmm_dask.table.schema import TableSchema, infer_schema


@dataclass(frozen=True)
class Profiled:
    """A table's profile and the roles that its columns would have in a fit."""

    profile: TableProfile
    schema: TableSchema

    def rows(self) -> list[dict[str, Any]]:
        """One row per column: what it holds, its role and the reason for it."""
        reasons = {column.name: column.reason for column in self.schema.columns}
        found: Any = self.profile.to_json(self.schema.roles)["columns"]
        return [row | {"reason": reasons[row["name"]]} for row in found]

    def to_json(self) -> str:
        """The profile as JSON text."""
        record = {"rows": self.profile.n_rows, "columns": self.rows(), "warnings": list(self.schema.warnings)}
        return json.dumps(record, indent=2)


def profile(job: ProfileJob, observer: Observer | None = None) -> Profiled:
    """Describe every column of a table in one pass."""
    with open_engine(job.dask) as engine:
        found = profile_source(open_table(job.table), engine, observer=observer)
    return Profiled(found, infer_schema(found, overrides=roles_of(job.columns)))
