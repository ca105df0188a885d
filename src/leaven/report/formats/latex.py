"""The answer and its tables for a paper: LaTeX with booktabs, every special character of foreign text escaped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from leaven.report.answer import answer
from leaven.report.boards import shown
from leaven.report.conditioned import plain
from leaven.report.declared import claims
from leaven.report.findings import Findings
from leaven.report.judges import plain as judged
from leaven.report.listings import Table, trends
from leaven.report.means import means
from leaven.report.methods import section as aligned
from leaven.report.tables import Cell, Grid, Line, legend
from leaven.report.text import LIMIT, LONGEST, line
from leaven.report.verdicts import verdicts

_METRICS, _ARMS = 2, 40  # in one table: what a page of one column holds
_LINES = 30
_TRENDS = ("sweep", "outcome", "reading", "over the doses", "95 % interval", "corrected")
_CLAIMS = ("claim", "verdict", "effect", "90 % interval", "corrected p")
_HEADER = (
    "% Tables of a Leaven report. The preamble needs \\usepackage{booktabs}.\n"
    "% Letters beyond Latin ones need LuaLaTeX or XeLaTeX; other characters without a command are given as [U+...]."
)
_WRITTEN = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedblright{}", "`": r"\textasciigrave{}", "\u00a0": "~", "−": "$-$",
    "–": r"\textendash{}", "—": r"\textemdash{}", "…": r"\ldots{}", "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}", "‘": r"\textquoteleft{}", "’": r"\textquoteright{}", "‹": r"\textless{}",
    "›": r"\textgreater{}", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$",
    "≈": r"$\approx$", "●": r"$\bullet$", "○": r"$\circ$", "¹": "$^{1}$", "²": "$^{2}$",
    "†": r"\dag{}", "‡": r"\ddag{}", "§": r"\S{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "⊘": r"$\oslash$", "✓": r"$\surd$", "✗": r"$\times$",
}  # fmt: skip
_LIGATURES = re.compile(r"([-',])(?=\1)")


def latex(findings: Findings) -> str:
    """Return the answer as a paragraph, then a booktabs table per suite (or several), of the trends and the claims."""
    found = means(findings.measurements)
    whole = shown(findings, found)
    grids = [*whole.boards, *whole.suites, *whole.inside, *whole.published]
    tables = [part for grid in grids for part in _parts(grid)]
    baseline = f" to {findings.baseline}" if findings.baseline else ""
    made = [_table(part, baseline, place) for place, part in enumerate(tables, start=1)]
    unfinished = [f"% Unfinished: {line(findings.unfinished)}"] if findings.unfinished else []
    paragraphs = [escape(one, LONGEST) for one in verdicts(findings, found)]
    said = "\n\n".join([" ".join(map(escape, answer(findings, found))), *paragraphs])
    made += _plain(trends(findings, found), _TRENDS, "Trends over the doses", "trends")
    made += _plain(claims(findings), _CLAIMS, "Claims and their verdicts", "claims")
    for place, (title, listed) in enumerate(plain.tables(findings, found, narrow=True), start=1):
        made += _plain(listed, listed.heads, title, f"control-{place}")
    for place, (title, listed) in enumerate(judged.listed(findings.judging), start=1):
        made += _plain(listed, listed.heads, title, f"judges-{place}")
    for place, (title, listed) in enumerate(aligned.listed(findings), start=1):
        made += _plain(listed, listed.heads, title, f"methods-{place}")
    return "\n\n".join([_HEADER, *unfinished, said, *(made or ["% Nothing was measured."])]) + "\n"


def escape(text: object, limit: int = LIMIT) -> str:
    """Return foreign text as one line of LaTeX that prints it: no command, no comment, no cell's end."""
    return "".join(map(_written, _LIGATURES.sub("\\1\u200c", line(text, limit))))


def _written(character: str) -> str:
    if character in _WRITTEN:
        return _WRITTEN[character]
    if character == "\u200c":
        return "{}"
    if character.isascii() or unicodedata.category(character)[0] in "LMN":
        return character
    return " " if unicodedata.category(character) == "Zs" else f"[U+{ord(character):04X}]"


