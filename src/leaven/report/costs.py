"""How it was made, as tables: what each stage cost, what it came to in money, and the settings in which arms differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from leaven.report import numbers
from leaven.report.certainty import listed
from leaven.report.findings import Findings, StageInfo
from leaven.report.listings import NOTHING, Table
from leaven.report.spent import Account, Labels, Work

_KEY = 12  # characters of a key that tell it from others
_MOST = 400  # stages that are listed


def stages(findings: Findings) -> Table | None:
    """Return what every stage cost, with the total; what nobody measured is not counted as 0."""
    heads = ["stage", "arms", "time", "memory", "tokens", "tokens/s", "rows", "device", "written", "key"]
    rows = [_stage_row(stage) for stage in findings.stages[:_MOST]]
    left = len(findings.stages) - _MOST
    note = f"{left:,} more stages are not listed; the total counts them. " if left > 0 else ""
    note += "Time is of this machine, once for all arms that share a stage, loading included."
    return Table(heads, [*rows, _total(findings.stages)], frozenset(range(2, 7)), note) if rows else None


def _stage_row(stage: StageInfo) -> list[str]:
    return [
        stage.title,
        listed(list(stage.arms), most=4) or NOTHING,
        numbers.duration(stage.seconds),
        numbers.memory(stage.memory_mb),
        _counted(stage.tokens),
        _rate(stage),
        _counted(stage.rows),
        stage.device or NOTHING,
        stage.written or NOTHING,
        stage.key[:_KEY],
    ]


def _counted(n: int | None) -> str:
    return NOTHING if n is None else numbers.count(n)


def _rate(stage: StageInfo) -> str:
    """Write how many tokens a second were read or written; of a stage that took no time nobody can say."""
    if stage.tokens is None or not numbers.is_number(stage.seconds) or stage.seconds <= 0:
        return NOTHING
    return numbers.count(round(stage.tokens / stage.seconds))


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
    return [f"{len(listed_):,} stages in all", NOTHING, time, most, spent, *[NOTHING] * 5]


def differing(findings: Findings) -> Table | None:
    """Return the settings in which arms differ: one line per setting, the arms of each value together."""
    rows = [[str(name), _by_value(values.items())] for name, values in findings.differing.items()]
    return Table(["setting", "value by arm"], rows) if rows else None


def _by_value(values: Iterable[tuple[str, object]]) -> str:
    arms: dict[str, list[str]] = {}
    for arm, value in values:
        arms.setdefault("not set" if value is None else str(value), []).append(arm)
    return "; ".join(f"{value}: {listed(names, most=8)}" for value, names in arms.items())


def account(spent: Account | None) -> Table | None:
    """Return what each kind of stage took and cost, with the total; what nobody measured is not counted as 0."""
    if spent is None or not spent.work:
        return None
    rows = [_work_row(work, spent.currency) for work in spent.work]
    heads = ["stages", "how many", "time", "GPU time", "core time", "tokens", "tokens sent", "tokens received", "price"]
    note = "" if spent.currency else "The study states no prices (`prices`), so nothing here has one."
    return Table(heads, [*rows, _work_row(spent.total, spent.currency)], frozenset(range(1, 9)), note)


def _work_row(work: Work, currency: str) -> list[str]:
    left = work.stages - work.timed
    partly = f" ({left:,} {numbers.NOT_MEASURED})" if left and work.timed else ""
    times = [numbers.duration(x) for x in (work.seconds, work.gpu_seconds, work.core_seconds)]
    tokens = [_counted(None if x is None else round(x)) for x in
              (work.tokens, work.prompt_tokens, work.completion_tokens)]  # fmt: skip
    price = (f"at least{numbers.NBSP}" if work.least else "") + money(work.price, currency)
    return [work.kind or "in all", numbers.count(work.stages), times[0] + partly, *times[1:], *tokens,
            price if work.price is not None else NOTHING]  # fmt: skip


def money(x: float | None, currency: str) -> str:
    """Write an amount of money: cents, or as many digits as a smaller one needs."""
    if not numbers.is_number(x):
        return numbers.NOT_MEASURED
    size = abs(x)
    made = f"{x:,.2f}" if size == 0 or size >= 0.1 else f"{x:.2g}" if size >= 1e-4 else f"{x:.1e}"
    return f"{made.replace('-', '−')}{numbers.NBSP}{currency}".rstrip()


def labels(spent: Account | None) -> Table | None:
    """Return what each built data set cost beside as many labels by people, and a label that people agree with."""
    if spent is None or not spent.labels:
        return None
    heads = ["data", "judge", "labels", "by the judge", "by people", "saving", "a label", "agreement with people",
             "a correct label"]  # fmt: skip
    rows = [_labels_row(one, spent.currency) for one in spent.labels]
    return Table(heads, rows, frozenset(range(2, 9)), " ".join(assumptions(spent)))


def _labels_row(one: Labels, currency: str) -> list[str]:
    least = f"at least{numbers.NBSP}" if one.least else ""

    def priced(x: float | None, more: str = least) -> str:
        return NOTHING if x is None else more + money(x, currency)

    saving = NOTHING if one.saving is None else (f"at most{numbers.NBSP}" if one.least else "") + percent(one.saving)
    said = NOTHING if one.labels is None else f"{numbers.count(one.labels)}{numbers.NBSP}{one.unit}s"
    agreed = numbers.NOT_MEASURED if one.agreement is None else numbers.value(one.agreement, "share")
    data = f"{one.data} ({one.seeds} seeds)" if one.seeds > 1 else one.data
    return [data, one.judge, said, priced(one.price), priced(one.people, ""), saving, priced(one.per_label),
            agreed, priced(one.per_correct)]  # fmt: skip


def percent(share: float) -> str:
    """Write a saving as percent; one that rounds to all of it and is not says so."""
    if 0.9995 <= share < 1:
        return f"over 99.9{numbers.NBSP}%"
    return f"{100 * share:,.1f}{numbers.NBSP}%".replace("-", "−")


def assumptions(spent: Account) -> Iterator[str]:
    """Yield what the account rests on, a sentence each."""
    if spent.ahead:
        yield "This is an estimate, from what stages like these took on this machine."
    yield from _by_people(spent)
    if spent.labels:
        yield "Drawing the answers is left out on both sides: people would need them too."
    if trained := list(dict.fromkeys(one.judge for one in spent.labels if one.trained)):
        many = len(trained) > 1
        yield (
            f"Of {listed(trained, most=8)} the training is counted; the labels by people that "
            f"{'they were' if many else 'it was'} trained on are not."
        )
    if spent.unpriced:
        yield f"No price is stated for {listed(list(spent.unpriced))}: what that costs is missing here, not 0."
    if any(one.agreement is not None for one in spent.labels):
        yield "A correct label is one that people agree with, as often as on the pairs where both said something."


def _by_people(spent: Account) -> Iterator[str]:
    """Yield what people are taken to do, and for what nobody said what they are paid."""
    if spent.human_price is None:
        return
    price = money(spent.human_price, spent.currency)
    yield f"A label by people, of a {spent.human_of}, is taken to cost {price} ({spent.source})."
    paid = {one.unit for one in spent.labels if one.people is not None}
    if "pair" in paid:
        yield (
            "People are taken to label each pair that was built, once. Who ranks all answers to a prompt labels its"
            " pairs together: where several pairs of a prompt were built, that is cheaper (`of: ranking` prices it)."
        )
    if "ranking" in paid:
        yield "People are taken to rank the answers to each prompt that was used, once."
    if other := list(dict.fromkeys(one.data for one in spent.labels if one.unit != spent.human_of)):
        yield (
            f"What people would be paid for {listed(other, most=8)} is not known: that takes rankings of whole prompts,"
            f" and the price is that of a {spent.human_of}."
        )
