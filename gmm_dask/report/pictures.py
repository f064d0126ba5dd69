"""The three pictures of the report, each a pure function of what it shows. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gmm_dask.mixture import Float
from gmm_dask.report.comparison import Comparison, Row
from gmm_dask.report.numbers import percent, short
from gmm_dask.report.profiles import Profiles
from gmm_dask.report.svg import ACCENT, HIGH, INK, LOW, MUTED, PAGE, SERIES, canvas, house_style, inline, plot

CAP: Final = 2.0
"""Contrasts of so many standard deviations have the full colour."""

_MARKERS = "osD^"
_WIDTH = 720
_SMALL = 11.0


@house_style()
def criterion_picture(comparison: Comparison) -> str:
    """The criterion over the number of segments, a line per covariance type."""
    axes = plot(_WIDTH, 320, left=58, right=14, top=52, bottom=46)
    low, high = _limits(comparison)
    for number, covariance_type in enumerate(comparison.covariance_types):
        rows = sorted(
            (row for row in comparison.rows if row.covariance_type == covariance_type), key=lambda row: row.n_components
        )
        _draw_series(axes, rows, covariance_type, number, low)
    _mark_best(axes, comparison.best)
    axes.set_ylim(low, high)
    axes.set_title(f"{comparison.name} above the best", loc="left", fontsize=_SMALL, color=MUTED, pad=32)
    axes.set_xlabel("Number of segments")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=20, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=5, borderpad=0.2, handlelength=1.6)
    best = f"{comparison.best.n_components} segments, {comparison.best.covariance_type}"
    return inline(axes, "criterion", f"{comparison.name} of each candidate; the best has {best}.")


def _limits(comparison: Comparison) -> tuple[float, float]:
    """Of the vertical axis: around the candidates to be trusted; a spike's likelihood has no bound."""
    sound = [row.difference for row in comparison.rows if row.outcome.trustworthy or row.best]
    span = max(sound) or 1.0
    return -0.2 * span, 1.06 * span


def _draw_series(axes: Axes, rows: Sequence[Row], covariance_type: str, number: int, low: float) -> None:
    colour, marker = SERIES[number % len(SERIES)], _MARKERS[number % len(_MARKERS)]
    sound = [row for row in rows if row.outcome.trustworthy]
    axes.plot(
        [row.n_components for row in sound], [row.difference for row in sound],
        color=colour, marker=marker, markersize=5.5, linewidth=1.6, label=covariance_type,
    )  # fmt: skip
    for row in rows:
        if row.outcome.trustworthy:
            continue
        is_below = row.difference < low
        axes.plot(
            row.n_components, max(row.difference, 0.8 * low), marker="v" if is_below else marker,
            markersize=7, markeredgecolor=colour, markerfacecolor=PAGE, markeredgewidth=1.5, linestyle="none",
        )  # fmt: skip


def _mark_best(axes: Axes, best: Row) -> None:
    axes.plot(
        best.n_components, best.difference, marker="o", markersize=15,
        markeredgecolor=ACCENT, markerfacecolor="none", markeredgewidth=1.8, linestyle="none",
    )  # fmt: skip
    axes.annotate(
        f"{best.n_components}, {best.covariance_type}", (best.n_components, best.difference),
        xytext=(0, -13), textcoords="offset points", ha="center", va="top", color=INK, weight="bold",
    )  # fmt: skip


@house_style()
def sizes_picture(shares: Float) -> str:
    """The share of each segment as a bar."""
    step, left, right = 26, 92, 62
    axes = canvas(_WIDTH, step * len(shares) + 4)
    scale = (_WIDTH - left - right) / float(shares.max())
    for number, share in enumerate(shares):
        middle, length = step * (number + 0.5) + 2, max(1.0, scale * float(share))
        _text(axes, left - 10, middle, f"Segment {number}", ha="right")
        axes.add_patch(Rectangle((left, middle - 9), length, 18, facecolor=ACCENT))
        _text(axes, left + length + 8, middle, percent(float(share)), ha="left")
    return inline(axes, "sizes", "Share of the rows in each segment.")


@house_style()
def profiles_picture(profiles: Profiles) -> str:
    """A heat map: a row per column, a column per segment, coloured by contrast, with the means in source units."""
    names = [_label(name) for name in profiles.columns]
    k, d = profiles.means.shape
    left, width, height, top, key = 16 + round(7.3 * max(map(len, names))), 72 if k <= 9 else 50, 26, 26, 52
    axes = canvas(left + width * k + 4, top + height * d + key)
    _text(axes, left - 10, top / 2, "Segment", ha="right", color=MUTED)
    for segment in range(k):
        _text(axes, left + width * (segment + 0.5), top / 2, str(segment), color=MUTED)
    for row, name in enumerate(names):
        _text(axes, left - 10, top + height * (row + 0.5), name, ha="right")
        for segment in range(k):
            x, y = left + width * segment, top + height * row
            _cell(axes, x, y, width, height, profiles.contrasts[segment, row])
            _text(axes, x + width / 2, y + height / 2, short(profiles.means[segment, row]), fontsize=_SMALL)
    _key(axes, left, top + height * d + 14)
    return inline(axes, "profiles", "Means of each column in each segment, coloured by their distance from the whole.")


def _cell(axes: Axes, x: float, y: float, width: float, height: float, contrast: float) -> None:
    """Colours meet in the page's own background: the opacity says how far, the colour in which direction."""
    strength = min(abs(contrast), CAP) / CAP
    colour = HIGH if contrast > 0 else LOW
    axes.add_patch(Rectangle((x + 1, y + 1), width - 2, height - 2, facecolor=colour, alpha=round(strength, 3)))


def _key(axes: Axes, x: float, y: float) -> None:
    steps = np.linspace(-CAP, CAP, 9)
    for number, contrast in enumerate(steps):
        _cell(axes, x + 20 * number, y, 20, 13, contrast)
    for place, text in ((0, f"−{CAP:g} sd"), (4, "mean"), (8, f"+{CAP:g} sd")):
        _text(axes, x + 20 * (place + 0.5), y + 24, text, color=MUTED, fontsize=_SMALL)


def _text(
    axes: Axes, x: float, y: float, text: str, *, ha: str = "center", color: str = INK, fontsize: float = 12.5
) -> None:
    axes.text(x, y, text, ha=ha, va="center_baseline", color=color, fontsize=fontsize)


def _label(name: str, longest: int = 26) -> str:
    """A name that fits beside a picture, without what XML cannot hold."""
    printable = "".join(character if character.isprintable() else " " for character in name)
    return printable if len(printable) <= longest else f"{printable[: longest - 1].rstrip()}…"
