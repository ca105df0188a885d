"""The writer of each text format, by the name that a user asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from leaven.report.findings import Findings
from leaven.report.formats.csv import csv
from leaven.report.formats.json import json
from leaven.report.formats.latex import latex
from leaven.report.formats.markdown import markdown

WRITERS: Mapping[str, Callable[[Findings], str]] = {"md": markdown, "latex": latex, "csv": csv, "json": json}
