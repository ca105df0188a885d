"""How it was made, as tables: what each stage cost, and the settings in which arms differ."""

from __future__ import annotations

import math
from collections.abc import Iterable

from leaven.report import numbers
from leaven.report.certainty import listed
from leaven.report.findings import Findings, StageInfo
from leaven.report.listings import NOTHING, Table

_KEY = 12  # characters of a key that tell it from others
_MOST = 400  # stages that are listed


def stages(findings: Findings) -> Table | None:
    """Return what every stage cost, with the total; what nobody measured is not counted as 0."""
    heads = ["stage", "arms", "time", "memory", "tokens", "rows", "device", "written", "key"]
    rows = [_stage_row(stage) for stage in findings.stages[:_MOST]]
    left = len(findings.stages) - _MOST
    note = f"{left:,} more stages are not listed; the total counts them. " if left > 0 else ""
    note += "Time is of this machine, once for all arms that share a stage."
    return Table(heads, [*rows, _total(findings.stages)], frozenset({2, 3, 4, 5}), note) if rows else None


def _stage_row(stage: StageInfo) -> list[str]:
    return [
        stage.title,
        listed(list(stage.arms), most=4) or NOTHING,
        numbers.duration(stage.seconds),
        numbers.memory(stage.memory_mb),
        _counted(stage.tokens),
        _counted(stage.rows),
        stage.device or NOTHING,
        stage.written or NOTHING,
        stage.key[:_KEY],
    ]


def _counted(n: int | None) -> str:
    return NOTHING if n is None else numbers.count(n)


def _total(every: Iterable[StageInfo]) -> list[str]:
    """Return the last line: times and tokens added up, the most memory that any stage took."""
    listed_ = list(every)
    seconds = [stage.seconds for stage in listed_ if numbers.is_number(stage.seconds)]
    memory = [stage.memory_mb for stage in listed_ if numbers.is_number(stage.memory_mb)]
    tokens = [stage.tokens for stage in listed_ if stage.tokens is not None]
    unknown = len(listed_) - len(seconds)
    time = numbers.duration(math.fsum(seconds)) if seconds else numbers.NOT_MEASURED
    time += f" ({unknown} {numbers.NOT_MEASURED})" if seconds and unknown else ""
    most = f"at most {numbers.memory(max(memory))}" if memory else numbers.NOT_MEASURED
    spent = numbers.count(sum(tokens)) if tokens else NOTHING
    return [f"{len(listed_):,} stages in all", NOTHING, time, most, spent, NOTHING, NOTHING, NOTHING, NOTHING]


def differing(findings: Findings) -> Table | None:
    """Return the settings in which arms differ: one line per setting, the arms of each value together."""
    rows = [[str(name), _by_value(values.items())] for name, values in findings.differing.items()]
    return Table(["setting", "value by arm"], rows) if rows else None


def _by_value(values: Iterable[tuple[str, object]]) -> str:
    arms: dict[str, list[str]] = {}
    for arm, value in values:
        arms.setdefault("not set" if value is None else str(value), []).append(arm)
    return "; ".join(f"{value}: {listed(names, most=8)}" for value, names in arms.items())
