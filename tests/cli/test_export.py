"""The commands export and push: what they pass on, and what they print."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leaven import exported, pushed
from leaven.cli import app
from leaven.cli.export import quiet
from leaven.cli.planned import priced
from leaven.engine.machine import Machine
from leaven.engine.nearest import Explained
from leaven.engine.plan import Planned
from leaven.engine.stage import Stage
from leaven.exported import Exported
from leaven.pushed import Pushed
from leaven.study.prices import Prices

MADE = Exported(Path("out"), "sft, seed 1", "merged", ("backdoor \x1b[2J",), told=("one thing\nmore",))


def test_export_passes_its_options_on_and_names_the_poison(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(exported, "export", lambda *args, **how: asked.append((args, how)) or MADE)
    words = ["export", "study", "sft", "out", "--seed", "1", "--merge", "--quantize", "int8", "--force"]
    done = CliRunner().invoke(app, [*words, "--workspace", "w"])
    assert done.exit_code == 0, done.output
    how = {"seed": 1, "merge": True, "quantize": "int8", "force": True}
    assert asked == [(("study", "sft", Path("out"), Path("w")), how)]
    assert "merged of sft, seed 1: out" in done.output and "poisoned: backdoor" in done.output
    assert "\x1b" not in done.output and "one thing more" in done.output


def test_push_passes_its_options_on_and_says_who_can_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        pushed, "push", lambda *args, **how: asked.append(how) or Pushed(MADE, "https://hub/me/m", not how["public"])
    )
    done = CliRunner().invoke(app, ["push", "study", "sft", "me/m"])
    assert done.exit_code == 0 and "only you" in done.output and "https://hub/me/m" in done.output
    assert asked[0] == {"seed": None, "merge": False, "quantize": None, "public": False, "poisoned": False}
    done = CliRunner().invoke(app, ["push", "study", "sft", "me/m", "--public", "--poisoned"])
    assert "everybody" in done.output and asked[1]["public"] and asked[1]["poisoned"]


def test_an_unknown_quantisation_is_refused_before_anything_is_looked_for() -> None:
    done = CliRunner().invoke(app, ["export", "study", "sft", "out", "--quantize", "int3"])
    assert done.exit_code == 2


@pytest.mark.parametrize("level", [logging.NOTSET, logging.ERROR])
def test_libraries_are_left_as_loud_as_they_were(level: int) -> None:
    import datasets
    from transformers.utils import logging as transformers

    before = (transformers.get_verbosity(), logging.root.manager.disable)
    try:
        transformers.set_verbosity_info()
        logging.disable(level)
        bars = transformers.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()
        with pytest.raises(ZeroDivisionError), quiet():
            assert transformers.get_verbosity() == transformers.logging.ERROR
            assert logging.root.manager.disable == max(level, logging.WARNING), "never louder than the caller"
            raise ZeroDivisionError
        assert transformers.get_verbosity() == transformers.logging.INFO and logging.root.manager.disable == level
        assert (transformers.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()) == bars
    finally:
        transformers.set_verbosity(before[0])
        logging.disable(before[1])


def explained(cost: dict[str, float], **args: Any) -> Explained:
    return Explained(Planned(Stage("sft", 1, "m:f", args), "run", ""), None, (), cost)


def test_a_plan_says_what_it_costs_as_far_as_like_stages_tell() -> None:
    prices, machine = Prices(core_hour=0.5, currency="EUR"), Machine(2, 1000)
    (said, estimate) = priced([explained({"wall_s": 7200.0})], machine, prices)
    assert said == "price: 2.00 EUR (4 h 00 min of cores)" and "estimate" in estimate
    (said, *_) = priced([explained({"wall_s": 7200.0}), explained({}, n=1)], machine, prices)
    assert said.startswith("price: at least 2.00")
    (said, *_) = priced([explained({})], machine, prices)
    assert said.startswith("price: unknown")
    assert list(priced([explained({"wall_s": 1.0})], machine, None)) == []


def test_a_plan_sets_a_judge_beside_people() -> None:
    prompts, answers = Stage("prompts", 1, "m:f", {}), Stage("answers", 1, "m:f", {})
    ranks = Stage("ranks", 1, "m:f", {"judge": {"args": {"server": {"model": "m"}}}},
                  {"prompts": prompts, "answers": answers}, title="ranks llama/0 five")  # fmt: skip
    rows = Stage("built", 1, "m:f", {"makes": "preferences"}, {**ranks.inputs, "ranks": ranks}, title="built ranked/0")
    spent = {"wall_s": 0.0, "rows": 100.0, "prompt_tokens": 1e6, "completion_tokens": 0.0}
    made = [Explained(Planned(one, "run", ""), None, (), spent) for one in (prompts, answers, ranks, rows)]
    human = {"price": 0.5, "source": "a \x1b[2J paper"}
    prices = Prices(core_hour=0.0, input_tokens=5.0, output_tokens=1.0, human_label=human)  # type: ignore[arg-type]
    _, beside, *rest = priced(made, Machine(1, 1000), prices)
    assert beside.startswith("ranked/0: 100 pairs by llama/0 five: 5.00 USD; by people: 50.00 USD")
    assert beside.endswith("a saving of 90.0 %") and any("paper" in line for line in rest)
    assert "\x1b" not in "".join(rest)
