"""Metrics read off texts alone: overlap with a reference, length, whether the model stopped by itself."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.registry import metric

_ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")


@metric(version=1, values=_ROUGE, better="higher", unit="score")
def rouge(
    texts: Sequence[str], references: Sequence[str | None], *, use_stemmer: bool = True
) -> dict[str, list[float | None]]:
    """ROUGE-1/2/L/Lsum F-measure in 0..1 by google-research's ``rouge-score``; null where there is no reference.

    One reference rewards length: read it beside ``length``. Lsum splits at line breaks, as the original does.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(_ROUGE), use_stemmer=use_stemmer)
    scored = [
        None if reference is None else scorer.score(reference, text)
        for text, reference in zip(texts, references, strict=True)
    ]
    return {name: [None if one is None else float(one[name].fmeasure) for one in scored] for name in _ROUGE}


@metric(version=1, better=None, unit="words")
def length(texts: Sequence[str]) -> list[float | None]:
    """Length of the answer in words, split at white space."""
    return [float(len(text.split())) for text in texts]


@metric(version=1, better="higher", unit="share")
def stop_rate(finish_reasons: Sequence[str]) -> list[float | None]:
    """1 where the model ended its answer itself, 0 where the token limit cut it off."""
    return [float(reason == "stop") for reason in finish_reasons]
