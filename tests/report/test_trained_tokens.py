"""The first rows of trainings on the page, token by token: what is trained is marked, and nothing hostile gets through."""

from __future__ import annotations

import json
from pathlib import Path

from leaven.gather.dumped import rows
from leaven.report.findings import Findings
from leaven.report.page import render
from leaven.report.trained_tokens import DumpedInfo, RowInfo, TokenInfo

_HOSTILE = "</pre><script>alert(1)</script>\u202e\x00"


def page(*tokens: TokenInfo, **more: int) -> str:
    row = RowInfo("a:" + _HOSTILE, tokens, total=len(tokens), trained=sum(one.trained for one in tokens), **more)
    return render(Findings(name="a", question="b", dumped=[DumpedInfo("sft", "talk", ["clean"], [row])]))


def test_what_is_trained_is_marked() -> None:
    source = page(TokenInfo("<s>", False, True), TokenInfo("Why?\n", False), TokenInfo(" Because", True))
    assert '<span class="special">&lt;s&gt;</span><span>Why?↵\n</span><mark> Because</mark>' in source
    assert "1 of 3 tokens trained" in source and "sft on talk" in source
    assert 'href="#training"' in source, "the section is there though nothing else is"


def test_hostile_tokens_are_text() -> None:
    source = page(TokenInfo(_HOSTILE, True))
    assert "<script>alert" not in source and "\u202e" not in source and "\x00" not in source


def test_what_is_left_out_is_counted() -> None:
    assert "… 5 tokens …" in page(TokenInfo("a", False), TokenInfo("b", True), skipped=5, skipped_at=1)


def test_no_rows_no_section() -> None:
    source = render(Findings(name="a", question="b", dumped=[DumpedInfo("sft", "talk")]))
    assert "trained-tokens" not in source


def test_a_dump_is_read_as_far_as_it_is_shown(tmp_path: Path) -> None:
    token = {"text": "x", "trained": True, "special": False}
    long = {"id": "a", "tokens": [token] * 400, "total": 1000, "trained": 1000, "skipped": 600, "skipped_at": 200}
    short = {**long, "tokens": [token] * 3, "total": 3, "trained": 3, "skipped": 0, "skipped_at": 0}
    file = tmp_path / "dump.json"
    file.write_text(json.dumps([long, short, short]))
    first, second = rows(file.read_bytes())
    assert (len(first.tokens), first.skipped, first.skipped_at) == (240, 760, 120)
    assert (len(second.tokens), second.skipped) == (3, 0)
