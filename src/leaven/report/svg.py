"""From a matplotlib figure to SVG that lives inside a page: responsive, coloured by the page, safe to inline.

The page's style decides the colours, so that one picture serves light, dark and print; the picture itself carries
no style sheet, no script, no link and no date.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leaven.report.text import clean

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from matplotlib.figure import Figure

INK, FAINT, BAND = "#101010", "#a0a0a0", "#c0c0c0"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # Okabe and Ito: told apart by the colour-blind too
OTHER = "#707070"

_COLOURS = {
    INK: "currentColor",
    FAINT: "var(--rule, #a0a0a0)",
    BAND: "var(--band, #c0c0c0)",
    OTHER: "var(--muted, #707070)",
    **{colour: f"var(--s{place}, {colour})" for place, colour in enumerate(SERIES, start=1)},
}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "leaven",
    "text.parse_math": False,
    "text.usetex": False,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Hold matplotlib's settings while a figure is made and written: plain text, no mathematics, fixed ids."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # A browser finds the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def inline(figure: Figure, name: str, title: str, description: str) -> str:
    """Return the figure as an ``<svg>`` element; ``name`` keeps its ids apart from other figures'."""
    import xml.etree.ElementTree as ET

    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ET.fromstring(written.getvalue())  # noqa: S314 - matplotlib's own output
    for parent in list(root.iter()):
        for child in [c for c in parent if _bare(c.tag) in ("metadata", "style", "script")]:
            parent.remove(child)
    for element in root.iter():
        _rewrite(element, name)
    _describe(root, name, title, description)
    return ET.tostring(root, encoding="unicode")


def _bare(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _rewrite(element: ET.Element, name: str) -> None:
    """Take an element out of its name space and hand its colours and fonts to the page."""
    element.tag = _bare(element.tag)
    kept = {_bare(key): value for key, value in element.attrib.items()}
    element.attrib.clear()
    for key, value in kept.items():
        made = value
        if key == "id":
            made = f"{name}-{value}"
        elif key == "href":
            made = f"#{name}-{value.removeprefix('#')}"
        elif key in ("style", "clip-path"):
            made = re.sub(r"url\(#", f"url(#{name}-", _restyle(value))
        element.set(key, made)


def _restyle(style: str) -> str:
    style = re.sub(r"font: ([\d.]+)px [^;]*", r"font-size: \1px", style)
    return re.sub(r"#[0-9a-f]{6}", lambda hit: _COLOURS.get(hit[0], hit[0]), style)


def _describe(root: ET.Element, name: str, title: str, description: str) -> None:
    import xml.etree.ElementTree as ET

    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for place, (tag, text) in enumerate([("title", title), ("desc", description)]):
        element = ET.Element(tag, {"id": f"{name}-{tag}"})
        element.text = clean(text)
        root.insert(place, element)
