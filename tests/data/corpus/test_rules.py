"""Rules of sentences, how documents are split, which of them are taken, and what occurred before."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven.data.corpus import rules as room
from leaven.data.corpus.chosen import Chosen, source_problem
from leaven.data.corpus.duplicates import digest, repeated
from leaven.data.corpus.settings import Settings
from leaven.data.corpus.splitting import PIECE, pieces, sentences
from leaven.errors import DataError
from leaven.study import corpus as study

GOOD = "The ship sailed on through the night."


def judge(sentence: str, **declared: Any) -> tuple[str, str | None, bool]:
    return room.Rules(Settings.of(declared)).judge(sentence)


def test_defaults_are_those_of_the_study() -> None:
    declared = study.Corpus().model_dump(mode="json")
    assert Settings.of(declared) == Settings(asked=tuple(declared["without"]))


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        (GOOD, None),
        ("The ship sailed on.", "too few words"),
        ("word " * 300, "too many characters"),
        ("1 2 3 4 5 (6) [7] eight", "too few letters"),
        (GOOD + r" \cite{this}", "code or markup"),
        ("Here $x_i$ is what we call the price.", "code or markup"),
        ("Look at <a href='x'>this page</a> and learn more.", "code or markup"),
        ("The call of run() ends the loop at once.", "code or markup"),
        ("We set my_value to the one that is right.", "code or markup"),
        ("import the whole of numpy as np here", "code or markup"),
        ("A&nbsp;house in the middle of the street.", "code or markup"),
        ("It cost $5 and then $6 or so in all.", None),
        ("We saw p < 0.05 and a mean > 3 in all groups.", None),
        ("He said -- and I _quote_ him -- that he would go.", None),
        ("Johnson & Johnson sold it to AT&T for little.", None),
        ("no no no no no no no no", "repeats itself"),
        ("Весь день шёл дождь, и никто не вышел.", None),
        ("यह एक अच्छा दिन है और हम खुश हैं।", None),
    ],
)
def test_the_first_rule_that_applies_says_why(sentence: str, reason: str | None) -> None:
    assert judge(sentence)[1] == reason


def test_every_rule_can_be_set_and_code_is_told_before_its_braces_go() -> None:
    assert judge("Yes.", min_words=1)[1] is None
    assert judge(GOOD, max_words=6)[1] == "too many words"
    assert judge(GOOD, max_characters=len(GOOD))[1] is None
    assert judge(GOOD, max_characters=len(GOOD) - 1)[1] == "too many characters"
    assert judge("12 34 56 78 is it", min_letters=0.0)[1] is None
    assert judge("no no no no no no", max_repeated=1.0)[1] is None
    assert judge("a {b} c d e f g", no_code=False)[1] is None
    assert judge("We call {it} what it is today.", characters="0-9A-Za-z ")[1] == "code or markup"
    assert judge(r"one \two {three} four five six", no_code=False, min_words=6)[1] is None


def test_special_characters_go_and_words_stay_whole() -> None:
    assert judge("The\u00adship\x07 sailed\u200b on\ufeff through\ufffdthe night.") == (
        "Theship sailed on through the night.",
        None,
        True,
    )
    assert judge("  The ship\n\tsailed\u00a0on through  the night. ") == (GOOD, None, False), "white space is no change"
    assert judge("“No,” he said — “I won’t go.”", characters="0-9A-Za-z ?.'!") == (
        "No he said I won t go.",
        None,
        True,
    )


@pytest.mark.parametrize("characters", ["a-z]", "z-a", "[a-z", "\\", "a--z"])
def test_characters_that_are_no_set_are_refused(characters: str) -> None:
    assert room.characters_problem(characters)
    with pytest.raises(DataError, match=r"corpus\.characters"):
        judge(GOOD, characters=characters)


@pytest.mark.parametrize("characters", ["0-9A-Za-z ?.'!", r"a-z\]\[", "äöü-", "^a"])
def test_characters_that_are_a_set_are_taken(characters: str) -> None:
    assert room.characters_problem(characters) is None


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_sentence_comes_out_printable_and_judging_it_again_changes_nothing(sentence: str) -> None:
    text, reason, _ = judge(sentence)
    assert text.isprintable() and text == text.strip() and "  " not in text
    assert judge(text)[0] == text and judge(text)[2] is False
    assert reason is not None or len(text.split()) >= 5


@pytest.mark.parametrize("hostile", ["<a" * 50_000, "$a" * 50_000, "&a" * 50_000, "_" * 100_000, "[[[" * 30_000])
def test_no_sentence_takes_long(hostile: str) -> None:
    begun = time.process_time()
    judge(hostile, min_words=1, max_characters=10**6, min_letters=0.0)
    assert time.process_time() - begun < 1


@settings(deadline=None)
@given(st.text(alphabet="ab .\n", max_size=300), st.integers(2, 40))
def test_pieces_are_the_text_and_none_is_too_long(text: str, size: int) -> None:
    made = list(pieces(text, size))
    assert "".join(made) == text and all(len(piece) <= size for piece in made)


def test_pieces_are_cut_between_sentences_and_a_text_without_spaces_anywhere() -> None:
    made = list(pieces("One two. " * 40_000))
    assert len(made) > 3 and all(piece.endswith(". ") for piece in made)
    assert [len(piece) for piece in pieces("x" * (2 * PIECE + 1))] == [PIECE, PIECE, 1]


def test_a_document_is_split_where_sentences_end() -> None:
    said = "Dr. Smith went home.  He slept\nuntil noon!\n\n \n\nA heading\n\nAnd he ate."
    assert [" ".join(one.split()) for one in sentences(said, "en")] == [
        "Dr. Smith went home.",
        "He slept until noon!",
        "A heading",
        "And he ate.",
    ]


def taken(rows: list[dict[str, Any]], **declared: Any) -> tuple[list[str], Chosen]:
    chosen = Chosen(Settings.of(declared))
    return [row["id"] for row in rows if chosen.takes(row)], chosen


def rows(*names: str | None, count: int = 1) -> list[dict[str, Any]]:
    return [{"id": f"x:{n}:{name}", "group": name} for n in range(count) for name in names]


def test_a_smaller_share_is_a_part_of_a_larger_one() -> None:
    documents = rows("Pile-CC", count=2000)
    small, large = (set(taken(documents, share=share)[0]) for share in (0.02, 0.06))
    assert small < large and 20 < len(small) < 65 and 85 < len(large) < 160
    assert taken(documents, share=0.02, share_seed=1)[0] != sorted(small)


def test_sources_are_taken_and_left_out_by_name() -> None:
    documents = rows("Pile-CC", "Github", "ArXiv", None)
    assert taken(documents)[0] == ["x:0:Pile-CC", "x:0:ArXiv", "x:0:None"]
    assert taken(documents, without=[])[0] == [row["id"] for row in documents]
    assert taken(documents, without=["ArXiv"])[0] == ["x:0:Pile-CC", "x:0:Github", "x:0:None"]
    assert taken(documents, sources=["Github"])[0] == ["x:0:Github"], "the default leaves out no source that is named"
    assert taken(documents, sources=["Github", "ArXiv"], without=["Github"])[0] == ["x:0:ArXiv"]


def test_a_source_that_is_nowhere_is_named_with_what_was_meant() -> None:
    assert source_problem(["Githib"], ["Pile-CC"]) == "no document is of a source 'Githib'; did you mean 'Github'?"
    assert source_problem(["Owrs"], ["Ours", "Github"]) == "no document is of a source 'Owrs'; did you mean 'Ours'?"
    assert source_problem(["Qq"], ["Pile-CC"]) == "no document is of a source 'Qq'; choose from: Pile-CC"
    assert source_problem(["Qq"], ["Pile-CC"], whole=False) is None, "it may still come"
    assert source_problem(["FreeLaw", "Mine"], ["Mine"]) is None
    with pytest.raises(DataError, match="no document is of a source 'Githib'"):
        taken(rows("Pile-CC"), without=["Githib"])[1].prove()


def test_defaults_that_do_not_occur_are_fine_but_a_corpus_needs_a_document() -> None:
    taken(rows("Pile-CC"))[1].prove()
    with pytest.raises(DataError, match=r"the 3 documents are of Github \(2\), EuroParl \(1\): change `sources`"):
        taken(rows("Github", "EuroParl", "Github"))[1].prove()
    with pytest.raises(DataError, match="share 1e-09 draws none of the 1 documents; raise it"):
        taken(rows("Pile-CC"), share=1e-9)[1].prove()


def test_sources_that_name_each_document_anew_do_not_fill_the_memory() -> None:
    _, chosen = taken([{"id": str(n), "group": str(n)} for n in range(20_000)])
    assert len(chosen.met) == 10_000 and chosen.of_sources == 20_000


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 12)), max_size=6), st.integers(1, 9))
def test_what_occurred_before_is_found_whatever_the_buckets(parts: list[list[int]], bucket: int) -> None:
    import tempfile

    every, seen, expected = [one for part in parts for one in part], set[int](), []
    for one in every:
        expected.append(one in seen)
        seen.add(one)
    with tempfile.TemporaryDirectory() as folder:
        arrays = [np.array([digest(str(one)) for one in part], dtype=np.uint64) for part in parts]
        marks = repeated(arrays, len(every), Path(folder), bucket)
        assert not list(Path(folder).iterdir())
    assert marks.of(0, len(every)).tolist() == expected
    assert marks.of(len(every) // 2, len(every) - len(every) // 2).tolist() == expected[len(every) // 2 :]
