"""Any text-classification model as a metric: the probability of one of its labels (formality, an emotion, harm)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leaven.errors import ModelError
from leaven.models import ref
from leaven.registry import metric
from leaven.score import text_classifier
from leaven.score.classifiers import Name, Resolved


def resolve(args: Mapping[str, Any], *, ask: bool = True) -> Resolved:
    """Find out what the declared model is, JSON-ready; loads nothing.

    A folder is known by its content, a name of the hub by its commit. ``ask`` false keeps the network out. Raises
    ModelError with the remedy where it cannot be told.
    """
    name, revision = args["model"], args.get("revision")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if revision:
            raise ModelError(f"classifier's model '{name}' is a local folder, which has no revision; take it out")
        text_classifier.inspect(folder, args["label"])
        known = {**args, "model": ref.folder_identity(folder)}
        return Resolved(args=known, paths={"classifier": str(folder.resolve())}, computes=True)
    return Resolved(args={**args, "revision": hub_commit("classifier", args, ask)}, paths={}, computes=True)


def hub_commit(metric: str, args: Mapping[str, Any], ask: bool) -> str:
    """Return the commit of a metric's ``model`` of the hub; raises ModelError for what can be no name there."""
    name = args["model"]
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ModelError(f"{metric}'s model '{name}' is no folder and no name of the hub (owner/name)")
    try:
        return ref.commit(name, args.get("revision"), ask=ask)
    except ModelError as error:
        raise ModelError(f"{metric}: {str(error).replace('model.revision', 'its revision')}") from error


@metric(version=1, better=None, unit="share", resolve=resolve)
def classifier(texts: Sequence[str], *, model: Name, label: Name, revision: Name | None = None) -> list[float | None]:
    """Probability in 0..1 of one label of a text-classification model; an empty text is unscored.

    ``model`` is a local folder, or a name of the hub with its ``revision`` (safetensors only, nobody's code is run).
    ``label`` is one of its labels, as its config spells it. A text longer than the model reads is cut. As a scorer of
    texts it labels corpora too. It says what the model says: on kinds of text that it was not trained on that may be
    little.
    """
    spoken = [place for place, text in enumerate(texts) if text.strip()]
    scored: list[float | None] = [None] * len(texts)
    if spoken:
        found = text_classifier.probabilities([texts[place] for place in spoken], model, revision, label)
        for place, value in zip(spoken, found, strict=True):
            scored[place] = value
    return scored
