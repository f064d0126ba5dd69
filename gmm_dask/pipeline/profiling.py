"""The job that describes a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gmm_dask.config import ProfileJob
from gmm_dask.engine import open_engine
from gmm_dask.errors import BadInputError
from gmm_dask.fitting import profile_source, roles_of
from gmm_dask.pipeline.jobs import open_table
from gmm_dask.progress import Observer
from gmm_dask.table.profile import TableProfile
from gmm_dask.table.schema import TableSchema, infer_schema, parse_overrides


@dataclass(frozen=True)
class Profiled:
    """A table's profile and the roles that its columns would have in a fit; no roles where a fit would refuse it."""

    profile: TableProfile
    schema: TableSchema | None
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row per column: what it holds, its role and the reason for it."""
        columns = self.schema.columns if self.schema else ()
        reasons = {column.name: column.reason for column in columns}
        found: Any = self.profile.to_json(self.schema.roles if self.schema else None)["columns"]
        return [row | {"reason": reasons.get(row["name"], "")} for row in found]

    def to_json(self) -> str:
        """The profile as JSON text."""
        return json.dumps({"rows": self.profile.n_rows, "columns": self.rows(), "notes": self.notes}, indent=2)


def profile(job: ProfileJob, observer: Observer | None = None) -> Profiled:
    """Describe every column of a table in one pass."""
    with open_engine(job.dask) as engine:
        found = profile_source(open_table(job.table), engine, observer=observer)
    overrides = roles_of(job.columns)
    parse_overrides(overrides, found.names)
    try:
        schema = infer_schema(found, overrides=overrides)
    except BadInputError as error:
        return Profiled(found, None, (f"a fit would refuse this table: {error}",))
    return Profiled(found, schema, schema.warnings)
