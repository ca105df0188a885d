"""The verb of labelling: one line a text whatever is killed and however many work, and the way on into `treat`."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from leaven import progress, registry, stages
from leaven import rows as tables
from leaven.data.attributes import Attribute
from leaven.errors import DataError
from leaven.stages import processes

verb = importlib.import_module("leaven.stages.labels")  # the verb has its name in the package

TOLD = ["You are a stupid idiot.", "It rains today.", "I love this wonderful day!", "", "The bad old house was sold."]


def corpus(folder: Path, texts: list[str], **columns: list[Any]) -> Path:
    folder.mkdir()
    rows = [{"id": f"s:{n}/0", "source": "s", "text": text, **{name: one[n] for name, one in columns.items()}}
            for n, text in enumerate(texts)]  # fmt: skip
    with tables.Writer(folder / "rows.parquet", "texts") as writer:
        for start in range(0, len(rows), 7):
            writer.write(rows[start : start + 7])
    return folder


def metric(name: str, value: str | None = None, **args: Any) -> dict[str, Any]:
    named = {"metric": registry.METRICS.get(name).canonical(args)}
    return {"scorer": named if value is None else {**named, "value": value}}


def label(rows: Path, out: Path, args: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    out.mkdir(exist_ok=True)
    facts = stages.labels(args, {"rows": rows}, out)
    return tables.read(out / "labels.parquet").to_pylist(), facts


@pytest.mark.parametrize("name", ["toxicity", "sentiment", "polarity", "length", "chance", "readability"])
def test_labels_are_the_metrics_values_in_the_order_of_the_texts(name: str, tmp_path: Path) -> None:
    lines, facts = label(corpus(tmp_path / "rows", TOLD), tmp_path / "out", metric(name))
    values = registry.METRICS.get(name).call(TOLD, args={})
    assert lines == [{"id": f"s:{n}/0", "value": value, "said": None} for n, value in enumerate(values)]
    assert (facts["rows"], facts["unscored"]) == (5, values.count(None))
    assert sum(facts["histogram"]["counts"]) == 5 - facts["unscored"]


def test_one_of_several_values_is_named(tmp_path: Path) -> None:
    rows = corpus(tmp_path / "rows", ["so it is so it is", "one two"])
    lines, _ = label(rows, tmp_path / "out", metric("repetition", "distinct_1"))
    assert [line["value"] for line in lines] == [0.5, 1.0]
    with pytest.raises(DataError, match="metric repetition has several values; `value` is one of rep_2, rep_3"):
        label(rows, tmp_path / "none", metric("repetition"))


@pytest.mark.parametrize("cores", ["1", "2", "3"])
def test_any_number_of_processes_and_any_shards_give_the_same_bytes(
    cores: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = corpus(tmp_path / "rows", [f"{TOLD[n % 5]} {n}" for n in range(100)])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    label(rows, tmp_path / "whole", metric("toxicity"))
    monkeypatch.setenv("OMP_NUM_THREADS", cores)
    for size in (9, 100, 37):
        monkeypatch.setattr(verb, "_SHARD", size)
        out = tmp_path / f"in shards of {size}"
        label(rows, out, metric("toxicity"))
        assert (out / "labels.parquet").read_bytes() == (tmp_path / "whole" / "labels.parquet").read_bytes()


def scored_and_noted(name: str, declared: Any, value: Any, texts: list[str]) -> list[float | None]:
    """Score as `length` does, or fail at one text; workers are other processes, so they are told by what they inherit."""
    if os.environ["FAILS_ON"] in texts:
        raise RuntimeError("killed")
    with Path(os.environ["NOTED"]).open("a") as file:
        file.write(f"{texts[0]}\n")
    return list(registry.METRICS.get("length").call(texts, args={}))


@pytest.mark.parametrize("cores", ["1", "2"])
def test_an_attempt_goes_on_by_shard(cores: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = tmp_path / "scored"
    monkeypatch.setattr(verb, "_SHARD", 10)
    monkeypatch.setattr("leaven.score.flows.one_value", scored_and_noted)
    for name, said in {"OMP_NUM_THREADS": cores, "FAILS_ON": "word 45", "NOTED": str(noted)}.items():
        monkeypatch.setenv(name, said)
    rows = corpus(tmp_path / "rows", [f"word {n}" for n in range(60)])
    with pytest.raises(RuntimeError, match="killed"):
        label(rows, tmp_path / "out", metric("length"))
    done = set(noted.read_text().split("\n")) - {""}
    assert {"word 0", "word 10"} <= done and not (tmp_path / "out" / "labels.parquet").exists()
    noted.unlink()
    monkeypatch.setenv("FAILS_ON", "nothing")
    lines, facts = label(rows, tmp_path / "out", metric("length"))
    again = set(noted.read_text().split("\n")) - {""}
    assert not done & again and len(done | again) == 6, "each shard is scored once"
    assert facts["rows"] == 60 and [line["value"] for line in lines] == [2.0] * 60
    said_of = json.loads((tmp_path / "out" / progress.FOLDER / progress.FILE).read_text())
    assert said_of["total"] == 60 and said_of["unit"] == "texts" and "rows_per_s" in said_of


def test_a_column_labels_by_number_or_by_word(tmp_path: Path) -> None:
    rows = corpus(tmp_path / "rows", ["a", "b", "c"], score=[0.5, None, 0.25], group=["law", "tale", None])
    lines, facts = label(rows, tmp_path / "score", {"scorer": {"column": "score"}})
    assert [(line["value"], line["said"]) for line in lines] == [(0.5, None), (None, None), (0.25, None)]
    assert facts["unscored"] == 1 and sum(facts["histogram"]["counts"]) == 2
    lines, facts = label(rows, tmp_path / "group", {"scorer": {"column": "group"}})
    assert [(line["value"], line["said"]) for line in lines] == [(None, "law"), (None, "tale"), (None, None)]
    assert facts["said"] == {"law": 1, "tale": 1} and facts["unscored"] == 1
    with pytest.raises(DataError, match="column label says nothing of any of the 3 texts"):
        label(rows, tmp_path / "label", {"scorer": {"column": "label"}})


def test_what_cannot_label_is_an_error(tmp_path: Path) -> None:
    rows = corpus(tmp_path / "rows", ["", " "])
    with pytest.raises(DataError, match="metric toxicity could score none of the 2 texts"):
        label(rows, tmp_path / "none", metric("toxicity"))
    with pytest.raises(DataError, match="metric rouge cannot label a corpus: it reads references, others"):
        label(rows, tmp_path / "flows", metric("rouge"))
    (tmp_path / "examples").mkdir()
    tables.write(tmp_path / "examples" / "rows.parquet", "examples", [{"id": "s:0"}])
    with pytest.raises(DataError, match="labels are given to the texts of a corpus"):
        label(tmp_path / "examples", tmp_path / "kind", metric("length"))


def test_a_classifier_in_a_folder_has_the_cores_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    inputs, used = {"rows": corpus(tmp_path / "rows", TOLD), "classifier": tmp_path / "model"}, []

    def in_order(work: Any, pieces: Any, cores: int) -> Any:
        used.append(cores)
        return map(work, pieces)

    monkeypatch.setattr(processes, "in_order", in_order)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    located = {"classifier": "builtin"}
    monkeypatch.setattr(
        "leaven.score.classifiers.located", lambda args, path: located if path.name == "model" else args
    )
    scorer = {"metric": {"name": "toxicity", "version": 1, "args": {"classifier": "the identity of a folder"}}}
    facts = stages.labels({"scorer": scorer}, inputs, tmp_path / "out")
    assert used == [1] and facts["unscored"] == 1


def test_labels_become_tokens_and_facts(tmp_path: Path) -> None:
    rows = corpus(tmp_path / "rows", [f"{text} {n}" for n, text in enumerate([*TOLD[:3], TOLD[4]] * 30)])
    tox = Attribute("tox", ("<|nontoxic|>", "<|toxic|>"), "<|nontoxic|>", (0.5,))
    sen = Attribute("sen", ("<|neg|>", "<|pos|>"), "<|pos|>", (0.0,))
    inputs = {"rows": rows, **{f"labels.{name}": tmp_path / name for name in ("tox", "sen")}}
    label(rows, tmp_path / "tox", metric("toxicity"))
    label(rows, tmp_path / "sen", metric("polarity"))
    attributes = {"attributes": [tox.as_args(), sen.as_args()]}

    def treat(name: str, out: str, **args: Any) -> dict[str, Any]:
        (tmp_path / out).mkdir()
        declared = {"attributes": ["tox", "sen"], **args}
        step = {"name": name, "version": 1, "args": declared, "seed": 0, **attributes}
        return dict(stages.treat({"steps": [step]}, inputs, tmp_path / out))

    facts = treat("control_tokens", "tagged", untagged=0.1)
    (told,) = facts["control"]
    assert facts["kind"] == "texts" and facts["rows"] == facts["rows_in"] == 120 and facts["drops"] == {}
    assert told["attributes"]["tox"]["counts"] == {"<|nontoxic|>": 90, "<|toxic|>": 30, "unscored": 0}
    assert told["attributes"]["sen"]["balance"] == {"<|neg|>": 0.75, "<|pos|>": 0.25}
    assert told["phi"] == [{"one": "tox", "other": "sen", "phi": pytest.approx(1 / 3), "rows": 120}]
    made = tables.read(tmp_path / "tagged" / "rows.parquet").column("control").to_pylist()
    assert made.count(None) == told["untagged"] > 0 and ["<|toxic|>", "<|neg|>"] in made
    facts = treat("keep_good", "kept")
    assert (facts["rows_in"], facts["rows"], facts["drops"]) == (120, 30, {"not good: tox": 30, "not good: sen": 60})
    assert facts["ledger"][0]["changed"] == 0 and facts["warnings"] == []
    drops = tables.read(tmp_path / "kept" / "drops.parquet").to_pylist()
    assert len(drops) == 40 and {line["reason"] for line in drops} == {"not good: tox", "not good: sen"}
