"""What a run leaves on Prefect's pages: the comparison of candidates, the way to the report, a summary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_table_artifact

from gmm_dask.pipeline import Chosen, Done

SELECTION, REPORT, SUMMARY = "gmm-dask-selection", "gmm-dask-report", "gmm-dask-run"


def show_selection(chosen: Chosen) -> None:
    """A table with a row per candidate."""
    rows = [{name: _as_json(value) for name, value in row.items()} for row in chosen.table]
    description = f"Chosen by {chosen.criterion}: {chosen.summary}, saved in {chosen.path}"
    create_table_artifact(key=SELECTION, table=rows, description=description)


def show_report(done: Done) -> None:
    """A link to the report, which lies where the flow ran."""
    create_link_artifact(key=REPORT, link=Path(done.path).as_uri(), link_text="report", description="Open the report")


def show_summary(stages: Sequence[Done]) -> None:
    """A table with a row per stage: what was made, where, and how long it took."""
    rows = [
        {"stage": done.stage, "made": done.summary, "where": done.path, "rows": done.rows, "seconds": done.seconds}
        for done in stages
    ]
    notes = "\n".join(f"- {note}" for done in stages for note in done.notes)
    create_table_artifact(key=SUMMARY, table=rows, description=notes or "What this run made")


def _as_json(value: float | int | str | bool) -> float | int | str | bool:
    """JSON knows no infinity and no NaN, which a candidate that failed may have."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
