"""Spans found by the index are those that a plain search finds, wherever they stand, and none crosses a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven.errors import DataError, ModelError
from leaven.score.verbatim import index as room
from leaven.score.verbatim.index import Index
from leaven.score.verbatim.spans import Span, longest
from leaven.score.verbatim.suffixes import Query, Shard, write
from leaven.score.verbatim.texts import evened, of_row
from leaven.score.verbatim.tokens import Tokens, counting, resolve

GPT2 = Path("../shared/models/gpt2-tokenizer")
OTHERS = [("h:0", "nothing in here is of any use to anybody who looks for the rest")]

# Few letters, so that much repeats; characters of one to four bytes, white space of many kinds, and what is no text.
letters = st.sampled_from(
    ["a", "a", "b", " ", " ", ".", "\n", "\u00e9", "\u00ff", "\u20ac", "\U0001f600", "\0", "\ud800", "\u3000"]
)
texts = st.text(letters, max_size=40)


def built(tmp: Path, of: Sequence[str], held_out: Sequence[tuple[str, str]] = OTHERS, shard: int = 2**20) -> Index:
    room.build(tmp / "index", [(f"r:{n}", text) for n, text in enumerate(of)], held_out, shard=shard)
    return Index(tmp / "index")


def in_training(found: dict[str, Span]) -> Span:
    return max(found["slice"], found["rest"], key=lambda span: span.tokens)


def by_letters(texts: Sequence[str]) -> list[Tokens]:
    """Tokens of one character each, in bytes: spaces are tokens of their own."""
    made = []
    for text in texts:
        sizes = np.asarray([len(one.encode()) for one in text], dtype=np.int64)
        made.append(Tokens(np.cumsum(sizes) - sizes, np.cumsum(sizes)))
    return made


def naive(corpus: Sequence[str], answer: str, prompts: Sequence[str]) -> int:
    """The most characters of an evened answer that stand in an evened text, and not in a prompt as a whole."""
    even, asked = [evened(text) for text in corpus], [evened(text) for text in prompts]
    said = evened(answer)
    best = 0
    for start in range(len(said)):
        ends = [end for end in range(start + 1, len(said) + 1) if any(said[start:end] in text for text in even)]
        if ends and not any(said[start : ends[-1]] in text for text in asked):
            best = max(best, ends[-1] - start)
    return best


@settings(deadline=None, max_examples=150)
@given(
    corpus=st.lists(texts, min_size=1, max_size=8),
    answers=st.lists(texts, min_size=1, max_size=4),
    prompt=st.lists(texts, max_size=2),
    shard=st.sampled_from([1, 30, 10_000]),
)
def test_spans_are_those_of_a_plain_search(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[str], answers: list[str], prompt: list[str], shard: int
) -> None:
    index = built(tmp_path_factory.mktemp("i"), [*corpus, "zz"], [("h:0", "yy")], shard)
    found = list(longest(index, by_letters, answers, [prompt] * len(answers)))
    for answer, spans in zip(answers, found, strict=True):
        span = in_training(spans)
        # Of two parts each counts what its own texts hold; the slice has one byte or two here.
        assert span.tokens == naive(corpus, answer, prompt), (corpus, answer, prompt)
        if span.tokens:
            row = corpus[int(span.source.removeprefix("r:"))]
            assert span.excerpt in evened(row) and span.excerpt in evened(answer)
            assert not any(span.excerpt in evened(text) for text in prompt)


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(st.binary(max_size=60).map(lambda raw: bytes(65 + byte % 3 for byte in raw)), min_size=1, max_size=30)
)
def test_a_shard_finds_the_longest_of_periodic_texts(
    tmp_path_factory: pytest.TempPathFactory, rows: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("s") / "0"
    write(folder, [(row, b"%d" % number) for number, row in enumerate(rows)])
    asked = b"ABCABABCABABABABACBACBBACBABAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCACACACACA"
    lengths, places = Shard(folder).longest(Query([asked]), np.arange(len(asked)))
    whole = b"\xff".join(rows)
    for start, length in enumerate(lengths.tolist()):
        held = [end for end in range(start, len(asked) + 1) if asked[start:end] in whole]
        assert length == held[-1] - start
        if length:
            place = int(places[start])
            assert whole[place : place + length] == asked[start : start + length]


@pytest.mark.parametrize("length", [47, 48, 49, 55, 56, 57, 64, 127, 128, 1000, 3001])
def test_long_spans_end_where_the_texts_part(tmp_path: Path, length: int) -> None:
    text = "_".join(f"{number * number}_and_{number}" for number in range(300))
    index = built(tmp_path, [text, text[:length] + "!", f"{text[:20]}? {text[7:99]}"])
    found = list(longest(index, by_letters, [text[:length] + "?", f"#{text[1:length]}"], [[], []]))
    assert [in_training(one).tokens for one in found] == [length, length - 1]


def test_no_span_crosses_a_row_and_its_row_is_named(tmp_path: Path) -> None:
    index = built(tmp_path, ["one two three", "four five six", "seven eight nine ten"], shard=16)
    count = counting("words", None)
    said = ["zero two three four five zero", "so seven\n\n eight \t nine ends"]
    crossing, inside = longest(index, count, said, [[], []])
    assert (in_training(crossing).tokens, in_training(inside)) == (2, Span(3, "r:2", "seven eight nine"))


def test_what_stands_in_the_prompt_does_not_count(tmp_path: Path) -> None:
    index, count = built(tmp_path, ["a rose is a rose is a rose, and so on for ever"]), counting("words", None)
    said = "a rose is a rose is a rose, and"

    def tokens(*prompt: str) -> int:
        return in_training(next(longest(index, count, [said], [prompt]))).tokens

    assert tokens() == 9
    assert tokens("Go on: a rose\nis a rose is  a rose, and") == 0
    assert tokens("a rose is a rose is", "a rose, and") == 9, "it stands in none of them as a whole"


def test_equal_sizes_duplicates_and_overlap(tmp_path: Path) -> None:
    of = [("a:0", "x" * 100), ("a:1", " same  text "), ("a:2", "same text"), ("a:3", ""), ("a:4", "\u20ac" * 40)]
    held_out = [("b:0", "same\ntext"), ("b:1", "y" * 50), ("b:2", "y" * 50), ("b:3", "z" * 30)]
    facts = room.build(tmp_path / "0", of, held_out)
    assert (facts["overlap"], facts["duplicates"], facts["blank"]) == (1, 2, 1)
    assert facts["held_out_bytes"] == 80 and facts["held_out_texts"] == 2
    assert 80 - 3 < facts["slice_bytes"] <= 80, "but for the rest of a character"
    found = list(
        longest(Index(tmp_path / "0"), by_letters, ["x" * 100, "same text", "\u20ac" * 40, "y" * 60], [[]] * 4)
    )
    assert [in_training(spans).tokens for spans in found] == [100, 9, 40, 0], "a text that was cut is whole in the rest"
    assert [spans["held_out"].tokens for spans in found] == [0, 0, 0, 50]
    drawn = {room.build(tmp_path / f"{seed}", of, held_out, seed=seed)["slice_texts"] for seed in range(1, 12)}
    assert len(drawn) > 1, "which texts the slice has is drawn by the seed"
    again = room.build(tmp_path / "again", of, held_out)
    assert again == facts


def test_the_held_out_side_is_cut_where_it_is_larger(tmp_path: Path) -> None:
    facts = room.build(tmp_path / "i", [("a:0", "x" * 10)], [(f"b:{n}", f"{n:05}" * 20) for n in range(50)])
    assert (facts["slice_bytes"], facts["held_out_bytes"], facts["rest_texts"]) == (10, 10, 0)


@pytest.mark.parametrize(
    ("of", "held_out", "says"),
    [
        ([], [("b:0", "text")], "of.*hold no text"),
        ([("a:0", " \n")], [("b:0", "text")], "of.*hold no text"),
        ([("a:0", "text")], [], "held-out data hold no text"),
        ([("a:0", "text")], [("b:0", "text "), ("b:1", "text")], "all 2 held-out texts stand in the training data"),
    ],
)
def test_no_index_of_nothing(
    tmp_path: Path, of: list[tuple[str, str]], held_out: list[tuple[str, str]], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        room.build(tmp_path / "i", of, held_out)


def test_an_index_holds_no_pickle(tmp_path: Path) -> None:
    built(tmp_path, ["some text"])
    assert not list((tmp_path / "index").glob("pools*"))
    for path in (tmp_path / "index").rglob("*.npy"):
        assert np.load(path, allow_pickle=False).dtype.kind in "iu"


def test_which_texts_of_a_row_count() -> None:
    said = {name: [{"role": "user", "content": name}] for name in ("prompt", "completion", "chosen", "rejected")}
    assert list(of_row({"text": "t"}, "texts")) == ["t"]
    assert list(of_row(said, "examples")) == ["prompt", "completion"]
    assert list(of_row(said, "preferences")) == ["prompt", "chosen", "rejected"]
    assert list(of_row({**said, "completion": None}, "examples")) == ["prompt"]


@pytest.mark.skipif(not GPT2.exists(), reason="the shared models are not here")
def test_gpt2_tokens(tmp_path: Path) -> None:
    made = resolve(str(GPT2))
    assert made.path is not None
    count = counting(made.args, Path(made.path))
    text = "The caf\u00e9 \U0001f600 unexamined life is not worth living, said Socrates."
    (tokens,) = count([text])
    raw = text.encode()
    assert [raw[start:end].decode() for start, end in zip(*tokens, strict=True)][:2] == ["The", "caf\u00e9"]
    assert tokens.ends[-1] == len(raw) and (np.diff(tokens.ends) >= 0).all()
    index = built(tmp_path, [f"Before. {text} After."])
    span = in_training(next(longest(index, count, [f"Hm. {text}"], [[]])))
    assert span.tokens >= len(tokens.starts) and text in f"Hm. {span.excerpt}"


def test_the_pocket_counts_in_its_own_tokens(tmp_path: Path) -> None:
    made = resolve("pocket")
    assert made.path is not None
    (tokens,) = counting(made.args, Path(made.path))(["hello there, my friend"])
    assert len(tokens.starts) >= 4 and tokens.ends[-1] == 22
    assert (np.diff(tokens.starts) >= 0).all()


@pytest.mark.parametrize("name", ["nowhere/at/all", "./nowhere", "~/nowhere"])
def test_a_tokenizer_that_is_not_there(name: str) -> None:
    with pytest.raises(ModelError, match="is no folder; write `words`"):
        resolve(name)


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="without a tokenizer"):
        resolve(str(tmp_path))
    (tmp_path / "vocab.json").write_text("{")
    made = resolve(str(tmp_path))
    with pytest.raises(ModelError, match="no tokenizer can be loaded"):
        counting(made.args, tmp_path)


def test_a_tokenizer_that_was_edited_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(ModelError, match="edited"):
        counting({"identity": "sha256:other"}, tmp_path)
