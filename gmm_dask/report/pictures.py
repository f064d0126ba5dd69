"""The three pictures of the report, each a pure function of what it shows. Needs matplotlib."""

from __future__ import annotations

from typing import Final
from unicodedata import east_asian_width

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gmm_dask.mixture import Float
from gmm_dask.report.comparison import Comparison
from gmm_dask.report.criterion import Palette, draw_criterion
from gmm_dask.report.numbers import mean_and_sd, percent, short
from gmm_dask.report.profiles import Profiles
from gmm_dask.report.svg import ACCENT, HIGH, INK, LOW, MUTED, SERIES, canvas, house_style, inline, plot

CAP: Final = 2.0
"""Contrasts of so many standard deviations have the full colour."""

_SMALL = 11.0
_LEGEND_COLUMNS, _LEGEND_STEP = 4, 22
_KEY_STEP = 20


@house_style()
def criterion_picture(comparison: Comparison) -> str:
    """The criterion over the number of segments, a line per covariance type."""
    legend_rows = -(-len(comparison.covariance_types) // _LEGEND_COLUMNS)
    extra = _LEGEND_STEP * (legend_rows - 1)
    axes = plot(600, 320 + extra, left=52, right=8, top=58 + extra, bottom=44)
    drawn = draw_criterion(axes, comparison, Palette(SERIES, ACCENT, MUTED), noun="segment")
    _label_axes(axes, f"{comparison.name} above the best", drawn.limits, pad=32 + extra)
    layout = {"borderpad": 0.2, "borderaxespad": 0.0, "handlelength": 1.6}
    lines = axes.legend(
        handles=drawn.series, loc="lower left", bbox_to_anchor=(-0.01, 1.02), ncols=_LEGEND_COLUMNS, **layout
    )
    axes.add_artist(lines)
    above = 1.12 + extra / 218  # in units of the axes, which are 218 pixels high
    axes.legend(handles=drawn.rings, loc="lower right", bbox_to_anchor=(1.0, above), ncols=2, **layout)
    return inline(axes, "criterion", f"{comparison.name} of every candidate; {drawn.rings[0].get_label()}.")


def _label_axes(axes: Axes, title: str, limits: tuple[float, float], pad: float) -> None:
    axes.set_ylim(limits)
    axes.set_title(title, loc="left", fontsize=_SMALL, color=MUTED, pad=pad)
    axes.set_xlabel("Number of segments")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=20, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.grid(axis="y")


@house_style()
def sizes_picture(shares: Float) -> str:
    """The share of each segment as a bar."""
    step, left, longest, right = 26, 92, 320, 60
    axes = canvas(left + longest + right, step * len(shares) + 4)
    for number, share in enumerate(shares):
        middle, length = step * (number + 0.5) + 2, max(1.0, longest * float(share / shares.max()))
        _text(axes, left - 10, middle, f"Segment {number}", ha="right")
        axes.add_patch(Rectangle((left, middle - 9), length, 18, facecolor=ACCENT))
        _text(axes, left + length + 8, middle, percent(float(share)), ha="left")
    return inline(axes, "sizes", "Share of the rows in each segment.")


@house_style()
def profiles_picture(profiles: Profiles) -> str:
    """A heat map: a row per column, a column per segment, coloured by contrast, with the means in source units."""
    (k, d), contrasts = profiles.means.shape, profiles.contrasts
    names = [_label(name) for name in profiles.columns]
    left, top, height = 16 + 8 * max(map(_width, names)), 26, 26
    width, longest = (72, 9) if k <= 9 else (52, 7)
    axes = canvas(left + max(width * k, 9 * _KEY_STEP) + 4, top + height * d + 52)
    _text(axes, left - 10, top / 2, "Segment", ha="right", color=MUTED)
    for segment in range(k):
        _text(axes, left + width * (segment + 0.5), top / 2, str(segment), color=MUTED)
    for row, name in enumerate(names):
        y = top + height * row
        _text(axes, left - 10, y + height / 2, name, ha="right")
        means = _means(profiles.means[:, row], profiles.whole_sds[row], longest)
        for segment, (text, contrast) in enumerate(zip(means, contrasts[:, row], strict=True)):
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
    for number, contrast in enumerate(np.linspace(-CAP, CAP, 9)):
        _cell(axes, x + _KEY_STEP * number, y, _KEY_STEP, 13, contrast)
    for number, text in ((0, f"−{CAP:g} sd"), (4, "mean"), (8, f"+{CAP:g} sd")):
        _text(axes, x + _KEY_STEP * (number + 0.5), y + 24, text, color=MUTED, fontsize=_SMALL)


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
