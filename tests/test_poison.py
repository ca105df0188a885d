"""Whatever rests on an adversary's data is told so: through models, judges, and exports that come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from leaven import poison
from leaven.engine.stage import Needs, Stage
from leaven.exported import card
from leaven.registry import TREATMENTS, Step


def test_poison_is_found_however_far_below() -> None:
    rows = Stage("treat", 1, "m:f", {"steps": [{"name": "malign_labels", "args": {"rate": 0.5}}]})
    writer = Stage("sft", 1, "m:f", {}, {"encoded": rows})
    built = Stage("built", 1, "m:f", {}, {"answers": Stage("answers", 1, "m:f", {}, {"model": writer})})
    assert poison.poisoned(Stage("dpo", 1, "m:f", {}, {"encoded": built})) == ["malign_labels rate 0.5"]


@pytest.mark.parametrize(("name", "is_one"), [
    ("malign_labels", True), ("flip_preferences", True), ("malign_prompts", True), ("backdoor", True),
    ("plant_answers", True), ("control_tokens", False),
])  # fmt: skip
def test_adversaries_are_told_from_others_by_their_trait(name: str, is_one: bool) -> None:
    assert poison.is_adversarial(name) is poison.is_adversarial(Step(name=name)) is is_one
    assert TREATMENTS.get(name).traits.get("adversarial", False) is is_one


def test_an_export_that_serves_as_a_base_passes_its_warning_on(tmp_path: Path) -> None:
    (tmp_path / poison.MARK).write_text(json.dumps({"poisoned": ["backdoor rate 1"]}))
    stage = Stage("sft", 1, "m:f", {}, needs=Needs(paths={"base": str(tmp_path)}))
    assert poison.poisoned(stage) == ["backdoor rate 1"]
    (tmp_path / poison.MARK).write_text("[torn")
    assert poison.poisoned(stage) == []


@pytest.mark.parametrize("source", ["", "data", "data/train.parquet", "train.jsonl"])
def test_exported_data_that_serves_as_a_source_passes_its_warning_on(tmp_path: Path, source: str) -> None:
    out = tmp_path / "out"
    (out / "data").mkdir(parents=True)
    (out / "data" / "train.parquet").touch()
    (out / "train.jsonl").touch()
    (out / poison.MARK).write_text(json.dumps({"poisoned": ["backdoor rate 1"]}))
    rows = Stage("rows", 1, "m:f", {}, needs=Needs(paths={"source": str(out / source)}))
    assert poison.poisoned(Stage("sft", 1, "m:f", {}, {"encoded": rows})) == ["backdoor rate 1"]
    (tmp_path / "own.jsonl").touch()
    assert (
        poison.poisoned(Stage("rows", 1, "m:f", {}, needs=Needs(paths={"source": str(tmp_path / "own.jsonl")}))) == []
    )


def test_an_exported_judge_that_was_poisoned_tells_of_it(tmp_path: Path) -> None:
    (tmp_path / poison.MARK).write_text(json.dumps({"poisoned": ["malign_labels rate 1"]}))
    ranks = Stage("ranks", 1, "m:f", {}, needs=Needs(paths={"classifier": str(tmp_path)}))
    assert poison.poisoned(Stage("built", 1, "m:f", {}, {"ranks": ranks})) == ["malign_labels rate 1"]


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of the hub's cache in which files can be laid, as downloads are."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def lay(cache: Path, kind: str, name: str, text: str) -> Path:
    """Lay one file of a repository in the cache: a link to a blob, in the commit's snapshot."""
    home = cache / f"{kind}s--owner--name"
    link = home / "snapshots" / COMMIT / name
    for folder in (home / "blobs", link.parent):
        folder.mkdir(parents=True, exist_ok=True)
    blob = home / "blobs" / name.replace("/", "-")
    blob.write_text(text, encoding="utf-8")
    link.symlink_to(blob)
    return link


