"""How long is waited, and by whom."""

from __future__ import annotations

import pytest

from leaven.generate import patience


def test_waits_double_and_belong_to_the_request() -> None:
    waits = [patience.backoff("q", failures) for failures in range(1, 5)]
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits))
    assert waits == [patience.backoff("q", failures) for failures in range(1, 5)]
    assert waits != [patience.backoff("p", failures) for failures in range(1, 5)]
    assert patience.backoff("q", 10_000) <= 8


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, None), ({"retry-after": "7"}, 7), ({"retry-after-ms": "500", "retry-after": "7"}, 0.5),
     ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40), ({"retry-after": "-3"}, 0), ({"retry-after": "inf"}, None),
     ({"retry-after": "soon"}, None), ({"retry-after": "Mon, 99 Foo 1970"}, None)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert patience.retry_after(headers, now=60) == seconds
