"""How long rows are, in pictures: counts by powers of two, what a limit cuts off, and a plot in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = (".svg", ".png")
_STYLES = {  # Okabe and Ito: told apart by the colour-blind too
    "prompt": "#707070", "completion": "#0072b2", "chosen": "#0072b2", "rejected": "#d55e00", "tokens": "#009e73",
    "text": "#0072b2",
}  # fmt: skip
_OTHER = "#cc79a7"


def binned(values: Mapping[str, Sequence[int]]) -> list[tuple[int, int, dict[str, int]]]:
    """Return (lowest, highest, count by name) for each power of two from the shortest to the longest; 0 is apart."""
    places = {name: [value.bit_length() for value in found] for name, found in values.items()}
    every = [place for found in places.values() for place in found]
    if not every:
        return []
    rows = []
    for place in range(min(every), max(every) + 1):
        counts = {name: found.count(place) for name, found in places.items()}
        rows.append(((1 << place) >> 1, max((1 << place) - 1, 0), counts))
    return rows


@dataclass(frozen=True)
class Cut:
    """What a limit of tokens cuts off: how many ``rows`` are longer, and how many of all ``tokens`` are lost."""

    rows: int
    lost: int
    tokens: int


def cut(tokens: Sequence[int], limit: int) -> Cut:
    """Return what is lost where rows of so many tokens are cut off at a limit."""
    over = [length - limit for length in tokens if length > limit]
    return Cut(len(over), sum(over), sum(tokens))


def problem(path: Path) -> str | None:
    """Say why no plot can be written to a file; None if one can."""
    if path.suffix.lower() not in KINDS:
        return f"--plot {path.name}: a plot is written as {' or '.join(KINDS)}; name such a file"
    return None if path.parent.is_dir() else f"--plot {path}: there is no folder {path.parent}"


def plot(path: Path, lengths: Mapping[str, Sequence[int]], title: str, max_length: int | None = None) -> None:
    """Write a histogram of lengths: characters by what they are of, and below it tokens with the limit, if counted.

    ``lengths`` holds a number per row by name (``prompt characters``, ``tokens``). Raises DataError if there are none,
    or the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    characters = {name.removesuffix(" characters"): values for name, values in lengths.items() if "characters" in name}
    panels: list[tuple[str, Mapping[str, Sequence[int]], int | None]] = []
    if characters:
        panels.append(("characters", characters, None))
    if "tokens" in lengths:
        panels.append(("tokens (prompt and longest answer)", {"tokens": lengths["tokens"]}, max_length))
    if not panels:
        raise DataError("there are no texts, so there are no lengths to plot")
    with rc_context({"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "leaven"}):
        figure = Figure(figsize=(6.4, 2.8 * len(panels)), layout="constrained")
        for axes, panel in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
            _panel(axes, *panel)
        figure.suptitle(title, fontsize=10)
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


def _panel(axes: Axes, says: str, values: Mapping[str, Sequence[int]], limit: int | None) -> None:
    """Draw steps over bins whose width grows with length: lengths of texts are spread over powers of ten."""
    import numpy as np

    lowest, highest = (most(most(found) for found in values.values()) for most in (min, max))
    bins: Any = np.unique(np.geomspace(max(lowest, 1), max(highest, 2) + 1, 40).astype(int))
    for name, found in values.items():
        half = int(np.median(found))
        # A length of 0 has no place on the axis; it stands at its left end.
        axes.hist(np.maximum(found, 1), bins=bins, histtype="step", linewidth=1.5, color=_STYLES.get(name, _OTHER),
                  label=f"{name}: median {half:,}")  # fmt: skip
    if limit is not None:
        axes.axvline(limit, color="#b1400a", linestyle="--", linewidth=1.2, label=f"max_length {limit:,}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda at, _: f"{at:,.0f}")
    axes.set_xlabel(says)
    axes.set_ylabel("rows")
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
