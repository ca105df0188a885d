"""The whole factory in one run: answers, judges (one by a server), what is built, trained on, exported and read again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import leaven
from leaven.cli import app
from leaven.generate.fake import Fake

pytest.importorskip("openai")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SFT = {"sft": {"data": "shown", "learning_rate": 2e-3, "max_steps": 30, "max_length": 128}}
DPO = {"learning_rate": 2e-4, "max_steps": 5, "max_length": 128, "per_device_train_batch_size": 4}
SPEAKERS = ["sft", "dpo", "best"]


def study(url: str) -> dict[str, Any]:
    return {
        "name": "made",
        "model": {"model_name_or_path": "pocket"},
        "prices": {"core_hour": 0.1, "output_tokens": 4.0, "human_label": {"price": 0.5, "source": "a guess"}},
        "data": {
            "shown": {"source": "pocket:webgpt", "format": "webgpt", "part": [0, 0.5]},
            "human": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.5, 1], "take": 24},
            "tried": {"source": "pocket:hh", "format": {"hh": {"turns": "last"}}, "take": 12},
            "asked": {"source": "pocket:eli5", "format": "eli5", "take": 6},
            "five": {"answers": {"prompts": "human", "arm": "sft", "num_return_sequences": 3, "max_new_tokens": 12}},
            "pairs": {"preferences": {"answers": "five", "judge": "server"}},
            "best": {"demonstrations": {"answers": "five", "judge": "server"}},
        },
        "judges": {
            "server": {"rank": {"server": {"model": "fake", "base_url": url}, "again": 0.5, "people": "tried"}},
            "rewards": {"reward": {"arm": "rm", "people": "tried"}},
            "truth": {"metric": {"metric": {"toxicity": {"classifier": "oracle"}}}},
            "chance": {"random": {}},
        },
        "arms": {
            "sft": {},
            "rm": {"train": [SFT, {"reward": {**DPO, "data": "human"}}]},
            "dpo": {"train": [SFT, {"dpo": {**DPO, "data": "pairs"}}]},
            "best": {"train": [SFT, {"sft": {**SFT["sft"], "data": "best", "max_steps": 5}}]},
        },
        "train": [SFT],
        "evaluate": [
            {"generate": {"prompts": "asked", "max_new_tokens": 8, "arms": SPEAKERS,
                          "metrics": [{"toxicity": {"classifier": "oracle"}}, "length"]}},
            {"preferences": {"data": "human", "name": "agrees"}},
        ],
        "compare": {"to": "sft", "primary": ["toxicity"]},
    }  # fmt: skip


def shortest_first(body: dict[str, Any], _sample: int) -> str:
    """Rank what is shown by its length, as a judge does that likes what is short."""
    parts = re.findall(r"^=== \w+ answer ([A-Z]) ===\n(.*?)\n\n(?==== )", body["messages"][-1]["content"], re.M | re.S)
    letters = [letter for letter, _ in sorted(parts, key=lambda part: (len(part[1]), part[0]))]
    return json.dumps({letter: place for place, letter in enumerate(letters, start=1)})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Fake]]:
    place = tmp_path_factory.mktemp("factory") / "runs"
    with Fake(shortest_first) as fake:
        ran = leaven.run(leaven.Study(**study(fake.url)), place)
        assert ran.outcome.complete, ran.outcome
        yield place, fake


def records(place: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in (place / "store" / kind).glob("*/record.json")]


def test_the_server_judged_and_was_asked_once(made: tuple[Path, Fake]) -> None:
    place, fake = made
    served = [one["facts"] for one in records(place, "ranks") if one["args"]["judge"]["name"] == "rank"]
    assert len(served) == 2  # the answers, and people's pairs
    assert all(one["parse_rate"] == 1.0 for one in served)
    before = len(fake.asked)
    assert sum(one["requests"] for one in served) == before
    again = leaven.run(leaven.Study(**study(fake.url)), place)
    assert again.outcome.complete and len(fake.asked) == before


def test_the_page_tells_of_judges_and_of_what_it_cost(made: tuple[Path, Fake]) -> None:
    page = (made[0] / "made" / "report.html").read_text()
    assert "Judges and what was built" in page and "What it cost" in page
    for judge in ("server", "rewards", "truth", "chance"):
        assert judge in page
    assert "agrees with people" in page and "a guess" in page
    assert "Circular" not in page  # truth is what toxicity measures, but nothing was built of its ranks


def test_what_was_built_is_exported_and_is_a_source(made: tuple[Path, Fake], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "made", "pairs", str(tmp_path / "pairs"), "--workspace", str(made[0])])
    assert done.exit_code == 0, done.output
    (built,) = [one["facts"] for one in records(made[0], "built") if one["args"]["makes"] == "preferences"]
    told = CliRunner().invoke(app, ["data", str(tmp_path / "pairs")])
    assert told.exit_code == 0, told.output
    assert f"{built['rows']:,}" in told.output
