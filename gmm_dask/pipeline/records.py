"""What jobs return: small records of addresses and counts, fit to pass between tasks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Done(BaseModel):
    """A finished job: what it made, where, and how long it took."""

    model_config = ConfigDict(frozen=True)

    stage: str
    path: str
    rows: int = 0
    bytes: int = 0
    seconds: float
    summary: str = ""
    notes: tuple[str, ...] = ()


class SegmentChanges(BaseModel):
    """What became of the segments of the model before, by their numbers: see `gmm_dask.model.Changes`."""

    model_config = ConfigDict(frozen=True)

    kept: dict[int, float]
    new: tuple[int, ...]
    vanished: tuple[int, ...]
    split: dict[int, tuple[int, ...]]
    merged: dict[int, tuple[int, ...]]


class Updated(Done):
    """A finished update: `rows` are those taken in. Of `fall` and `forgetting` see `gmm_dask.updating.Update`."""

    n_components: int
    outcome: str
    forgetting: float
    fall: float
    changes: SegmentChanges | None = None


class Chosen(Done):
    """A finished selection or fit."""

    n_components: int
    covariance_type: str
    outcome: str
    criterion: str
    table: tuple[dict[str, float | int | str | bool], ...]
    """A row per candidate."""
    verdict: str = ""
    """What was chosen, by how much, and what to distrust."""
    changes: SegmentChanges | None = None
    """Against the model before, where there is one."""


class Merged(Done):
    """Components merged into clusters. `segments`: those of each cluster."""

    n_clusters: int
    suggested: int
    segments: dict[int, list[int]]
    table: tuple[dict[str, float | int | str | bool], ...]
    """A row per number of clusters."""
