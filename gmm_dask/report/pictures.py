"""The three pictures of the report, each a pure function of what it shows. Needs matplotlib."""

from __future__ import annotations

from typing import Final
from unicodedata import east_asian_width

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gmm_dask.mixture import Float
from gmm_dask.report.comparison import Comparison, Row
from gmm_dask.report.numbers import counted, mean_and_sd, percent, short
from gmm_dask.report.profiles import Profiles
from gmm_dask.report.svg import ACCENT, HIGH, INK, LOW, MUTED, SERIES, canvas, house_style, inline, plot

CAP: Final = 2.0
"""Contrasts of so many standard deviations have the full colour."""

_MARKERS = "osD^"
_WIDTH = 720
_SMALL = 11.0


@house_style()
def criterion_picture(comparison: Comparison) -> str:
    """The criterion over the number of segments, a line per covariance type."""
    axes = plot(_WIDTH, 320, left=58, right=14, top=52, bottom=46)
    limits = _limits(comparison)
    for number, covariance_type in enumerate(comparison.covariance_types):
        rows = [row for row in comparison.rows if row.covariance_type == covariance_type]
        _draw_series(axes, rows, covariance_type, number, limits)
    best = comparison.best
    best_label = f"best: {counted(best.n_components, 'segment')}, {best.covariance_type}"
    _ring(axes, best.n_components, best.difference, label=best_label, size=15, color=ACCENT)
    if not all(row.outcome.trustworthy for row in comparison.rows):
        _ring(axes, label="not to be trusted", size=7, color=MUTED)
    axes.set_ylim(limits)
    axes.set_title(f"{comparison.name} above the best", loc="left", fontsize=_SMALL, color=MUTED, pad=34)
    axes.set_xlabel("Number of segments")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=20, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=6, borderpad=0.2, handlelength=1.6)
    return inline(axes, "criterion", f"{comparison.name} of every candidate; {best_label}.")


def _limits(comparison: Comparison) -> tuple[float, float]:
    """Of the vertical axis: around the candidates to be trusted, for the likelihood of others has no bound."""
    rows = [row for row in comparison.rows if row.outcome.trustworthy] or comparison.rows
    low, high = min(row.difference for row in rows), max(row.difference for row in rows)
    span = high - low or 1.0
    return low - 0.2 * span, high + 0.08 * span


def _draw_series(axes: Axes, rows: list[Row], covariance_type: str, number: int, limits: tuple[float, float]) -> None:
    color, marker = SERIES[number % len(SERIES)], _MARKERS[number % len(_MARKERS)]
    sound = sorted((row.n_components, row.difference) for row in rows if row.outcome.trustworthy)
    axes.plot(
        [k for k, _ in sound], [difference for _, difference in sound],
        color=color, marker=marker, markersize=5.5, linewidth=1.6, label=covariance_type,
    )  # fmt: skip
    low, high = limits
    margin = 0.03 * (high - low)
    for row in rows:
        if not row.outcome.trustworthy:
            y = min(max(row.difference, low + margin), high - margin)
            shape = marker if y == row.difference else "v" if y > row.difference else "^"
            _ring(axes, row.n_components, y, marker=shape, size=7, color=color)


def _ring(axes: Axes, *point: float, color: str, size: float, marker: str = "o", label: str | None = None) -> None:
    """A hollow marker at (x, y), or only its entry in the legend."""
    xs, ys = point[:1], point[1:]
    axes.plot(
        xs, ys, label=label, marker=marker, markersize=size, markeredgecolor=color, markerfacecolor="none",
        markeredgewidth=1.6, linestyle="none",
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
    k, d = profiles.means.shape
    names = [_label(name) for name in profiles.columns]
    left, top, height = 16 + 8 * max(map(_width, names)), 26, 26
    width, longest = (72, 9) if k <= 9 else (52, 7)
    axes = canvas(left + width * k + 4, top + height * d + 52)
    _text(axes, left - 10, top / 2, "Segment", ha="right", color=MUTED)
    for segment in range(k):
        _text(axes, left + width * (segment + 0.5), top / 2, str(segment), color=MUTED)
    for row, name in enumerate(names):
        y = top + height * row
        _text(axes, left - 10, y + height / 2, name, ha="right")
        means = _means(profiles.means[:, row], profiles.whole_sds[row], longest)
        for segment, (text, contrast) in enumerate(zip(means, profiles.contrasts[:, row], strict=True)):
            x = left + width * segment
            _cell(axes, x, y, width, height, contrast)
            _text(axes, x + width / 2, y + height / 2, text, fontsize=_SMALL)
    _key(axes, left, top + height * d + 14)
    return inline(
        axes, "profiles", "Mean of each column in each segment, coloured by its distance from that of all rows."
    )


def _means(means: Float, sd: float, longest: int) -> list[str]:
    """All to the same digit, the finest that fits and tells whether they differ; rounded on their own if none fits."""
    for digits in (3, 2, 1):
        texts = [mean_and_sd(float(mean), sd, digits)[0] for mean in means]
        if max(map(len, texts)) <= longest:
            return texts
    return [short(float(mean)) for mean in means]


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


def _label(name: str, longest: int = 22) -> str:
    """A name that fits beside a picture, its ends kept, without the characters that XML cannot hold."""
    printable = "".join(character if character.isprintable() else " " for character in name)
    half = longest // 2
    return printable if len(printable) <= longest else f"{printable[:half]}…{printable[1 - half :]}"


def _width(text: str) -> int:
    """In characters of which Chinese, Japanese and Korean ones take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
