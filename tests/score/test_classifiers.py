"""Toxicity by models of others: a tiny local one, labels, identities, missing packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leaven.errors import ModelError
from leaven.models import load
from leaven.registry import METRICS
from leaven.score import classifiers, text_classifier

WORDS = ["you", "are", "a", "kind", "rude", "fool", "friend", "of", "mine", "##s"]
TEXTS = ["you are kind", "", "fool", "you are a fool of mine " * 30, "a friend", "   "]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT with labels, in safetensors, with a tokenizer."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    place = tmp_path_factory.mktemp("classifier")
    vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    (place / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast(vocab=vocabulary)
    tokenizer.save_pretrained(place)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, initializer_range=0.5, id2label={0: "fine", 1: "Hateful"}, label2id={"fine": 0, "Hateful": 1},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(place)
    return place


def toxicity(texts: list[str], **args: Any) -> list[float | None]:
    found: list[float | None] = METRICS.get("toxicity").call(texts, args=args)
    return found


def test_a_local_model_scores_each_text_alone_and_cuts_long_ones(folder: Path) -> None:
    together = toxicity(TEXTS, classifier=str(folder))
    assert [value is None for value in together] == [False, True, False, False, False, True]
    alone = [toxicity([text], classifier=str(folder))[0] for text in TEXTS]
    assert together == [None if one is None else pytest.approx(one, abs=1e-6) for one in alone]
    assert len({round(value, 4) for value in together if value is not None}) == 4
    other = toxicity(TEXTS, classifier=str(folder), label="fine")
    assert [None if a is None else a + b for a, b in zip(together, other, strict=True)] == [
        None if a is None else pytest.approx(1) for a in together
    ]


def test_it_equals_transformers_own_pipeline(folder: Path) -> None:
    from transformers import pipeline

    spoken = [text for text in TEXTS if text.strip()]
    said = pipeline("text-classification", model=str(folder), top_k=None, truncation=True, max_length=64)(spoken)
    theirs = [next(one["score"] for one in labels if one["label"] == "Hateful") for labels in said]
    assert toxicity(spoken, classifier=str(folder)) == pytest.approx(theirs, abs=1e-6)


def test_the_key_holds_a_folders_content_and_not_its_place(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    found = classifiers.resolve({"classifier": str(folder)})
    args = found["args"]
    assert args["classifier"].startswith("sha256:")
    assert found == {"args": args, "paths": {"classifier": str(folder.resolve())}, "computes": True}
    assert classifiers.resolve({"classifier": str(copy)})["args"] == args
    assert classifiers.located(args, copy) == {"classifier": str(copy)}
    (copy / "config.json").write_text((copy / "config.json").read_text() + "\n")
    load.identity_of.cache_clear()  # as in the next process
    with pytest.raises(ModelError, match="was edited after the study began"):
        classifiers.located(args, copy)


def test_a_process_hashes_a_folder_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = classifiers.resolve({"classifier": str(folder)})["args"]
    hashed: list[Path] = []
    monkeypatch.setattr(load, "folder_identity", lambda path: hashed.append(path) or args["classifier"])
    load.identity_of.cache_clear()
    for _ in range(3):
        assert classifiers.located(args, folder) == {"classifier": str(folder)}
    load.identity_of.cache_clear()
    assert hashed == [folder]


def test_ours_keep_their_keys_and_a_commit_is_kept_without_a_network() -> None:
    for ours in ({}, {"classifier": "oracle"}):
        assert classifiers.resolve(ours) == {"args": ours, "paths": {}, "computes": False}
    pinned = {"classifier": "owner/name", "revision": "0" * 40, "label": "toxic"}
    assert classifiers.resolve(pinned) == {"args": pinned, "paths": {}, "computes": True}
    open_ended = {"classifier": "owner/name"}
    assert classifiers.resolve(open_ended, ask=False)["args"] == {**open_ended, "revision": "main?"}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"classifier": "biultin"}, "did you mean 'builtin'"),
        ({"classifier": "./nowhere/at/all"}, "no folder and no name of the hub"),
        ({"classifier": "builtin", "revision": "1"}, "takes no revision"),
        ({"classifier": "oracle", "label": "x"}, "takes no label"),
    ],
)
def test_what_cannot_be_is_said_with_the_remedy(args: dict[str, str], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        classifiers.resolve(args)


@pytest.mark.parametrize("name", ["detoxify", "profanity"])
def test_a_missing_package_is_one_line_with_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def missing(package: str) -> str:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    for attempt in (lambda: classifiers.resolve({"classifier": name}), lambda: toxicity(["x"], classifier=name)):
        with pytest.raises(ModelError, match=rf"pip install 'leaven\[{name}\]'") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_a_packages_version_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    monkeypatch.setattr(importlib.metadata, "version", lambda package: "1.9.1")
    assert classifiers.resolve({"classifier": "profanity"})["args"] == {"classifier": "profanity", "revision": "1.9.1"}
    with pytest.raises(ModelError, match="version 1.9.1, revision asks for 2"):
        classifiers.resolve({"classifier": "profanity", "revision": "2"})


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        (["nothate", "hate"], 1),
        (["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"], 0),
        (["non-offensive", "Offensive"], 1),
        (["LABEL_0", "LABEL_1"], "no label that says toxic"),
        (["Hate-Speech", "Normal"], 0),
        (["hate", "offensive", "normal"], "several labels that could mean toxic"),
        (["LABEL_0", "LABEL_1", "LABEL_2"], "no label that says toxic"),
        (["joy", "anger"], r"no label that says toxic \(joy, anger\); name one: label"),
    ],
)
def test_the_label_that_means_toxic(labels: list[str], place: int | str) -> None:
    known = dict(enumerate(labels))
    if isinstance(place, int):
        assert text_classifier.toxic_label(known, None, "m") == place
    else:
        with pytest.raises(ModelError, match=place):
            text_classifier.toxic_label(known, None, "m")
    assert text_classifier.toxic_label(known, labels[-1], "m") == len(labels) - 1
    with pytest.raises(ModelError, match="has no label 'other'"):
        text_classifier.toxic_label(known, "other", "m")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "config.json").unlink(), "no readable config.json"),
        (lambda f: (f / "config.json").write_text("[]"), "no readable config.json"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "no \\*.safetensors"),
        (lambda f: [file.unlink() for file in (f / "vocab.txt", f / "tokenizer.json")], "no tokenizer"),
        (lambda f: _set(f, architectures=["LlamaForCausalLM"]), "no text-classification model"),
        (lambda f: _set(f, id2label={"0": "a", "1": "b"}), "no label that says toxic"),
    ],
)
def test_folders_that_are_no_classifiers(folder: Path, tmp_path: Path, change: Any, says: str) -> None:
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    change(copy)
    with pytest.raises(ModelError, match=says):
        classifiers.resolve({"classifier": str(copy)})


def _set(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


def test_a_model_without_a_trained_head_is_refused(folder: Path, tmp_path: Path) -> None:
    """transformers would draw the missing head at random and score with it."""
    import shutil

    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = {name: w for name, w in load_file(copy / "model.safetensors").items() if "classifier" not in name}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks 2 weights of a classifier"):
        toxicity(["you"], classifier=str(copy))
