"""Numbers as people read them."""

from __future__ import annotations

import math

_NO_NUMBER = "–"


def number(value: float, digits: int = 4) -> str:
    """`digits` significant digits with thousands separators; digits before the point are never rounded away."""
    if not math.isfinite(value):
        return _NO_NUMBER
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -5 <= exponent < 12:
        return f"{value:.{digits - 1}e}"
    text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(value: float) -> str:
    """Three significant digits in seven characters at most, for cells and axes: 1,234 and 0.0123, 56.7k and 1.2e-05."""
    if not math.isfinite(value):
        return _NO_NUMBER
    if abs(value) < 9_999.5:
        return f"{value:.1e}" if 0 < abs(value) < 1e-3 else number(value, 3)
    value = float(f"{value:.3g}")  # before the suffix is chosen: 999,999 is 1M, not 1,000k
    for size, suffix in ((1e12, ""), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{number(value / size, 3)}{suffix}" if suffix else f"{value:.1e}"
    raise AssertionError(value)


def mean_and_sd(mean: float, sd: float, digits: int = 3) -> tuple[str, str]:
    """Both to the same digit, at which the deviation has `digits` significant ones: ("12.6", "40.1")."""
    if not (1e-4 <= sd < 1e12 and abs(mean) < 1e15):
        return number(mean), number(sd)
    decimals = max(0, digits - 1 - math.floor(math.log10(sd)))
    return f"{mean:z,.{decimals}f}", f"{sd:,.{decimals}f}"


def percent(share: float) -> str:
    """One decimal; a little is not nothing, and nearly all is not all."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}" if 0 < share < 1 else f"{share:.0%}"


def duration(seconds: float) -> str:
    """1.2 s, 43 s, 4 min 12 s, 2 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "<0.1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def counted(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
