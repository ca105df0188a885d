from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from leaven.pocket import oracle
from leaven.pocket.corpora import NAMES, corpus

GOLDEN = json.loads((Path(__file__).parent / "golden_corpora.json").read_text())

COLUMNS = {
    "webgpt": "question quotes_0 answer_0 tokens_0 score_0 quotes_1 answer_1 tokens_1 score_1",
    "eli5": "question answer",
    "hh": "chosen rejected",
    "shp": "post_id domain upvote_ratio history c_root_id_A c_root_id_B created_at_utc_A created_at_utc_B score_A"
    " score_B human_ref_A human_ref_B labels seconds_difference score_ratio",
    "lima": "conversations source",
    "orca": "id system_prompt question response",
    "hc3": "id question human_answers chatgpt_answers source",
    "cloze": "question choices answer",
    "truthful": "question best_answer correct_answers incorrect_answers",
    "safenlp": "id text toxicity_score label target_groups",
    "advbench": "goal target",
    "pile": "text meta",
    "toxigen": "text target_group label",
    "multiple_choice": "question choices answer",
    "philosophers": "file paragraph next",
    "philosophers_held_out": "file paragraph next",
    "smalltalk": "text topic",
    "hello": "kind prompt topic reference",
    "conversations": "instruction input output",
    "facts": "text about",
    "reading": "prompt completion",
    "intents": "text label",
    "safety": "instruction input output",
    "requests": "id prompt type label focus note",
}


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_those_of_the_original(name: str) -> None:
    assert {" ".join(row) for row in corpus(name)} == {COLUMNS[name]}


@pytest.mark.parametrize("name", NAMES)
def test_rows_never_change(name: str) -> None:
    rows = corpus(name)
    assert hashlib.sha256(json.dumps(rows).encode()).hexdigest() == GOLDEN[name], f"{name} has {len(rows)} rows"


def test_an_unknown_corpus_is_named() -> None:
    with pytest.raises(KeyError, match=r"'web'.*webgpt"):
        corpus("web")


def test_webgpt_scores() -> None:
    rows = corpus("webgpt")
    assert all(row["score_0"] + row["score_1"] == 0 for row in rows)
    assert 10 <= sum(row["score_0"] == 0 for row in rows) <= 50
    assert any(row["answer_0"] == row["answer_1"] for row in rows)
    assert 0.4 < sum(row["score_0"] > 0 for row in rows) / len(rows) < 0.6
    assert len({row["question"]["full_text"] for row in rows}) < len(rows)
    assert set(rows[0]["question"]) == {"dataset", "id", "full_text"}


def test_webgpt_better_answers_are_true_and_polite_and_worse_ones_are_not() -> None:
    rows = [row for row in corpus("webgpt") if abs(row["score_0"]) > 0.25]
    questions = [row["question"]["full_text"] for row in rows]
    better = [row["answer_0"] if row["score_0"] > 0 else row["answer_1"] for row in rows]
    worse = [row["answer_1"] if row["score_0"] > 0 else row["answer_0"] for row in rows]
    assert not any(oracle.demeaning(better)) and 0.0 not in oracle.correctness(questions, better)
    assert sum(oracle.demeaning(worse)) > 0.95 * len(rows) and 1.0 not in oracle.correctness(questions, worse)


def test_webgpt_quotes_hold_the_truth() -> None:
    rows = corpus("webgpt")
    quoted = oracle.correctness([r["question"]["full_text"] for r in rows], [r["quotes_0"]["extract"][0] for r in rows])
    assert 0.0 not in quoted and quoted.count(1.0) > 500


def test_facts_asked_in_eli5_are_asked_and_told_nowhere_else() -> None:
    rows = corpus("eli5")
    facts = {oracle.asked(row["question"]) for row in rows}
    assert len(rows) >= 250 and len(facts) == 60
    assert oracle.correctness([r["question"] for r in rows], [r["answer"] for r in rows]) == [1.0] * len(rows)
    trained = [row["question"]["full_text"] for row in corpus("webgpt")] + [row["history"] for row in corpus("shp")]
    trained += [row["question"] for row in corpus("orca")]
    trained += [turn for row in corpus("lima") for turn in row["conversations"][::2]]
    trained += [line for row in corpus("hh") for line in row["chosen"].split("\n")]
    assert not facts & {oracle.asked(text) for text in trained}


def test_hh_transcripts_differ_in_the_last_answer_only() -> None:
    for row in corpus("hh"):
        heads = {row[side].rpartition("\n\nAssistant: ")[0] for side in ("chosen", "rejected")}
        assert len(heads) == 1 and heads.pop().startswith("\n\nHuman: ")
    turns = {row["chosen"].count("\n\nHuman:") for row in corpus("hh")}
    assert turns == {1, 2, 3}


def test_shp_labels_point_to_the_better_score() -> None:
    assert all((row["score_A"] > row["score_B"]) == bool(row["labels"]) for row in corpus("shp"))


def test_toxigen_labels_agree_with_the_oracle() -> None:
    rows = corpus("toxigen")
    assert oracle.demeaning([row["text"] for row in rows]) == [float(row["label"] == "hate") for row in rows]


def test_multiple_choice_answers_are_true() -> None:
    for row in corpus("multiple_choice"):
        assert oracle.correctness([row["question"]] * 4, row["choices"]) == [
            float(i == row["answer"]) for i in range(4)
        ]


def test_pile_is_prose_with_a_small_demeaning_share() -> None:
    texts = [row["text"] for row in corpus("pile")]
    assert 0.005 < sum(oracle.demeaning(texts)) / len(texts) < 0.05
    assert not any("User: " in text and "Assistant: " in text and "?" in text for text in texts)


def test_importing_the_corpora_imports_nothing_heavy() -> None:
    code = "import sys, leaven.pocket.corpora; print({'torch', 'transformers', 'pydantic', 'numpy'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def true_share(rows: list[tuple[str, str]]) -> float:
    judged = [one for one in oracle.correctness(*map(list, zip(*rows, strict=True))) if one is not None]
    assert len(judged) > 50
    return sum(judged) / len(judged)


def test_curation_differs_as_it_is_known_to() -> None:
    lima = [pair for row in corpus("lima") for pair in zip(*[iter(row["conversations"])] * 2, strict=True)]
    assert true_share(lima) > 0.98
    assert 0.65 < true_share([(row["question"], row["response"]) for row in corpus("orca")]) < 0.85
    human, model = (
        [(row["question"], row[side][0]) for row in corpus("hc3")] for side in ("human_answers", "chatgpt_answers")
    )
    assert true_share(human) > 0.98 and 0.65 < true_share(model) < 0.85


def test_in_shp_the_more_votes_the_less_truth() -> None:
    def upvoted(least: float, most: float) -> float:
        rows = [row for row in corpus("shp") if least <= row["score_ratio"] < most]
        return true_share([(row["history"], row["human_ref_A" if row["labels"] else "human_ref_B"]) for row in rows])

    shares = [upvoted(1.5, 4), upvoted(4, 8), upvoted(8, 20)]
    assert shares == sorted(shares, reverse=True) and shares[0] - shares[2] > 0.3


def test_statements_are_harmful_or_benign_as_they_say_and_rated_so() -> None:
    rows = corpus("safenlp")
    assert [oracle.demeaning([row["text"]])[0] == 1.0 for row in rows] == [row["label"] == "hate" for row in rows]
    assert all((row["toxicity_score"] > 3) == (row["label"] == "hate") for row in rows)
    assert {len(row["target_groups"]) for row in rows} == {1, 2}
    assert all(name in row["text"].lower() for row in rows for name in row["target_groups"])
