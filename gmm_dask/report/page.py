"""The page: facts in, one HTML file out, with nothing to load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gmm_dask.extras import required
from gmm_dask.model import MixtureModel
from gmm_dask.report.columns import column_rows
from gmm_dask.report.comparison import Comparison
from gmm_dask.report.numbers import duration, mean_and_sd, number, percent, short
from gmm_dask.report.profiles import Profiles
from gmm_dask.report.verdict import choice, doubts
from gmm_dask.report.words import COVARIANCES, CRITERIA, headline, remarks


@dataclass(frozen=True)
class Stage:
    """A finished stage of the work: what it made, where, how many rows, in how many seconds."""

    stage: str
    path: str
    rows: int
    seconds: float
    summary: str


def check_available() -> None:
    """Raise `UsageError` unless reports can be written here: ask before hours of work."""
    for name in ("jinja2", "matplotlib"):
        required(name, "report", "a report")


def render_report(
    model: MixtureModel,
    *,
    selection: pd.DataFrame | None = None,
    criterion: str = "bic",
    stages: Sequence[Stage] = (),
    notes: Sequence[str] = (),
    title: str = "Gaussian mixture report",
) -> str:
    """A self-contained HTML page about a model; the same arguments give the same text.

    `selection`: `Selection.to_frame()` of the candidates that the model was chosen from, by `criterion`. `stages`:
    what was made where. `notes`: what the reader should know first.

    Raises `UsageError` where the extra `report` is not installed, and for an unknown criterion; `BadInputError` for a
    `selection` that is none.
    """
    check_available()
    comparison = None if selection is None else Comparison.of(selection, criterion)
    profiles = Profiles.of(model)
    return _fill(
        title=title,
        model=model,
        headline=headline(model, comparison),
        remarks=remarks(model, notes),
        covariance=COVARIANCES[model.parameters.family.name],
        comparison=comparison,
        meaning=CRITERIA[criterion] if comparison else "",
        choice=choice(comparison) if comparison else [],
        doubts=doubts(comparison) if comparison else [],
        profiles=profiles,
        pictures=_pictures(comparison, profiles),
        columns=column_rows(model),
        stages=stages,
    )


def _pictures(comparison: Comparison | None, profiles: Profiles) -> dict[str, str]:
    """The pictures worth drawing: one candidate is no choice, and one segment has nothing to differ from."""
    from gmm_dask.report import pictures  # needs the extra

    drawn = {}
    if comparison is not None and len(comparison.rows) > 1:
        drawn["criterion"] = pictures.criterion_picture(comparison)
    if len(profiles.shares) > 1:
        drawn["sizes"] = pictures.sizes_picture(profiles.shares)
        drawn["profiles"] = pictures.profiles_picture(profiles)
    return drawn


def _fill(**facts: object) -> str:
    import jinja2  # of the extra

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": duration, "number": number, "percent": percent, "short": short, "thousands": "{:,}".format,
    }  # fmt: skip
    environment.globals["mean_and_sd"] = mean_and_sd
    return environment.get_template("report.html.jinja").render(facts)
