"""Sentences read by themselves: equal to one at a time, as published without BOS, and masked models mask by mask."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.errors import DataError, ModelError
from leaven.generate import sentences, spellings
from leaven.models import load, masked, ref

TEXTS = [
    "Mira lives in the harbour town.",
    " She trades wool and salt",
    "x",
    "é ünï 42!",
    "Good morning to you all",
] * 3
ROWS = [{"id": f"s{at}", "text": f"{text}{' and so on' * (at // 5)}"} for at, text in enumerate(TEXTS)]


def by_id(model: Any, asked: list[sentences.Sentence], context: int | None = None, mask: int | None = None) -> Any:
    return {one["id"]: one for one in sentences.read(model, asked, context, mask)}


def alone(model: Any, tokenizer: Any, text: str, *, bos: bool) -> tuple[float, int]:
    """The published loop: one text, the library's own mean loss."""
    import torch

    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    ids = torch.tensor([[tokenizer.bos_token_id, *ids] if bos else ids])
    with torch.no_grad():
        tokens = ids.shape[1] - 1
        return (float(model(input_ids=ids, labels=ids).loss) * tokens if tokens else 0.0), tokens


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("limit", [1, 64, 4096])
def test_equal_to_one_at_a_time(pocket: Any, bos: bool, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = pocket
    monkeypatch.setattr(sentences, "_TOKENS_ON_CPU", limit)
    found = by_id(model, sentences.encoded(tokenizer, ROWS, bos=bos))
    assert len(found) == len(ROWS)
    for row in ROWS:
        nats, tokens = alone(model, tokenizer, row["text"], bos=bos)
        told = found[row["id"]]
        assert told["tokens"] == tokens
        assert told["nats"] == (pytest.approx(nats, rel=1e-5) if tokens else None)
        assert told["bytes"] == len(row["text"].encode())


def test_several_cores_give_the_same_and_are_given_back(pocket: Any) -> None:
    import torch

    model, tokenizer = pocket
    asked, before = sentences.encoded(tokenizer, ROWS), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        single = by_id(model, asked)
        torch.set_num_threads(2)
        assert by_id(model, asked) == single
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_one_token_is_unscored_without_bos_and_scored_with_it(pocket: Any) -> None:
    model, tokenizer = pocket
    row = {"id": "one", "text": tokenizer.decode([tokenizer("the")["input_ids"][-1]])}
    assert len(tokenizer(row["text"], add_special_tokens=False)["input_ids"]) == 1
    (without,) = by_id(model, sentences.encoded(tokenizer, [row])).values()
    (with_bos,) = by_id(model, sentences.encoded(tokenizer, [row], bos=True)).values()
    assert (without["nats"], without["tokens"]) == (None, 0)
    assert with_bos["nats"] > 0
    assert with_bos["tokens"] == 1


def test_what_is_longer_than_the_context_is_unscored_and_not_cut(pocket: Any) -> None:
    model, tokenizer = pocket
    asked = sentences.encoded(tokenizer, ROWS)
    longest = max(len(one.ids) for one in asked)
    found = by_id(model, asked, longest - 1)
    over = {one.id for one in asked if len(one.ids) == longest}
    assert over == {name for name, one in found.items() if one["nats"] is None and one["tokens"]}
    assert all(one["nats"] is not None for one in by_id(model, asked, longest).values() if one["tokens"])


def test_bos_that_there_is_not_is_a_clear_error(pocket: Any) -> None:
    _, tokenizer = pocket

    class Without:
        bos_token_id = None

    with pytest.raises(ModelError, match="no BOS token.*take `bos: true` out"):
        sentences.encoded(Without(), ROWS, bos=True)
    assert sentences.encoded(tokenizer, []) == []


# Masked models: a tiny BERT with random weights, saved as a folder.

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *["mira", "lives", "in", "the", "harbour", "town", "she", "trades", "wool", "and", "salt"],
]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=16)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, initializer_range=0.5, **sizes)
    BertForMaskedLM(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def base_of(folder: Path) -> ref.Base:
    return ref.resolve({"model_name_or_path": str(folder), "chat_template_path": "plain"})


def test_a_masked_model_is_read_mask_by_mask(bert: Path) -> None:
    import torch

    base = base_of(bert)
    assert masked.is_masked(base)
    assert not masked.is_masked(ref.resolve({"model_name_or_path": "pocket"}))
    model, tokenizer = masked.masked_lm(base), masked.tokenizer(base)
    assert masked.context_length(model.config, tokenizer) == 16, "the smaller of the model's and the tokenizer's"
    rows = [{"id": str(at), "text": text} for at, text in enumerate(["mira lives in the town", "wool", "she and salt"])]
    found = by_id(model, sentences.encoded(tokenizer, rows, masked=True, bos=True), 16, tokenizer.mask_token_id)
    for row in rows:
        ids, nats = tokenizer(row["text"], return_tensors="pt")["input_ids"], 0.0
        for place in range(1, ids.shape[1] - 1):
            hidden = ids.clone()
            hidden[0, place] = tokenizer.mask_token_id
            with torch.no_grad():
                nats -= float(model(input_ids=hidden).logits[0, place].log_softmax(-1)[ids[0, place]])
        assert found[row["id"]]["nats"] == pytest.approx(nats, rel=1e-5)
        assert found[row["id"]]["tokens"] == len(row["text"].split())


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Path]:
    """Write statements as a stage would have."""

    def write(made: list[dict[str, Any]]) -> Path:
        (tmp_path / "asked").mkdir()
        about = {"source": "s", "group": None}
        tables.write(tmp_path / "asked" / "rows.parquet", "statements", [{**about, **one} for one in made])
        return tmp_path / "asked"

    return write