def _parts(grid: Grid) -> Iterator[Grid]:
    """Yield a table in pieces that fit a page: the baseline stands in each of them."""
    first, rest = grid.lines[:1], grid.lines[1:]
    for start in range(0, len(grid.heads), _METRICS):
        for above in range(0, max(len(rest), 1), _ARMS - 1):
            lines = [
                replace(row, cells=row.cells[start : start + _METRICS])
                for row in [*first, *rest[above : above + _ARMS - 1]]
            ]
            yield replace(grid, heads=grid.heads[start : start + _METRICS], lines=lines)


def _table(grid: Grid, baseline: str, place: int) -> str:
    return "\n".join([
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{_caption(grid, baseline)}}}",
        rf"\label{{tab:leaven-{place}}}",
        rf"\begin{{tabular}}{{@{{}}l{'rl' * len(grid.heads)}@{{}}}}",
        r"\toprule",
        "".join(rf" & \multicolumn{{2}}{{c}}{{{escape(head.name)}}}" for head in grid.heads) + r" \\",
        "".join(rf"\cmidrule(lr){{{2 * i + 2}-{2 * i + 3}}}" for i in range(len(grid.heads))),
        "arm" + " & value & difference" * len(grid.heads) + r" \\",
        r"\midrule",
        *map(_row, grid.lines),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ])  # fmt: skip


def _plain(table: Table | None, kept: Sequence[str], title: str, name: str) -> list[str]:
    """Return the columns of a plain table that a page of one column has room for, in tables of at most ``_LINES``."""
    if table is None:
        return []
    places = [place for place, head in enumerate(table.heads) if head in kept]
    numeric = [place in table.numeric for place in places]
    heads = [table.heads[place] for place in places]
    rows = [[row[place] for place in places] for row in table.rows]
    caption = ". ".join(filter(None, [title, table.note.rstrip(".")]))
    parts = [rows[start : start + _LINES] for start in range(0, len(rows), _LINES)]
    return [_lined(heads, part, numeric, caption, f"{name}-{place}") for place, part in enumerate(parts, start=1)]


def _lined(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], caption: str, name: str
) -> str:
    columns = "".join("r" if flush else _words(len(numeric) - sum(numeric)) for flush in numeric)
    return "\n".join([
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape(caption)}.}}",
        rf"\label{{tab:leaven-{name}}}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        _cells(heads),
        r"\midrule",
        *map(_cells, rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ])  # fmt: skip


def _cells(row: Sequence[str]) -> str:
    return " & ".join(f"{{{escape(cell)}}}" for cell in row) + r" \\"


def _words(n: int) -> str:
    """Return a column of words that breaks its lines, where ``n`` share what numbers leave of a page's width."""
    return rf"p{{{0.38 / max(n, 1):.2f}\linewidth}}"


def _caption(grid: Grid, baseline: str) -> str:
    about = [f"{head.name}: {', '.join(filter(None, [head.direction, head.unit]))}" for head in grid.heads]
    title = f"Suite {grid.title}" if grid.kind == "suite" else grid.title
    said = [f"{title}: each arm's mean, and its difference{baseline} with the 95 % interval"]
    said = [f"Published: {title}. {grid.note.rstrip('.')}"] if grid.kind == "published" else said
    said += [one for one, head in zip(about, grid.heads, strict=True) if head.direction or head.unit]
    said += [f"{mark} {meaning}" for mark, meaning in legend([grid])]
    return ". ".join(escape(one, LONGEST) for one in said) + "."


def _row(row: Line) -> str:
    """Return one arm's line; the braces keep a name such as [2pt] from becoming an option of what stands before."""
    name = f"{row.arm.name} ({row.role})" if row.role else row.arm.name
    return " & ".join([f"{{{escape(name)}}}", *(part for cell in row.cells for part in _cell(cell))]) + r" \\"


def _cell(cell: Cell) -> Sequence[str]:
    change = " ".join(filter(None, [cell.change, cell.interval])) if cell.change else ""
    return f"{{{escape(cell.value)}}}", f"{{{escape(' '.join(filter(None, [change, cell.marks])))}}}"
