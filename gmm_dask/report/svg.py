"""Pictures as SVG inside a page: measured in pixels, set in the page's fonts, coloured by its style sheet."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Matplotlib wants colours; the page has variables, which change with light and dark. Each variable is drawn in a
# colour of its own that is replaced in the end.
INK, MUTED, RULE, ACCENT, LOW, HIGH = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
SERIES = ("#070707", "#080808", "#090909", "#0a0a0a")
_VARIABLES = {
    INK: "var(--ink)", MUTED: "var(--muted)", RULE: "var(--rule)", ACCENT: "var(--accent)",
    LOW: "var(--low)", HIGH: "var(--high)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)},
}  # fmt: skip

_PIXELS_PER_INCH = 72  # that of SVG's user units: a point is a pixel
_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be found, copied and read aloud
    "svg.hashsalt": "gmm_dask",  # the same picture has the same bytes
    "text.parse_math": False,  # names of columns may hold dollars
    "figure.dpi": _PIXELS_PER_INCH,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "font.size": 12.5,
    "legend.frameon": False,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Within it figures look the same whatever the user has configured."""
    with style.context(_STYLE, after_reset=True):
        yield


def plot(width: int, height: int, *, left: int, right: int, top: int, bottom: int) -> Axes:
    """Axes with margins in pixels."""
    figure = Figure((width / _PIXELS_PER_INCH, height / _PIXELS_PER_INCH))
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
    return figure.add_axes(box)


def canvas(width: int, height: int) -> Axes:
    """A sheet to draw on in pixels, from the top left corner."""
    axes = plot(width, height, left=0, right=0, top=0, bottom=0)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


def inline(axes: Axes, name: str, description: str) -> str:
    """The figure of `axes` as an element for a page. `name` is its id; `description` says what it shows."""
    root = ElementTree.fromstring(_rendered(axes))
    for child in list(root):
        if child.tag.endswith("metadata") or child.find("{*}style") is not None:
            root.remove(child)
    for element in root.iter():
        _adopt(element, name)
    _, _, width, height = root.attrib["viewBox"].split()
    size = {"viewBox": root.attrib["viewBox"], "width": width, "height": height}
    root.attrib = {"id": name, "role": "img", "aria-label": description, **size}
    return ElementTree.tostring(root, encoding="unicode")


def _rendered(axes: Axes) -> str:
    target = io.StringIO()
    figure = axes.get_figure(root=True)
    assert figure is not None
    with warnings.catch_warnings():
        # Text is set by the reader's browser, which has more glyphs than the font that matplotlib measures with.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue()


def _adopt(element: ElementTree.Element, name: str) -> None:
    """Make an element one of an HTML page: no namespaces, no ids that another picture has, the page's colours."""
    element.tag = _local(element.tag)
    attributes = {_local(key): value for key, value in element.attrib.items()}
    if element.tag == "g":
        attributes.pop("id", None)
    if "id" in attributes:
        attributes["id"] = f"{name}-{attributes['id']}"
    for key in ("href", "clip-path"):
        if key in attributes:
            attributes[key] = attributes[key].replace("#", f"#{name}-")
    if "style" in attributes:
        unset = re.sub(r"font-family: [^;]*(; )?", "", attributes["style"])
        attributes["style"] = re.sub(r"#\w{6}", lambda colour: _VARIABLES.get(colour[0], colour[0]), unset)
    element.attrib = attributes


def _local(name: str) -> str:
    """Without the namespace: HTML knows which elements are SVG."""
    return name.rpartition("}")[2]
