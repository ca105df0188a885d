"""Reading with a model: equal to one row at a time, whatever the batch; only the completion's text counts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.data import chat
from leaven.generate import likelihood
from leaven.models import load, ref
from leaven.registry import METRICS, SUITES

ANSWERS = ["Yes.", "Mira lives in the harbour town, near the old mill, and trades wool.", "  padded ", "é ünï 42", ""]


def row(number: int, answer: str) -> dict[str, Any]:
    asked = {"role": "user", "content": f"Where does Mira live? {'Tell me more. ' * number}"}
    return {"id": f"r{number}", "prompt": [asked], "completion": [{"role": "assistant", "content": answer}]}


ROWS = [row(number, answer) for number, answer in enumerate(ANSWERS)]


@pytest.fixture(scope="module")
def pocket() -> tuple[Any, Any, ref.Base]:
    base = ref.resolve({"model_name_or_path": "pocket"})
    return load.causal_lm(base), load.tokenizer(base), base


def one_by_one(model: Any, tokenizer: Any, row: dict[str, Any]) -> tuple[float, int]:
    """The plain computation: one row, no padding, token by token, the text's tokens found by decoding prefixes."""
    import torch

    whole = chat.render(tokenizer, [*row["prompt"], *row["completion"]])
    before = chat.render(tokenizer, row["prompt"], add_generation_prompt=True)
    said = row["completion"][0]["content"].strip()
    start = whole.index(said, len(before)) if said else len(whole)
    (ids,), (offsets,) = (tokenizer([whole], add_special_tokens=False, return_offsets_mapping=True)[name]
                          for name in ("input_ids", "offset_mapping"))  # fmt: skip
    nats, tokens = 0.0, 0
    with torch.inference_mode():
        for place, (first, last) in enumerate(offsets):
            if place and said and first < start + len(said) and last > start:
                logits = model(input_ids=torch.tensor([ids[:place]])).logits[0, -1]
                nats -= float(torch.log_softmax(logits.float(), -1)[ids[place]])
                tokens += 1
    return nats, tokens


@pytest.mark.parametrize("most", [64, 1, 2])
def test_equal_to_one_by_one_whatever_the_batch(
    pocket: tuple[Any, Any, ref.Base], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer, _ = pocket
    monkeypatch.setattr(likelihood, "_MOST_ROWS", most)
    found = {one["id"]: one for one in likelihood.read(model, 0, likelihood.readings(tokenizer, ROWS))}
    for row in ROWS:
        nats, tokens = one_by_one(model, tokenizer, row)
        assert found[row["id"]]["tokens"] == tokens
        assert found[row["id"]]["nats"] == (pytest.approx(nats, abs=1e-4) if tokens else None)
        assert found[row["id"]]["bytes"] == len(row["completion"][0]["content"].strip().encode())


def test_only_the_texts_own_tokens_are_counted(pocket: tuple[Any, Any, ref.Base]) -> None:
    _, tokenizer, _ = pocket
    for reading, asked in zip(likelihood.readings(tokenizer, ROWS), ROWS, strict=True):
        counted = tokenizer.decode([reading.ids[place] for place in reading.counted])
        assert counted.strip() == asked["completion"][0]["content"].strip()


def test_a_template_that_changes_the_text_leaves_nothing_to_count(pocket: tuple[Any, Any, ref.Base]) -> None:
    _, tokenizer, _ = pocket
    template = tokenizer.chat_template
    try:
        tokenizer.chat_template = "{% for m in messages %}{{ m.content | upper }} {% endfor %}"
        (reading,) = likelihood.readings(tokenizer, ROWS[1:2])
    finally:
        tokenizer.chat_template = template
    assert reading.counted == []
    assert reading.bytes > 0


def test_the_verb_and_its_metrics(pocket: tuple[Any, Any, ref.Base], tmp_path: Path) -> None:
    *_, base = pocket
    for name in ("rows", "told", "bits"):
        (tmp_path / name).mkdir()
    about = {"source": "s", "group": None, "label": None}
    tables.write(tmp_path / "rows" / "rows.parquet", "examples", [{**about, **one} for one in ROWS])
    inputs = {"prompts": tmp_path / "rows"}
    facts = stages.likelihood({"model": base.as_args()}, {**inputs, "base": Path(str(base.path))}, tmp_path / "told")
    read = tables.read(tmp_path / "told" / "likelihoods.parquet").to_pylist()
    assert facts["rows"] == len(ROWS)
    assert facts["tokens"] == sum(one["tokens"] for one in read)
    metric = METRICS.get("bits_per_byte").canonical({})
    stages.score({"metric": metric}, {**inputs, "likelihoods": tmp_path / "told"}, tmp_path / "bits")
    scored = tables.read(tmp_path / "bits" / "scores.parquet").to_pylist()
    assert [one["row_id"] for one in scored] == [one["id"] for one in read]
    by_hand = [one["nats"] / math.log(2) / one["bytes"] if one["tokens"] else None for one in read]
    assert [one["value"] for one in scored] == [None if value is None else pytest.approx(value) for value in by_hand]


def test_perplexity_by_hand() -> None:
    call = METRICS.get("perplexity").call
    assert call([math.log(8), None, 0.0, 1e9], [3, 0, 1, 1], args={}) == [
        pytest.approx(2),
        None,
        1,
        pytest.approx(math.exp(700)),
    ]
    assert METRICS.get("bits_per_byte").call([math.log(2) * 6, 1.0], [3, 0], args={}) == [pytest.approx(2), None]


def test_the_suite_is_a_declaration() -> None:
    made = SUITES.get("likelihood").call(args={"data": "test", "metrics": ["perplexity"]})
    assert (made.name, made.prompts, [step.name for step in made.metrics]) == ("test", "test", ["perplexity"])
