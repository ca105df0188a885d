"""Whether passages carry an answer, and whether they held what was wanted."""

from __future__ import annotations

from leaven.registry import METRICS
from leaven.score.flows import flow, one_value


def support(text: str | None, given: list[str] | None, **args: int) -> float | None:
    (found,) = METRICS.get("answer_support").call([text], [given], args=args)
    return found


def test_the_share_of_an_answers_content_words_that_were_given() -> None:
    given = ["Runa keeps a parrot.", "Ulf is a potter."]
    assert support("Runa keeps parrots", given) == 1.0, "words are stemmed, and from any passage"
    assert support("The potter is in Paris", given) == 0.5
    assert support("Zeno barks", given) == 0.0


def test_what_is_no_answer_or_was_given_nothing_is_unscored() -> None:
    assert [support(text, ["Runa"]) for text in ("", None, "it is the")] == [None] * 3
    assert support("Runa", None) is None, "nothing was looked up"
    assert support("Runa", []) == 0.0, "nothing was found"


def test_sequences_of_words_are_read_as_they_are_written() -> None:
    given = ["Runa keeps a parrot."]
    assert support("runa keeps a dog", given, ngram=3) == 0.5
    assert support("parrot a keeps Runa", given, ngram=3) == 0.0
    assert support("a parrot", given, ngram=3) is None
    assert support("a parrot", given, ngram=2) == 1.0


def test_sequences_do_not_go_over_from_one_passage_to_the_next() -> None:
    assert support("parrot Ulf", ["a parrot", "Ulf is here"], ngram=2) == 0.0


def test_a_hit_is_what_of_the_reference_was_found() -> None:
    plugin = METRICS.get("retrieval_hit")
    assert plugin.call(["a parrot", None, "a parrot", "dog"], [["Runa's parrot"], ["x"], None, []], args={}) == [
        1.0, None, None, 0.0,
    ]  # fmt: skip


def test_passages_flow_by_row() -> None:
    told = [{"prompt_id": name} for name in "abc"]
    asked = {"a": {"passages": ["x", "y"]}, "b": {"passages": []}, "c": {}}
    assert flow("passages", told, asked) == [["x", "y"], [], None]


def test_a_metric_of_answers_to_prompts_gives_one_value() -> None:
    assert one_value("correctness", {}, None, ["?"], ["Where does nobody live?"]) == [None]
