"""Any text-classification model as a metric: its label, its identity, and what cannot be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven.errors import ModelError
from leaven.registry import METRICS
from leaven.score import classifier

WORDS = ["dear", "sir", "hey", "dude", "we", "regret", "##s"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT with three labels."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    place = tmp_path_factory.mktemp("formality")
    vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    (place / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab=vocabulary).save_pretrained(place)
    torch.manual_seed(1)
    labels = {0: "formal", 1: "neutral", 2: "informal"}
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, initializer_range=0.5, id2label=labels, label2id={word: at for at, word in labels.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(place)
    return place


def measured(texts: list[str], **args: Any) -> list[float | None]:
    found: list[float | None] = METRICS.get("classifier").call(texts, args=args)
    return found


def test_the_probability_is_that_of_the_label(folder: Path) -> None:
    texts = ["dear sir we regret", "", "hey dude", "dear sir " * 60]
    by_label = [measured(texts, model=str(folder), label=label) for label in ("formal", "neutral", "informal")]
    assert [column[1] for column in by_label] == [None] * 3
    for place in (0, 2, 3):
        assert sum(column[place] or 0 for column in by_label) == pytest.approx(1)
    alone = [measured([text], model=str(folder), label="formal")[0] for text in texts]
    assert by_label[0] == [None if one is None else pytest.approx(one, abs=1e-6) for one in alone]


def test_it_equals_toxicity_by_the_same_model(folder: Path) -> None:
    texts = ["hey dude", "dear sir"]
    theirs = METRICS.get("toxicity").call(texts, args={"classifier": str(folder), "label": "informal"})
    assert measured(texts, model=str(folder), label="informal") == theirs


def test_it_reads_texts_alone_and_so_labels_a_corpus() -> None:
    plugin = METRICS.get("classifier")
    assert plugin.flows == ("texts",)
    assert plugin.traits["better"] is None, "which way is better depends on the label"


def test_a_folder_is_known_by_its_content(folder: Path) -> None:
    found = classifier.resolve({"model": str(folder), "label": "formal"})
    assert found["args"]["model"].startswith("sha256:")
    assert found["paths"] == {"classifier": str(folder.resolve())} and found["computes"]
    pinned = {"model": "owner/name", "label": "x", "revision": "0" * 40}
    assert classifier.resolve(pinned) == {"args": pinned, "paths": {}, "computes": True}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"label": "rude"}, "no label 'rude'; it has: formal, neutral, informal"),
        ({"label": "formal", "revision": "main"}, "has no revision"),
        ({"label": "formal", "model": "builtin"}, "classifier's model 'builtin' is no folder and no name of the hub"),
        ({"label": "formal", "model": "./nowhere"}, "no folder and no name of the hub"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(folder: Path, args: dict[str, str], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        classifier.resolve({"model": str(folder), **args})


def test_blank_texts_load_nothing() -> None:
    assert measured(["", " \n"], model="no/such", label="x") == [None, None]
