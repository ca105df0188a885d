"""From a matplotlib figure to SVG that lives inside a page: responsive, coloured by the page, safe to inline.

The page's style decides the colours, so that one picture serves light, dark and print; the picture itself carries
no style sheet, no script, no link and no date. What it asks of the page:

- colours: ``currentColor`` (ink) and the variables ``--paper --rule --muted --band --better --worse --s1 ... --s5``,
  all with a fallback. Whoever writes a picture to a file of its own puts the variables' values in their place.
- size: 360 units wide, letters of 10 to 12 units: it looks best where the page makes it 340 to 560 pixels wide.
- marks: what stands for a number is ``<g class="mark" data-tip="...">`` with the same text as its ``<title>``, which
  browsers show without a script. The text's lines are parted by newlines, the first names the arm.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leaven.report.text import clean

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from matplotlib.figure import Figure

INK, FAINT, BAND, PAPER = "#101010", "#a0a0a0", "#c0c0c0", "#fdfcf9"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # Okabe and Ito: told apart by the colour-blind too
OTHER = "#707070"
BETTER, WORSE = "#00608f", "#b1400a"
HALO = "halo"  # the gid of text that keeps clear of what lies under it
_STEPS = 8  # of a fill that is between none and full

_COLOURS = {
    INK: "currentColor",
    FAINT: "var(--rule, #a0a0a0)",
    BAND: "var(--band, #c0c0c0)",
    PAPER: f"var(--paper, {PAPER})",
    OTHER: "var(--muted, #707070)",
    BETTER: f"var(--better, {BETTER})",
    WORSE: f"var(--worse, {WORSE})",
    **{colour: f"var(--s{place}, {colour})" for place, colour in enumerate(SERIES, start=1)},
}
# matplotlib's markers have one opacity for fill and ring; ours differ, so a colour of its own stands for each step.
_FILLS = {
    f"#{place:02x}{step:02x}5a": f"{_COLOURS[colour]}; fill-opacity: {round(step / _STEPS, 3)}"
    for place, colour in enumerate((OTHER, *SERIES))
    for step in range(1, _STEPS)
}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "leaven",
    "text.parse_math": False,
    "text.usetex": False,
}
_CLEAR = f"paint-order: stroke; stroke: {_COLOURS[PAPER]}; stroke-width: 3px; stroke-linejoin: round"


@contextmanager
def drawing() -> Iterator[None]:
    """Hold matplotlib's settings while a figure is made and written: plain text, no mathematics, fixed ids."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # A browser finds the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def fill(colour: str, share: float) -> str:
    """Return what a marker's face is to be called: full, a part of a colour, or the paper's where it is empty."""
    step = round(share * _STEPS)
    if step >= _STEPS or (step > 0 and colour not in (OTHER, *SERIES)):
        return colour
    return PAPER if step <= 0 else f"#{(OTHER, *SERIES).index(colour):02x}{step:02x}5a"


def inline(figure: Figure, name: str, title: str, description: str, tips: Mapping[str, str] | None = None) -> str:
    """Return the figure as an ``<svg>`` element; ``name`` keeps its ids apart from other figures'.

    ``tips`` holds, by the artists' gid, what a mark says when it is pointed at.
    """
    import xml.etree.ElementTree as ET

    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ET.fromstring(written.getvalue())  # noqa: S314 - matplotlib's own output
    for parent in list(root.iter()):
        for child in [c for c in parent if _bare(c.tag) in ("metadata", "style", "script")]:
            parent.remove(child)
    for element in root.iter():
        _attach(element, tips or {})
    _gather(root)
    wanted = _referred(root)
    for element in root.iter():
        _rewrite(element, name, wanted)
    _describe(root, name, title, description)
    return ET.tostring(root, encoding="unicode")


def _bare(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _attach(element: ET.Element, tips: Mapping[str, str]) -> None:
    """Give a mark its text, and text that has to stay clear its halo."""
    import xml.etree.ElementTree as ET

    gid = element.get("id", "")
    if gid in tips:
        said = clean(tips[gid])
        element.set("class", "mark")
        element.set("data-tip", said)
        title = ET.Element("title")
        title.text = said
        element.insert(0, title)
    elif gid == HALO:
        for text in [child for child in element if _bare(child.tag) == "text"]:
            text.set("style", f"{text.get('style', '')}; {_CLEAR}")


def _gather(parent: ET.Element) -> None:
    """Make one mark of those that follow each other and say the same: an interval and the point on it."""
    last = None
    for child in list(parent):
        if last is not None and child.get("data-tip") is not None and child.get("data-tip") == last.get("data-tip"):
            last.extend(list(child)[1:])  # without its title
            parent.remove(child)
        else:
            last = child
            _gather(child)


def _referred(root: ET.Element) -> set[str]:
    """Return the ids that something in the picture refers to; the others are names of matplotlib's parts."""
    values = [value for element in root.iter() for key, value in element.attrib.items() if _bare(key) != "data-tip"]
    links = [value[1:] for element in root.iter() for key, value in element.attrib.items() if _bare(key) == "href"]
    return {*links, *(hit for value in values for hit in re.findall(r"url\(#([\w-]+)\)", value))}


def _rewrite(element: ET.Element, name: str, wanted: set[str]) -> None:
    """Take an element out of its name space, hand its colours and fonts to the page, and round its places."""
    element.tag = _bare(element.tag)
    kept = {_bare(key): value for key, value in element.attrib.items()}
    element.attrib.clear()
    for key, value in kept.items():
        if (key == "id" and value not in wanted) or (key == "transform" and value.startswith("rotate(-0 ")):
            continue
        element.set(key, value if key == "data-tip" else _rewritten(key, value, name))


def _rewritten(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "href":
        return f"#{name}-{value.removeprefix('#')}"
    if key in ("style", "clip-path"):
        return re.sub(r"url\(#", f"url(#{name}-", _restyle(value))
    return _round(value) if key in ("d", "x", "y", "width", "height", "transform", "points") else value


def _round(value: str) -> str:
    """Write places to a hundredth of a unit, which no eye tells from the six digits that matplotlib writes."""
    return " ".join(re.sub(r"-?\d+\.\d{3,}", lambda hit: f"{round(float(hit[0]), 2) + 0.0:.6g}", value).split())


def _restyle(style: str) -> str:
    style = re.sub(r"font-family: [^;]*(; |$)", "", _round(style)).rstrip("; ")
    return re.sub(r"(?<!, )#[0-9a-f]{6}\b", lambda hit: {**_COLOURS, **_FILLS}.get(hit[0], hit[0]), style)


def _describe(root: ET.Element, name: str, title: str, description: str) -> None:
    import xml.etree.ElementTree as ET

    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("class", "chart")
    root.set("stroke-linejoin", "round")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for place, (tag, text) in enumerate([("title", title), ("desc", description)]):
        element = ET.Element(tag, {"id": f"{name}-{tag}"})
        element.text = clean(text)
        root.insert(place, element)
