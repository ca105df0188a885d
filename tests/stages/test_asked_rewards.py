"""A judge that is asked over a network as a reward: hostile verdicts are null, and nothing is asked or paid twice."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven.errors import ModelError
from leaven.generate.fake import Fake
from leaven.registry import JUDGES
from leaven.stages.asked_rewards import spent
from leaven.stages.rewarded import reward

WHY = [{"role": "user", "content": "Why does it rain?"}]


def says(body: dict[str, Any], sample: int) -> str | None:
    """Give an answer as many points as it says; an answer that is hostile has the judge say what it wants."""
    shown = str(body["messages"][1]["content"]).split(" answer ===\n", 1)[1].split("\n", 1)[0]
    if shown.startswith("points "):
        return json.dumps({"points": int(shown.removeprefix("points "))})
    if shown == "mended":
        return '{"points": 4}' if len(body["messages"]) > 2 else "four, I think"
    return None if shown == "empty" else shown


def by(url: str, out: Path, weight: float = 1.0, name: str = "pointwise", **server: Any) -> Any:
    """Return the reward as wiring declares it: the server's identity is in the judge, and the rest is around it."""
    whole = JUDGES.get(name).canonical({"server": {"model": "m", "base_url": url, "max_retries": 1, **server}})
    declared = JUDGES.get(name).declare(whole["args"]).server  # type: ignore[attr-defined]
    whole["args"]["server"] = declared.identity
    args = {"seed": 3, "reward": {"judge": whole, "weight": weight}, "around": {"reward.server": declared.around}}
    return reward(args, {}, out)


def asked(told: Any, *answers: str) -> list[float | None]:
    found: list[float | None] = told([WHY] * len(answers), list(answers))
    return found


def test_points_are_rewards_with_their_weight(tmp_path: Path) -> None:
    with Fake(says) as server:
        assert asked(by(server.url, tmp_path), "points 3", "points 10") == [3.0, 10.0]
        assert asked(by(server.url, tmp_path / "w", weight=-0.5), "points 3") == [-1.5]


@pytest.mark.parametrize(
    "hostile",
    ['{"points": 99}', '{"points": 1e999}', '{"points": NaN}', '{"points": 2} {"points": 9}', "ten out of ten",
     '{"points": [10]}', "x" * 30_000, "empty"],
)  # fmt: skip
def test_a_verdict_that_cannot_be_read_is_null(tmp_path: Path, hostile: str) -> None:
    with Fake(says) as server:
        assert asked(by(server.url, tmp_path), hostile, "points 2") == [None, 2.0]


def test_a_reply_that_cannot_be_read_is_asked_for_once_more(tmp_path: Path) -> None:
    with Fake(says) as server:
        assert asked(by(server.url, tmp_path), "mended", "points 5") == [4.0, 5.0]
        assert len(server.asked) == 3


def test_nothing_is_asked_twice_in_this_attempt_or_the_next(tmp_path: Path) -> None:
    with Fake(says) as server:
        told = by(server.url, tmp_path)
        assert asked(told, "points 3", "points 3", "mended") == [3.0, 3.0, 4.0]
        assert asked(told, "mended", "points 3") == [4.0, 3.0] and len(server.asked) == 3
        again = by(server.url, tmp_path)  # a run that was killed, and goes on
        assert asked(again, "points 3", "points 3", "mended") == [3.0, 3.0, 4.0] and len(server.asked) == 3
        counts = spent(tmp_path)
    assert counts["requests"] == 3 and counts["prompt_tokens"] > 50 and counts["completion_tokens"] > 3


def test_who_asks_nobody_spends_nothing(tmp_path: Path) -> None:
    assert spent(tmp_path) == {}


def test_a_server_that_fails_is_an_error_and_no_null(tmp_path: Path) -> None:
    """Else a reward would depend on the network, and the training with it."""
    with Fake(says, failures=[500] * 40) as server, pytest.raises(ModelError, match="the server .*(500|answered)"):
        asked(by(server.url, tmp_path, max_retries=0), "points 3", "points 4")


def test_a_rate_holds_over_steps(tmp_path: Path) -> None:
    with Fake(says) as server:
        told, before = by(server.url, tmp_path, requests_per_minute=120), time.monotonic()
        for points in range(1, 4):
            asked(told, f"points {points}")
        assert time.monotonic() - before >= 1.0, "three requests are two half seconds apart"


def test_a_judge_that_ranks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="judge rank weighs answers against each other; name one that is pointwise"):
        by("http://127.0.0.1:1/v1", tmp_path, name="rank")


def test_a_training_is_rewarded_by_a_judge_and_its_tokens_are_counted(tmp_path: Path) -> None:
    """Through the verbs, as the engine calls them; a second attempt asks for nothing again and ends alike."""
    from leaven.gather.spent import of_record
    from leaven.models import ref
    from leaven.registry import TRAINERS
    from leaven.stages import asked_ids
    from leaven.stages.training import train

    base = ref.resolve({"model_name_or_path": "pocket"})
    path, asked = Path(str(base.path)), tmp_path / "asked"
    for folder in (tmp_path / "in", asked, tmp_path / "rl", tmp_path / "again" / "resume"):
        folder.mkdir(parents=True)
    rows = [{"id": name, "prompt": [{"role": "user", "content": f"Where is {name}?"}]} for name in ("Mira", "Odo")]
    tables.write(tmp_path / "in" / "rows.parquet", "examples", rows)
    asked_ids({"model": base.as_args(), "max_new_tokens": 8}, {"rows": tmp_path / "in", "base": path}, asked)
    step = TRAINERS.get("rl").canonical({"max_completion_length": 8, "max_steps": 2, "learning_rate": 1e-3})
    judge = JUDGES.get("pointwise").canonical({"server": {"model": "m"}})
    with Fake(lambda body, _: json.dumps({"points": 1 + len(str(body)) % 10})) as server:
        around = {"report_to": "none", "reward.server": {"base_url": server.url}}
        args = {"model": base.as_args(), "trainer": step, "seed": 0, "around": around, "reward": {"judge": judge}}
        facts = train(args, {"encoded": asked, "base": path}, tmp_path / "rl")
        sent = len(server.asked)
        shutil.copytree(tmp_path / "rl" / "resume" / "verdicts", tmp_path / "again" / "resume" / "verdicts")
        again = train(args, {"encoded": asked, "base": path}, tmp_path / "again")
        assert len(server.asked) == sent == facts["requests"], "what was answered is asked for no more"
    assert facts["answers_sampled"] == 16 and facts["reward_unscored"] == 0 and 1 <= facts["reward/first"] <= 10
    assert again["reward/last"] == facts["reward/last"] and again["prompt_tokens"] == facts["prompt_tokens"] > 0
    piece = of_record({"kind": "rl", "args": args, "facts": facts, "needs": {}})
    assert piece.billed and piece.prompt_tokens == facts["prompt_tokens"] and piece.completion_tokens
