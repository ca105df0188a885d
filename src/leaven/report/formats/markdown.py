"""The report as GitHub's Markdown: the answer, the tables of arms, groups and trends, claims and gaps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from leaven.report import costs
from leaven.report.answer import answer
from leaven.report.boards import shown
from leaven.report.conditioned import plain
from leaven.report.declared import claims, lock
from leaven.report.findings import Findings
from leaven.report.gaps import unmeasured
from leaven.report.judges import plain as judged
from leaven.report.listings import TWO_TESTS, Table, trends, two_tests
from leaven.report.means import Means, means
from leaven.report.methods import section as aligned
from leaven.report.phases import falling
from leaven.report.tables import Cell, Grid, Head, legend
from leaven.report.text import LIMIT, LONGEST, line
from leaven.report.verdicts import LEAD, title, verdicts

_LIST = re.compile(r"^(\d+)([.)])(?=\s|$)|^([-+=])")  # what makes a list or a heading where a line begins
_INTERVAL = r"\[[+−][\d.,+−e\u00a0%to ]*\](?![\[(:])"  # brackets that cannot be a link's
_WORD = r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])"  # within a word, an underscore is one
_LESS = r"<(?=[ \u00a0])|(?<= )>(?=[ \u00a0])"  # beside a space it opens or ends no tag
_HARMLESS = re.compile(rf"({_INTERVAL}|{_WORD}|{_LESS})")
_SPECIAL = re.compile(r"[\\`*_\[\]<>&|~$!#]")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
# GitHub makes links of bare addresses, and tells people whose name stands behind an @.
_ADDRESS = re.compile(r"(?i)(?<=\bwww)\.|:(?=//)|(?<=\bmailto):|(?<=\bxmpp):")
_MENTION = re.compile(r"(?<![\w/])@(?=\w)")

_MOST_GROUPS = 20  # of one table: a wider one is not read in a message


def markdown(findings: Findings) -> str:
    """Return the report as GitHub-flavoured Markdown; whatever the findings hold stays text."""
    found = means(findings.measurements)
    whole = shown(findings, found)
    grids = [*whole.boards, *whole.suites, *whole.inside]
    said = [*findings.notes, *filter(None, [lock(findings)])]
    parts = [f"# {escape(findings.question)}", *map(_paragraph, filter(None, [findings.unfinished]))]
    parts += [*(_paragraph(one, LONGEST) for one in answer(findings, found)), *map(_paragraph, said)]
    parts += _verdicts(findings, found)
    parts += ["## Arms and metrics", *(part for grid in grids for part in _grid(grid, named=len(grids) > 1))]
    parts += ["## Published numbers"] if whole.published else []
    parts += [part for grid in whole.published for part in _grid(grid, named=True)]
    groups = [_first_groups(grid) for grid in whole.groups]
    parts += ["## By group", *(part for grid in groups for part in _grid(grid, named=True))] if groups else []
    parts += _items(f"{mark} {meaning}" for mark, meaning in legend([*grids, *whole.published, *groups]))
    parts += [_paragraph(TWO_TESTS)] if two_tests(findings.comparisons) else []
    over = trends(findings, found)
    parts += ["## Trends", table(over)] if over is not None else []
    parts += _control(findings, found)
    parts += _judged(findings)
    parts += _aligned(findings)
    declared = claims(findings)
    parts += ["## Claims", table(declared)] if declared is not None else []
    curves = falling(findings)
    parts += ["## Training", *(_paragraph(said, LONGEST) for said in curves)] if curves else []
    failures = [f"{f.stage} of {f.arm} failed: {f.message}" for f in findings.failures]
    gaps = [*failures, *findings.warnings, *unmeasured(findings, found)]
    parts += ["## Failures and gaps", *_items(gaps)] if gaps else []
    spent = [one for one in (costs.account(findings.spent), costs.labels(findings.spent)) if one is not None]
    parts += ["## What it cost", *map(table, spent)] if spent else []
    return "\n\n".join(filter(None, parts)) + "\n"


def _verdicts(findings: Findings, found: Means) -> list[str]:
    said = verdicts(findings, found)
    return [f"## {title(findings)}", _paragraph(LEAD), *_items(map(str, said), LONGEST)] if said else []


def _control(findings: Findings, found: Means) -> list[str]:
    """Return what there is on control tokens: sentences, then each table under its title."""
    said, listed = plain.sentences(findings, found), list(plain.tables(findings, found))
    named = [part for title, one in listed for part in (f"### {escape(title)}", table(one))]
    return ["## Control tokens", *_items(said, LONGEST), *named] if said or named else []


def _judged(findings: Findings) -> list[str]:
    """Return what there is on judges and on what was built: sentences, then each table under its title."""
    said, listed = judged.sentences(findings.judging), list(judged.listed(findings.judging))
    named = [part for title, one in listed for part in (f"### {escape(title)}", table(one))]
    return [f"## {judged.TITLE}", *_items(said, LONGEST), *named] if said or named else []


def _aligned(findings: Findings) -> list[str]:
    """Return what there is on ways of aligning: sentences, then each table under its title."""
    if (found := aligned.section(findings)) is None:
        return []
    named = [part for title, one in found.tables for part in (f"### {escape(title)}", table(one))]
    return [f"## {aligned.TITLE}", *_items(list(found.doubts), LONGEST), *named]


def escape(text: object, limit: int = LIMIT) -> str:
    """Return foreign text as one line of Markdown that shows it as it is: no markup, no link, no cell's end."""
    folded = line(text, limit)
    made = "".join(part if place % 2 else _escaped(part) for place, part in enumerate(_HARMLESS.split(folded)))
    made = _ADDRESS.sub(lambda hit: f"\\{hit[0]}", made)
    return _MENTION.sub("@\u2060", made)  # a word joiner, unseen


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda hit: _ENTITIES.get(hit[0], f"\\{hit[0]}"), text)


