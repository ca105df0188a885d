from __future__ import annotations

import base64
import hashlib

from leaven.report.policy import policy, script


def test_only_the_page_s_own_script_may_run() -> None:
    source = script()
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    rules = policy(source).split("; ")
    assert "default-src 'none'" in rules
    assert f"script-src 'sha256-{digest}'" in rules
    assert "connect-src 'none'" in rules
    assert "connect-src 'self'" in policy(source, live=True).split("; ")


def test_the_script_is_small_and_makes_no_markup_of_text() -> None:
    source = script()
    assert len(source.encode()) < 60_000
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch(",
                 "XMLHttpRequest", "WebSocket", "EventSource", "localStorage", "document.cookie"):  # fmt: skip
        assert word not in source, word