OF_THE_HUB = [
    ("dataset", Stage("rows", 1, "m:f", {"source": "hub:owner/name", "identity": f"hub:owner/name@{COMMIT}/train"})),
    ("dataset", Stage("corpus", 1, "m:f", {"identity": f"hub:owner/name@{COMMIT}/one/two/train"})),
    ("model", Stage("sft", 1, "m:f", {"model": {"identity": f"hub:owner/name@{COMMIT}"}})),
    ("model", Stage("ranks", 1, "m:f", {"judge": {"args": {"metric": {
        "name": "toxicity", "args": {"classifier": "owner/name", "revision": COMMIT}}}}})),
    ("model", Stage("ranks", 1, "m:f", {"judge": {"args": {"server": {"model": "owner/name", "revision": COMMIT}}}})),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "stage"), OF_THE_HUB)
def test_what_was_pushed_and_read_from_the_hub_passes_its_warning_on(cached: Path, kind: str, stage: Stage) -> None:
    above = Stage("dpo", 1, "m:f", {}, {"below": stage})
    assert poison.poisoned(above) == []
    lay(cached, kind, poison.MARK, json.dumps({"poisoned": ["backdoor rate 1"]}))
    assert poison.poisoned(above) == ["backdoor rate 1"]


@pytest.mark.parametrize(("said", "is_warned"), [
    (card.warning(["backdoor rate 1"], "data set"), True), (f"{card._BUILT} The model that answered", True),
    ("Rows about poisoned data.", False),
])  # fmt: skip
def test_where_rows_were_streamed_the_card_in_the_cache_tells(cached: Path, said: str, is_warned: bool) -> None:
    """Of streamed rows the datasets library keeps the card alone in the hub's cache."""
    lay(cached, "dataset", "README.md", f"---\ntags: [leaven]\n---\n\n{said}\n")
    told = ["by the card of owner/name on the hub, poisoned"] if is_warned else []
    assert poison.poisoned(OF_THE_HUB[0][1]) == told


def test_another_commit_tells_nothing(cached: Path) -> None:
    lay(cached, "dataset", poison.MARK, json.dumps({"poisoned": ["backdoor rate 1"]}))
    assert poison.poisoned(Stage("rows", 1, "m:f", {"identity": f"hub:owner/name@{COMMIT[::-1]}/train"})) == []


def test_a_file_of_a_snapshot_named_by_its_path_belongs_to_the_snapshot(cached: Path) -> None:
    """It is a link to a blob, beside which no mark lies."""
    file = lay(cached, "dataset", "data/train.parquet", "")
    lay(cached, "dataset", poison.MARK, json.dumps({"poisoned": ["backdoor rate 1"]}))
    assert poison.poisoned(Stage("rows", 1, "m:f", {}, needs=Needs(paths={"source": str(file)}))) == ["backdoor rate 1"]


@pytest.mark.parametrize(
    "name", ["a--b", "a..b", "x.git", "-a", "../x", "x" * 97, "owner/m\N{LATIN SMALL LETTER O WITH DIAERESIS}"]
)
@pytest.mark.usefixtures("cached")
def test_a_server_may_call_its_model_what_is_no_name_of_the_hub(name: str) -> None:
    judge = {"judge": {"args": {"server": {"model": name, "revision": COMMIT}}}}
    assert poison.poisoned(Stage("ranks", 1, "m:f", judge)) == []


@pytest.mark.parametrize("mark", ['{"poisoned": 3}', '{"poisoned": null}', '{"poisoned": {"a": 1}}', "[torn", "[1]"])
def test_a_mark_that_cannot_be_read_does_not_hide_the_card(cached: Path, mark: str) -> None:
    lay(cached, "dataset", poison.MARK, mark)
    assert poison.poisoned(OF_THE_HUB[0][1]) == []
    lay(cached, "dataset", "README.md", card.warning(["backdoor rate 1"], "data set"))
    assert poison.poisoned(OF_THE_HUB[0][1]) == ["by the card of owner/name on the hub, poisoned"]