def _paragraph(text: object, limit: int = LIMIT) -> str:
    return _LIST.sub(r"\1\\\2\3", escape(text, limit))


def _items(lines: Iterable[str], limit: int = LIMIT) -> list[str]:
    listed = [f"- {_paragraph(said, limit)}" for said in lines]
    return ["\n".join(listed)] if listed else []


def table(plain: Table) -> str:
    """Return a plain table, with its note below it."""
    made = _rows([list(plain.heads), *map(list, plain.rows)], plain.numeric)
    return f"{made}\n\n{_paragraph(plain.note, LONGEST)}" if plain.note else made


def _grid(grid: Grid, *, named: bool) -> list[str]:
    """Return one table: value, difference with its interval, and marks in one cell."""
    heads = ["as published" if grid.kind == "published" else "arm", *map(_head, grid.heads)]
    rows = [[_arm(row.arm.name, row.role), *map(_cell, row.cells)] for row in grid.lines]
    made = _rows([heads, *rows], frozenset(range(1, len(heads))))
    return [f"### {escape(grid.title)}" if named else "", made, _paragraph(grid.note, LONGEST)]


def _first_groups(grid: Grid) -> Grid:
    """Return a table of groups with its first ones alone; its note says how many it leaves out, and what of note."""
    n, most = len(grid.heads), _MOST_GROUPS
    if n <= most:
        return grid
    changed = sum(any(row.cells[place].shown for row in grid.lines) for place in range(most, n))
    more = f" In {changed} of the others a change was shown." if changed else ""
    left_out = f"The first {most} of {n} groups; the HTML report and the CSV have them all.{more}"
    lines = [replace(row, cells=row.cells[:most]) for row in grid.lines]
    return replace(grid, heads=grid.heads[:most], lines=lines, note=" ".join(filter(None, [grid.note, left_out])))


def _arm(name: str, role: str) -> str:
    return f"{name} ({role})" if role else name


def _head(head: Head) -> str:
    about = ", ".join(filter(None, ["primary" if head.is_primary else "", head.direction, head.unit]))
    return f"{head.name} ({about})" if about else head.name


def _cell(cell: Cell) -> str:
    change = f" ({' '.join(filter(None, [cell.change, cell.interval]))})" if cell.change else ""
    return f"{cell.value}{change}{f' {cell.marks}' if cell.marks else ''}{f'; {cell.note}' if cell.note else ''}"


def _rows(rows: Sequence[Sequence[str]], numeric: frozenset[int]) -> str:
    head, *body = [f"| {' | '.join(map(escape, row))} |" for row in rows]
    rule = "|".join("---:" if place in numeric else "---" for place in range(len(rows[0])))
    return "\n".join([head, f"|{rule}|", *body])
