"""The answer, the comparisons and the analyses for programs: strict JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from json import dumps
from typing import Any

from leaven.report.answer import answer
from leaven.report.conditioned.plain import as_dict
from leaven.report.findings import Findings
from leaven.report.gaps import unmeasured
from leaven.report.judges.plain import as_dict as judged
from leaven.report.means import means
from leaven.report.verdicts import verdicts

_PARTS = ("recited", "agreed")  # said where there is any

# What drives a terminal or turns the reading order; it stands inside strings alone, where JSON may spell it out.
_UNSEEN = re.compile("[\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


def json(findings: Findings) -> str:
    """Return the findings' numbers as JSON that any parser reads: what is no finite number is null."""
    found = means(findings.measurements)
    whole = {
        "name": findings.name,
        "question": findings.question,
        "unfinished": findings.unfinished,
        "answer": answer(findings, found),
        "verdicts": [asdict(said) for said in verdicts(findings, found)],
        "comparisons": [c.as_dict() for c in findings.comparisons],
        "analyses": findings.analyses.as_dict(),
        "references": [asdict(reference) for reference in findings.references],
        "lock": None if findings.lock is None else asdict(findings.lock),
        "unmeasured": unmeasured(findings, found),
        **as_dict(findings),
        **judged(findings.judging),
        **({"methods": _methods(findings)} if findings.methods else {}),
        **{name: [asdict(one) for one in some] for name in _PARTS if (some := getattr(findings, name))},
    }
    written = dumps(_strict(whole), ensure_ascii=False, allow_nan=False, indent=2)
    return _UNSEEN.sub(lambda hit: f"\\u{ord(hit[0]):04x}", written) + "\n"


def _methods(findings: Findings) -> dict[str, Any]:
    """Return what is known of ways of aligning, for programs."""
    unreached = [
        {"arm": arm, "suite": suite, "methods": list(methods)}
        for (arm, suite), methods in findings.methods.unreached.items()
    ]
    known = findings.methods
    return {
        "ways": [asdict(one) for one in known.ways],
        "guards": [asdict(one) for one in known.guards],
        "rewarded": [asdict(one) for one in known.rewarded],
        "unreached": unreached,
        "curved": dict(known.curved),
        "shared": list(known.shared),
        "currency": known.currency,
        "pair": known.pair,
    }


def _strict(value: Any) -> Any:
    """Return a value of JSON's own kinds; what is no finite number is null."""
    if isinstance(value, Mapping):
        return {_text(str(key)): _strict(item) for key, item in value.items()}
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return [_strict(item) for item in value]
    if hasattr(value, "item"):  # a number of numpy's
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(text: str) -> str:
    """Return text that UTF-8 can carry: a lone surrogate becomes U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
