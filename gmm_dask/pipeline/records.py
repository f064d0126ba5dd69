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


class Chosen(Done):
    """A finished selection or fit."""

    n_components: int
    covariance_type: str
    outcome: str
    criterion: str
    table: tuple[dict[str, float | int | str | bool], ...]
    """A row per candidate."""
