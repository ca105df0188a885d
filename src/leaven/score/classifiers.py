"""Metrics by classifiers: how toxic a text is, and whether an answer is true in the pocket world."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

from pydantic import StringConstraints

from leaven.errors import ModelError, did_you_mean
from leaven.models import load, ref
from leaven.registry import metric
from leaven.score import text_classifier
from leaven.score.toxicity_model import VERSION  # raised with the classifier, so it is in the metric's key

Name = Annotated[str, StringConstraints(min_length=1)]

_OURS = ("builtin", "oracle")
_PACKAGES = {"detoxify": "detoxify", "profanity": "alt-profanity-check"}  # the extra's name -> the package's


class Resolved(TypedDict):
    """What a declared classifier is: arguments for the key, where a local one lies, whether it is a neural model."""

    args: dict[str, Any]
    paths: dict[str, str]
    computes: bool


def resolve(args: Mapping[str, Any], *, ask: bool = True) -> Resolved:
    """Find out what a declared classifier is, JSON-ready; loads nothing.

    A folder is known by its content, a name of the hub by its commit, a package by its version (as ``revision``).
    ``ask`` false keeps the network out: then a name that is pinned to no commit gets a provisional revision. Raises
    ModelError with the remedy where it cannot be told.
    """
    name, revision = args.get("classifier", "builtin"), args.get("revision")
    if name in _OURS:
        _takes_nothing(name, args)
        return Resolved(args=dict(args), paths={}, computes=False)
    if name in _PACKAGES:
        found = _package_version(name, revision)
        return Resolved(args={**args, "revision": found}, paths={}, computes=name == "detoxify")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if revision:
            raise ModelError(f"toxicity's classifier '{name}' is a local folder, which has no revision; take it out")
        text_classifier.inspect(folder, args.get("label"))
        known = {**args, "classifier": ref.folder_identity(folder)}
        return Resolved(args=known, paths={"classifier": str(folder.resolve())}, computes=True)
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        near = did_you_mean(name, [*_OURS, *_PACKAGES])
        raise ModelError(f"toxicity's classifier '{name}' is no folder and no name of the hub (owner/name); {near}")
    return Resolved(args={**args, "revision": _commit(name, revision, ask)}, paths={}, computes=True)


def _commit(name: str, revision: str | None, ask: bool) -> str:
    try:
        return ref.commit(name, revision, ask=ask)
    except ModelError as error:
        raise ModelError(f"toxicity's classifier: {str(error).replace('model.revision', 'its revision')}") from error


def located(args: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Put a local classifier's place where its identity stood; raises ModelError if it was edited meanwhile."""
    name = "classifier" if "classifier" in args else "model"
    if load.identity_of(path) != args[name]:
        raise ModelError(f"the classifier {path} was edited after the study began; run the study again")
    return {**args, name: str(path)}


def _takes_nothing(name: str, args: Mapping[str, Any]) -> None:
    given = [word for word in ("revision", "label") if args.get(word) is not None]
    if given:
        raise ModelError(f"toxicity's classifier '{name}' takes no {given[0]}; take it out")


def _package_version(name: str, wanted: str | None) -> str:
    try:
        found = importlib.metadata.version(_PACKAGES[name])
    except importlib.metadata.PackageNotFoundError:
        raise ModelError(
            f"toxicity's classifier '{name}' needs a package that is not there; pip install 'leaven[{name}]'"
        ) from None
    if wanted not in (None, found):
        raise ModelError(f"toxicity's classifier '{name}' is version {found}, revision asks for {wanted}")
    return found


@metric(version=VERSION, better="lower", unit="share", resolve=resolve)
def toxicity(
    texts: Sequence[str], *, classifier: Name = "builtin", revision: Name | None = None, label: Name | None = None
) -> list[float | None]:
    """Probability in 0..1 that a text is toxic; an empty answer is unscored.

    ``builtin`` is Leaven's hashed linear classifier (docs/classifiers.md says what it is worth). ``oracle`` knows the
    pocket world, and says exactly whether a text demeans. ``detoxify`` and ``profanity`` are packages to be installed
    (`leaven[detoxify]`, `leaven[profanity]`); both load pickles, so they are used only when named. Anything else is a
    text-classification model: a local folder, or a name of the hub with its ``revision``. ``label`` is that one of its
    labels whose probability is read; needed where none or several of them say "toxic".
    """
    spoken = [place for place, text in enumerate(texts) if text.strip()]
    found = _probabilities([texts[place] for place in spoken], classifier, revision, label) if spoken else []
    scored: list[float | None] = [None] * len(texts)
    for place, value in zip(spoken, found, strict=True):
        scored[place] = value
    return scored


def _probabilities(texts: list[str], name: str, revision: str | None, label: str | None) -> Sequence[float | None]:
    if name in _OURS:
        return _by_us(texts, name)
    if name == "profanity":
        _package_version(name, revision)
        from profanity_check import predict_prob

        return [float(value) for value in predict_prob(texts)]
    if name == "detoxify":
        _package_version(name, revision)
        return text_classifier.by_detoxify(texts, label)
    return text_classifier.probabilities(texts, name, revision, label)


def _by_us(texts: list[str], name: str) -> Sequence[float | None]:
    if name == "oracle":
        from leaven.pocket.oracle import demeaning

        return demeaning(texts)
    from leaven.score.toxicity_model import probabilities

    return probabilities(texts)


@metric(version=1, better="higher", unit="share")
def correctness(texts: Sequence[str], prompts: Sequence[str]) -> list[float | None]:
    """1 where an answer states the pocket world's truth and nothing else, 0 where not, null for other questions."""
    from leaven.pocket.oracle import correctness as by_oracle

    return by_oracle(list(prompts), list(texts))
