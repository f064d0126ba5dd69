"""The criterion of every candidate over the number of components, a line per covariance type. Needs matplotlib."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gmm_dask.report.comparison import Comparison, Row
from gmm_dask.report.numbers import counted

_MARKERS = "osD^"
_LEGEND_ROWS = 6


@dataclass(frozen=True)
class Palette:
    """Colours: of lines, of the ring about the best, and of the explanation of hollow points."""

    series: tuple[str, ...]
    accent: str
    muted: str


USUAL = Palette(("C0", "C1", "C2", "C3"), "black", "gray")


@dataclass(frozen=True)
class Handles:
    """What a legend shows: a line per covariance type, and the rings. `limits`: of the vertical axis."""

    series: list[Line2D]
    rings: list[Line2D]
    limits: tuple[float, float]


def plot_criterion(comparison: Comparison, axes: Axes) -> None:
    """The whole picture on somebody's axes, in matplotlib's usual colours."""
    drawn = draw_criterion(axes, comparison, USUAL, noun="component")
    axes.set_ylim(drawn.limits)
    axes.set_xlabel("Number of components")
    axes.set_ylabel(f"{comparison.name} above the best")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [*drawn.series, *drawn.rings]
    axes.legend(handles=handles, loc="upper right", ncols=-(-len(handles) // _LEGEND_ROWS))


def draw_criterion(axes: Axes, comparison: Comparison, palette: Palette, noun: str) -> Handles:
    """Lines through the candidates to be trusted, hollow points for the others, a ring about the best."""
    kinds, limits = comparison.covariance_types, _limits(comparison)
    series = [_draw_series(axes, comparison, kind, *_look(number, palette)) for number, kind in enumerate(kinds)]
    doubtful = [row for row in comparison.rows if not row.outcome.trustworthy]
    for row in doubtful:
        _draw_doubtful(axes, row, *_look(kinds.index(row.covariance_type), palette), limits)
    best = comparison.best
    label = f"best: {counted(best.n_components, noun)}, {best.covariance_type}"
    rings = [_ring(axes, [best.n_components], [best.difference], label=label, size=15, color=palette.accent)]
    if doubtful:
        rings.append(_ring(axes, [], [], label="not to be trusted", size=7, color=palette.muted))
    return Handles(series, rings, limits)


def _look(number: int, palette: Palette) -> tuple[str, str]:
    """Marker and colour of a line: both differ while there are colours, and no two lines have the same two."""
    n = len(palette.series)
    return _MARKERS[(number + number // n) % len(_MARKERS)], palette.series[number % n]


def _limits(comparison: Comparison) -> tuple[float, float]:
    """Of the vertical axis: around the candidates to be trusted, for the likelihood of others has no bound."""
    rows = comparison.trusted or comparison.rows
    low, high = min(row.difference for row in rows), max(row.difference for row in rows)
    span = high - low or 1.0
    return low - 0.15 * span, high + 0.05 * span


def _draw_series(axes: Axes, comparison: Comparison, covariance_type: str, marker: str, color: str) -> Line2D:
    points = sorted(
        (row.n_components, row.difference) for row in comparison.trusted if row.covariance_type == covariance_type
    )
    ks, differences = [k for k, _ in points], [difference for _, difference in points]
    (line,) = axes.plot(ks, differences, marker=marker, color=color, label=covariance_type, markersize=5.5)
    return line


def _draw_doubtful(axes: Axes, row: Row, inside: str, color: str, limits: tuple[float, float]) -> None:
    """Hollow; at the rim of the picture as a triangle that points to where it would be."""
    low, high = limits
    margin = 0.03 * (high - low)
    y = min(max(row.difference, low + margin), high - margin)
    marker = inside if y == row.difference else "v" if y > row.difference else "^"
    _ring(axes, [row.n_components], [y], marker=marker, size=7, color=color)


def _ring(
    axes: Axes, xs: list[int], ys: list[float], *, color: str, size: int, marker: str = "o", label: str | None = None
) -> Line2D:
    (line,) = axes.plot(
        xs,
        ys,
        marker,
        color=color,  # of nothing that is seen, but the axes' own cycle of colours stays where it was
        label=label,
        markersize=size,
        markeredgecolor=color,
        markerfacecolor="none",
        markeredgewidth=1.6,
    )
    return line
