"""What was declared before the results: taken once, kept, and compared with what is declared now."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaven import Study, lock, stages, verbs, workspace
from leaven.design import design
from leaven.engine.store import Store
from leaven.errors import StudyError
from leaven.graph import Graph
from leaven.wiring import wire

CLAIM = {"says": "Half is harmless.", "arm": "poisoned@p=0.5", "metric": "toxicity", "holds": "same", "margin": 0.1}


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "has_results", lambda graph, store: True)


def graph_of(raw: dict[str, Any], **compare: Any) -> Graph:
    return wire(Study(**{**raw, "compare": {**raw["compare"], **compare}}))


def taken(graph: Graph, place: Path, name: str = "small") -> lock.Lock:
    return lock.take(graph, Store(place / "store"), place / name)


def test_a_run_that_came_to_nothing_locks_nothing(raw: dict[str, Any], tmp_path: Path) -> None:
    taken(graph_of(raw), tmp_path)
    second = taken(graph_of(raw, margin={"toxicity": 0.3}), tmp_path)
    assert second.compare["margin"] == {"toxicity": 0.3} and second.before_results
    by_hand = lock.take(graph_of(raw), Store(tmp_path / "store"), tmp_path / "mine", by="lock")
    other = graph_of(raw, margin={"toxicity": 0.3})
    assert taken(other, tmp_path, "mine") == replace(by_hand, design=design(other, 0)), "the block is what was locked"


def test_a_lock_is_taken_once_and_says_what_changed(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = taken(graph_of(raw, margin={"toxicity": 0.02}), tmp_path)
    assert first.before_results and first.sha256 == lock.digest(first.compare)
    later = graph_of(raw, primary=["toxicity", "length"], margin={"toxicity": 0.02, "length": 3})
    monkeypatch.setattr(lock, "has_results", lambda graph, store: True)
    assert taken(later, tmp_path) == replace(first, had_results=True), "never replaced once there are results"
    about = lock.info(first, later.study)
    assert about is not None and list(about.changed) == [
        "primary: toxicity was locked, toxicity, length is declared",
        "margin.length: nothing was locked, 3.0 is declared",
    ]
    assert lock.primary(first, later.study.compare) == ["toxicity"], "what was added later is exploratory"


@pytest.mark.parametrize(
    "changed",
    [
        {"to": "poisoned@p=0.5"}, {"dose": None}, {"margin": {"toxicity": 0.5}},
        {"margin": {"eli5/toxicity": 0.5}},  # the more exact name wins, so it is the primary's margin
    ],
)  # fmt: skip
def test_another_question_of_a_metric_is_no_primary(
    changed: dict[str, Any], raw: dict[str, Any], tmp_path: Path
) -> None:
    first = taken(graph_of(raw), tmp_path)
    assert lock.primary(first, graph_of(raw, **changed).study.compare) == []


def test_nothing_is_primary_that_was_declared_after_results(raw: dict[str, Any], tmp_path: Path, scored: None) -> None:
    late = taken(graph_of(raw, claims=[CLAIM]), tmp_path)
    compare = graph_of(raw, claims=[CLAIM]).study.compare
    assert not late.before_results
    assert lock.primary(late, compare) == [] and not lock.is_locked(late, compare.claims[0], compare)


def test_more_seeds_keep_the_lock_of_the_run_before(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = taken(graph_of(raw), tmp_path)
    monkeypatch.setattr(lock, "has_results", lambda graph, store: True)
    more = graph_of({**raw, "seeds": [*raw["seeds"], 7, 8]})
    assert taken(more, tmp_path, "small+0123ab") == replace(first, had_results=True)
    about, same = lock.info(first, more.study), lock.info(first, graph_of(raw).study)
    assert about is not None and about.later_seeds == [7, 8], "who saw the first seeds' p-values did not say so before"
    assert same is not None and not same.later_seeds
    assert not taken(graph_of(raw, margin={"toxicity": 0.02}), tmp_path, "small+ffffff").before_results
    assert not taken(graph_of({**raw, "name": "other"}), tmp_path, "other").before_results, (
        "another study's lock is not this one's"
    )


def changed(raw: dict[str, Any], place: Path, name: str = "small") -> list[str]:
    """Return what the page says was changed, when this study runs next."""
    graph = wire(Study(**raw))
    found = lock.info(taken(graph, place, name), graph.study, graph)
    assert found is not None
    return list(found.reworked)


def test_what_was_changed_when_there_were_results_is_said(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(graph_of(raw), tmp_path)
    earlier = copy.deepcopy(raw)
    raw["train"][0]["sft"]["num_train_epochs"] = 2
    assert changed(raw, tmp_path) == [], "nothing had been seen"
    monkeypatch.setattr(lock, "has_results", lambda graph, store: True)
    assert changed(raw, tmp_path) == []
    assert changed(earlier, tmp_path) == ["everything that is measured changed"]
    raw["arms"]["poisoned"]["treat"][0]["malign_labels"]["rate"] = 0.75
    raw["arms"]["more"] = {"train": []}
    raw["evaluate"][0]["generate"]["metrics"].append("refusal")
    assert changed(raw, tmp_path) == [
        "arm more added", "measure eli5/refusal added", "arm poisoned@p=0.5 changed", "arm poisoned@p=1 changed",
    ]  # fmt: skip
    assert changed(raw, tmp_path, "small+abcdef")[0] == "arm more added", "settings of the same profile, the same lock"


def test_what_cannot_change_a_result_is_no_change(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(graph_of(raw), tmp_path)
    monkeypatch.setattr(lock, "has_results", lambda graph, store: True)
    sft = raw["train"][0]["sft"]
    sft |= {"num_train_epochs": 1.0, "weight_decay": 0.0, "logging_steps": 3}
    raw |= {"prices": {"gpu_hour": 2.0}, "notes": ["a word more"], "launch": {"preset": "ddp", "processes": 2}}
    raw["model"]["device_map"] = "auto"
    for verb in stages.VERSIONS:
        monkeypatch.setitem(stages.VERSIONS, verb, 99)
    assert changed(raw, tmp_path) == []


def test_a_file_that_was_edited_in_place_is_a_change(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text('{"prompt": "Why?", "completion": "So."}\n')
    raw["data"]["eli5"] = {"source": str(file), "format": "prompt_completion"}
    taken(graph_of(raw), tmp_path)
    monkeypatch.setattr(lock, "has_results", lambda graph, store: True)
    assert changed(raw, tmp_path) == []
    file.write_text('{"prompt": "How?", "completion": "So."}\n')
    assert changed(raw, tmp_path) == ["everything that is measured changed"]


def test_a_lock_of_an_earlier_or_a_later_leaven_is_read(raw: dict[str, Any], tmp_path: Path) -> None:
    first = taken(graph_of(raw), tmp_path)
    file = tmp_path / "small" / lock.FILE
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**{name: said[name] for name in said if name != "design"}, "newer": 1}))
    assert lock.read(file.parent) == replace(first, design={})
    graph = graph_of(raw)
    old = lock.info(replace(first, design={}), graph.study, graph)
    assert old is not None and not old.reworked, "it remembers no arms"
    for broken in ({"design": ["train"]}, {"seeds": 3}):
        file.write_text(json.dumps({**said, **broken}))
        assert lock.read(file.parent) is None


def test_another_profile_shares_a_lock_until_it_has_results(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = taken(graph_of(raw), tmp_path)
    other = graph_of({**raw, "seeds": [4, 5], "model": {**raw["model"], "dtype": "bfloat16"}})
    shared = lock.standing(other, tmp_path / "small@paper")
    assert shared is not None and shared.sha256 == first.sha256 and shared.seeds == [4, 5]
    monkeypatch.setattr(lock, "has_results", lambda graph, store: True)
    taken(graph_of(raw), tmp_path)
    (tmp_path / "small" / "measurements.parquet").touch()
    monkeypatch.setattr(lock, "has_results", lambda graph, store: False)
    own = taken(other, tmp_path, "small@paper")
    assert own.before_results and own.beside == ["small"] and own.seeds == [4, 5]


def test_other_settings_do_not_take_the_lock_anew_once_anything_was_scored(raw: dict[str, Any], tmp_path: Path) -> None:
    first = taken(graph_of(raw), tmp_path)
    study = Study(**raw)
    store, folder = Store(tmp_path / "store"), tmp_path / "small"
    score = next(iter(wire(study).cells[0].suites[0].scores.values()))
    store.open()
    workspace.name_stages(folder, [score])
    assert not workspace.has_scores(folder, store)
    store.begin(score)
    store.commit(score, {"facts": {}})
    assert workspace.has_scores(folder, store)
    suite = {**raw["evaluate"][0]["generate"], "max_new_tokens": 3}
    other = graph_of({**raw, "evaluate": [{"generate": suite}]}, margin={"toxicity": 0.3})
    assert not lock.has_results(other, store), "its own scores have other keys"
    kept = lock.take(other, store, folder, seen=workspace.has_scores(folder, store))
    assert (kept.sha256, kept.had_results) == (first.sha256, True)
    (folder / workspace.STAGES).unlink()  # a stopped run of other settings names other stages
    assert lock.take(other, store, folder, seen=workspace.has_scores(folder, store)) == kept


def test_an_answer_or_a_list_that_cannot_be_read_counts_as_results(tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "store"), tmp_path / "small"
    folder.mkdir()
    assert not workspace.has_scores(folder, store)
    (folder / workspace.STAGES).write_text("[{}]")
    assert workspace.has_scores(folder, store)
    (folder / workspace.STAGES).unlink()
    pq.write_table(pa.table({"value": []}), folder / "measurements.parquet")
    assert not workspace.has_scores(folder, store)
    pq.write_table(pa.table({"value": [1.0]}), folder / "measurements.parquet")
    assert workspace.has_scores(folder, store)


def test_a_declaration_names_the_answers_that_were_there_to_an_earlier_one(raw: dict[str, Any], tmp_path: Path) -> None:
    taken(graph_of(raw), tmp_path)
    (tmp_path / "small" / "measurements.parquet").touch()
    later = taken(graph_of(raw, margin={"toxicity": 0.3}), tmp_path, "small+0123ab")
    assert later.before_results and later.beside == ["small"]
    assert taken(graph_of(raw), tmp_path, "small+456789").beside == []


def test_what_is_left_of_a_declaration_is_not_what_was_declared(raw: dict[str, Any], tmp_path: Path) -> None:
    other = {**CLAIM, "says": "Two."}
    first = taken(graph_of(raw, claims=[CLAIM, other], primary=["toxicity", "length"]), tmp_path)
    fewer = graph_of(raw, claims=[CLAIM], primary=["toxicity"]).study
    assert not lock.is_locked(first, fewer.compare.claims[0], fewer.compare)
    assert lock.primary(first, fewer.compare) == []
    about = lock.info(first, fewer)
    assert about is not None
    assert "1 of 2 claims withdrawn or changed: the rest are not what was locked" in about.changed


def test_an_edited_lock_is_none(raw: dict[str, Any], tmp_path: Path) -> None:
    taken(graph_of(raw), tmp_path)
    file = tmp_path / "small" / lock.FILE
    held = json.loads(file.read_text())
    held["compare"]["primary"] = ["length"]
    file.write_text(json.dumps(held))
    assert lock.read(tmp_path / "small") is None


def test_claims_are_locked_word_for_word(raw: dict[str, Any], tmp_path: Path) -> None:
    first = taken(graph_of(raw, claims=[CLAIM]), tmp_path)
    same, other = (graph_of(raw, claims=[one]).study.compare for one in (CLAIM, {**CLAIM, "margin": 0.3}))
    assert lock.is_locked(first, same.claims[0], same) and not lock.is_locked(first, other.claims[0], other)
    assert not lock.is_locked(None, same.claims[0], same), "without a lock nobody knows"


def test_a_claim_is_locked_with_the_baseline_and_the_margin_that_it_leaves_to_the_study(
    raw: dict[str, Any], tmp_path: Path
) -> None:
    claim = {name: value for name, value in CLAIM.items() if name != "margin"}
    before = {"claims": [claim], "margin": {"toxicity": 0.02}}
    first = taken(graph_of(raw, **before), tmp_path)
    for changed in ({}, {"margin": {"toxicity": 0.5}}, {"to": "poisoned@p=1"}):
        now = graph_of(raw, **{**before, **changed}).study.compare
        assert lock.is_locked(first, now.claims[0], now) == (not changed)


@pytest.mark.parametrize("text", ["[]", "{}", '{"sha256": "", "written": "", "before_results": true, "compare": {}}'])
def test_a_lock_that_is_none_is_taken_anew(text: str, raw: dict[str, Any], tmp_path: Path) -> None:
    first = taken(graph_of(raw), tmp_path)
    file = tmp_path / "small" / lock.FILE
    for broken in (text, text.replace("{}", '{"to": NaN}'), text.replace("{}", "7")):
        file.write_text(broken)
        assert lock.read(tmp_path / "small") is None and taken(graph_of(raw), tmp_path).sha256 == first.sha256


def test_the_verb_refuses_what_comes_too_late(raw: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    assert verbs.lock(Study(**raw), tmp_path).before_results
    with pytest.raises(StudyError, match="another block was locked here"):
        verbs.lock(Study(**{**raw, "compare": {**raw["compare"], "margin": {"toxicity": 0.1}}}), tmp_path)
    monkeypatch.setattr(lock, "has_results", lambda graph, store: True)
    with pytest.raises(StudyError, match="results are there already"):
        verbs.lock(Study(**{**raw, "name": "late"}), tmp_path)


def test_what_a_base_scored_for_another_study_is_no_result_of_this_one(raw: dict[str, Any], tmp_path: Path) -> None:
    raw["arms"] = {"base": {"train": []}, **raw["arms"]}
    graph, store = wire(Study(**raw)), Store(tmp_path / "store")
    scored = next(iter(graph.cells[0].suites[0].scores.values()))
    there = {scored.key}
    store.record = lambda stage: {} if stage.key in there else None  # type: ignore[method-assign]
    assert not lock.has_results(graph, store)
    there.add(next(iter(graph.cells[1].suites[0].scores.values())).key)
    assert lock.has_results(graph, store)


def test_an_untrained_baseline_that_another_study_scored_leaves_the_first_run_declared_before_results(
    raw: dict[str, Any], tmp_path: Path
) -> None:
    said = {"system_prompt": {"text": "Be kind."}}
    raw["arms"] = {"base": {"train": []}, "prompted": {"train": [], "wraps": [said]}}
    raw["compare"] = {"to": "base", "primary": raw["compare"]["primary"]}
    graph, store = wire(Study(**raw)), Store(tmp_path / "store")
    there = {stage.key for suite in graph.cells[0].suites for stage in suite.scores.values()}
    store.record = lambda stage: {} if stage.key in there else None  # type: ignore[method-assign]
    assert not lock.has_results(graph, store), "nothing is known of what is compared with it"
    there.add(next(iter(graph.cells[1].suites[0].scores.values())).key)
    assert lock.has_results(graph, store)


def test_what_a_prompted_base_scored_is_a_result_of_a_study_that_trains_as_well(
    raw: dict[str, Any], tmp_path: Path
) -> None:
    raw["arms"] |= {"prompted": {"train": [], "wraps": [{"system_prompt": {"text": "Be kind."}}]}}
    graph, store = wire(Study(**raw)), Store(tmp_path / "store")
    scored = next(iter(graph.cells[-1].suites[0].scores.values()))
    store.record = lambda stage: {} if stage.key == scored.key else None  # type: ignore[method-assign]
    assert lock.has_results(graph, store)
