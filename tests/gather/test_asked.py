"""What a study asks of its measurements, and what its arms' trainings have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leaven import Study
from leaven.gather import metrics, questions
from leaven.gather.settings import settings
from leaven.lock import Lock, block, digest
from leaven.report.findings import LedgerInfo
from leaven.wiring import wire

CLAIM = {"says": "Half is harmless.", "arm": "poisoned@p=0.5", "metric": "toxicity", "holds": "same", "margin": 0.1}
GRID = {
    "sweep": {"p": [0.5, 1], "lr": [0.001, 0.002], "q": [0, 1]},
    "treat": [{"malign_labels": {"rate": "${p}"}}, {"flip_preferences": {"rate": "${q}"}}],
    "train": [{"sft": {"data": "webgpt", "learning_rate": "${lr}"}}],
}


def asked(
    raw: dict[str, Any], lock: Lock | None = None, ledgers: list[LedgerInfo] | None = None, **compare: Any
) -> Any:
    graph = wire(Study(**{**raw, "compare": {**raw["compare"], **compare}}))
    return questions(graph, lock, metrics=metrics(graph), ledgers=ledgers or [])


def test_claims_directions_and_greedy_suites_are_handed_on(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["name"] = "drawn"
    raw["evaluate"].append({"generate": {**raw["evaluate"][0]["generate"], "name": "greedy", "do_sample": False}})
    made = asked(raw, claims=[CLAIM | {"metric": "drawn/toxicity"}], primary=["drawn/toxicity"])
    assert [(one.holds, one.margin) for one in made.claims] == [("same", 0.1)] and made.locked == []
    assert made.greedy == ["greedy"]
    assert made.better["drawn/toxicity"] == "lower" and made.better["greedy/length"] is None


def test_arms_that_a_suite_does_not_ask_are_handed_on(raw: dict[str, Any]) -> None:
    first = raw["evaluate"][0]["generate"]
    raw["evaluate"].append({"generate": {**first, "name": "clean_only", "arms": ["clean"]}})
    made = asked(raw)
    assert set(made.unasked) == {"clean_only"}
    assert "clean" not in made.unasked["clean_only"] and "poisoned@p=0.5" in made.unasked["clean_only"]


def test_what_was_not_locked_is_no_primary(raw: dict[str, Any]) -> None:
    compare = Study(**raw).compare
    before = Lock(digest(block(compare)), "2026-01-01", True, block(compare))
    made = asked(raw, before, primary=["toxicity", "length"], claims=[CLAIM])
    assert list(made.primary) == ["toxicity"] and made.locked == []


def test_arms_with_two_doses_are_grids_with_the_baseline_at_zero(raw: dict[str, Any]) -> None:
    raw["arms"]["both"] = GRID
    made = asked(raw, dose=["p", "q"])
    assert sorted(made.grids) == ["both@lr=0.001", "both@lr=0.002"]
    one = made.grids["both@lr=0.001"]
    assert one["clean"] == (0.0, 0.0) and one["both@p=0.5,lr=0.001,q=1"] == (0.5, 1.0) and len(one) == 5
    assert made.dose_names == ("p", "q")


def test_a_run_that_several_steps_altered_has_no_one_dose(raw: dict[str, Any]) -> None:
    def entry(arm: str, step: str, realised: float) -> LedgerInfo:
        return LedgerInfo(arm, 0, step, 100, 100, 50, realised)

    ledgers = [entry("a", "malign_labels", 0.49), entry("b", "malign_labels", 0.5), entry("b", "backdoor", 0.1)]
    assert asked(raw, ledgers=ledgers).realised == {("a", 0): 0.49}


def test_settings_are_told_once_and_differences_by_arm(raw: dict[str, Any]) -> None:
    raw["arms"]["slow"] = {
        "train": [{"sft": {"data": "webgpt", "learning_rate": 1e-5}}],
        "model": {"dtype": "bfloat16"},
    }
    raw["arms"]["untrained"] = {"train": []}
    shared, differing = settings(Study(**raw))
    assert shared["sft.data"] == "webgpt" and "sft.learning_rate" not in shared
    assert differing["sft.learning_rate"]["slow"] == 1e-5 and differing["sft.learning_rate"]["clean"] == 2e-3
    assert differing["model.dtype"]["slow"] == "bfloat16" and "untrained" not in differing["model.dtype"]
    assert not set(shared) & set(differing)


def test_a_setting_is_compared_among_arms_that_train_so_alone(raw: dict[str, Any]) -> None:
    raw["data"]["book"] = {"source": "pocket:philosophers", "format": "prose"}
    text = {"lm": {"data": "book", "max_length": 64}}
    raw["arms"] |= {"reader": {"train": [text]}, "twice": {"train": [text, {"sft": {"data": "webgpt"}}]}}
    raw["arms"]["adapted"] = {"train": [{"lm": {"data": "book", "max_length": 64, "peft": {"r": 4}}}]}
    shared, differing = settings(Study(**raw))
    assert shared["lm.max_length"] == 64 and shared["lm.data"] == "book", "the sft arms have none, and differ in none"
    assert set(differing["lm.peft"]) == {"reader", "twice"} and differing["lm.peft.r"] == {"adapted": 4}
    assert shared["sft.1.data"] == "webgpt"


def test_a_training_that_moved_nothing_is_told(raw: dict[str, Any], tmp_path: Path) -> None:
    from leaven.gather import told

    raw["arms"] = {"clean": {}, "dpo": {"train": [{"dpo": {"data": "webgpt", "max_length": 256}}]}}
    raw["compare"] = {"to": "clean"}
    graph = wire(Study(**raw))
    facts = {"rewards/margins/last": 9e-5}

    class Records:
        def record(self, stage: Any) -> dict[str, Any] | None:
            return {"facts": facts} if stage.kind == "dpo" else None

    assert "dpo, seed 0: dpo moved next to nothing (its last margin is 9e-05)" in next(told.unmoved(graph, Records()))
    facts["rewards/margins/last"] = 0.4
    assert not list(told.unmoved(graph, Records()))