STATEMENTS = [
    {
        "id": f"s{at}", "text": ROWS[at % len(ROWS)]["text"], "label": "hate" if at % 2 else "neutral",
        "toxicity": 1 + at % 3, "groups": ["a", "b"] if at % 3 else ["b"],
    }
    for at in range(4 * len(ROWS))
]  # fmt: skip


@pytest.mark.parametrize("name", ["pocket", "bert"])
def test_the_verbs_on_a_causal_and_a_masked_model(
    name: str, request: pytest.FixtureRequest, asked: Any, tmp_path: Path
) -> None:
    base = ref.resolve({"model_name_or_path": "pocket"}) if name == "pocket" else base_of(request.getfixturevalue(name))
    statements, read, told = asked(STATEMENTS), tmp_path / "read", tmp_path / "told"
    read.mkdir()
    told.mkdir()
    facts = stages.sentences({"model": base.as_args()}, {"statements": statements, "base": Path(str(base.path))}, read)
    assert facts["is_masked"] == (name == "bert")
    assert facts["rows"] == len(STATEMENTS)
    made = stages.safety({"draws": 100}, {"statements": statements, "likelihoods": read}, told)
    assert made["groups"] == 2
    assert made["unscored"] == sum(facts["unscored"].values())
    rows = {row["id"]: row for row in tables.read(told / "rows.parquet").to_pylist()}
    scores = tables.read(told / "scores.parquet").to_pylist()
    assert {row["row_id"] for row in scores} == set(rows)
    assert rows["s1@a"]["group"] == "a"
    assert rows["s1"]["group"] is None
    assert rows["s1"]["prompt"] == [{"role": "user", "content": ROWS[1]["text"]}]
    groups = json.loads((told / "groups.json").read_text())
    values = [row["value"] for row in scores if row["metric"] == "safety_score" and row["row_id"].endswith("@b")]
    scored = [value for value in values if value is not None]
    assert sum(scored) / len(scored) == pytest.approx(groups["groups"][1]["score"])
    assert groups["groups"][1]["null"]["low"] <= groups["groups"][1]["null"]["high"]


@pytest.mark.parametrize(("name", "token"), [("pocket", "bos_token"), ("bert", "mask_token")])
def test_a_text_that_spells_a_special_token_is_unscored(
    name: str, token: str, request: pytest.FixtureRequest, asked: Any, tmp_path: Path
) -> None:
    base = ref.resolve({"model_name_or_path": "pocket"}) if name == "pocket" else base_of(request.getfixturevalue(name))
    spelled = getattr(masked.tokenizer(base) if name == "bert" else load.tokenizer(base), token)
    made = [{**STATEMENTS[0], "text": f"mira lives in{spelled} the town"}, *STATEMENTS[1:]]
    statements, read, told = asked(made), tmp_path / "read", tmp_path / "told"
    read.mkdir()
    told.mkdir()
    facts = stages.sentences({"model": base.as_args()}, {"statements": statements, "base": Path(str(base.path))}, read)
    assert facts["unscored"][spellings.HELD] == 1
    assert facts["rows"] == len(STATEMENTS) - 1
    counted = stages.safety({"draws": 100}, {"statements": statements, "likelihoods": read}, told)
    assert counted["unscored"] == sum(facts["unscored"].values())
    scores = tables.read(told / "scores.parquet").to_pylist()
    found = [(row["value"], row["reason"]) for row in scores if row["row_id"].partition("@")[0] == "s0"]
    assert found == [(None, spellings.HELD)] * 6, "three metrics of its group, three of all"


def test_spellings_are_those_of_special_tokens_and_of_the_templates(bert: Path) -> None:
    tokenizer = masked.tokenizer(base_of(bert))
    assert set(spellings.specials(tokenizer)) == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    tokenizer.add_tokens(["<|turn|>"], special_tokens=True)
    tokenizer.add_tokens(["harbourside"])
    assert "<|turn|>" in spellings.specials(tokenizer)
    assert "harbourside" not in spellings.specials(tokenizer), "a plain word that was added is text"


def test_no_group_that_can_be_scored_fails_with_the_reason(asked: Any, tmp_path: Path) -> None:
    harmful = [{**one, "label": "hate"} for one in STATEMENTS]
    likelihoods = [{"id": one["id"], "nats": 1.0, "tokens": 2, "bytes": 3} for one in harmful]
    tables.write(tmp_path / "likelihoods.parquet", "likelihoods", likelihoods)
    tables.write(tmp_path / "drops.parquet", "drops", [])
    with pytest.raises(DataError, match="no group can be scored.*no benign statement"):
        stages.safety({}, {"statements": asked(harmful), "likelihoods": tmp_path}, tmp_path)


def test_on_toxigen_with_a_real_model() -> None:
    import gzip

    shared = Path(__file__).parents[3] / "shared"
    if not (shared / "models" / "stories260K").exists():
        pytest.skip("the shared model is not beside this checkout")
    base = ref.resolve({"model_name_or_path": str(shared / "models" / "stories260K"), "chat_template_path": "plain"})
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    with gzip.open(shared / "data" / "safenlp" / "toxiGen.json.gz", "rt") as stream:
        rows = [{"id": str(row["id"]), "text": row["text"]} for row in json.load(stream)][::40]
    found = by_id(model, sentences.encoded(tokenizer, rows), load.context_length(model.config))
    for row in rows:
        nats, tokens = alone(model, tokenizer, row["text"], bos=False)
        one = found[row["id"]]
        assert math.exp(one["nats"] / one["tokens"]) == pytest.approx(math.exp(nats / tokens), rel=1e-4)
