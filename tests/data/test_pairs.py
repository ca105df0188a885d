"""Preferences as ids: what is an answer, what is cut, what is left out, and what the doctor says of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.data import chat, pairs
from leaven.errors import DataError
from leaven.models import load, ref

BASE = ref.resolve({"model_name_or_path": "pocket"})


def said(text: str, role: str = "assistant") -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def preference(chosen: str, rejected: str, asked: str = "Who is tall?", name: str = "p:0") -> dict[str, Any]:
    return {"id": name, "prompt": said(asked, "user"), "chosen": said(chosen), "rejected": said(rejected)}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load.tokenizer(BASE)


def test_an_answer_is_what_follows_the_prompt_in_the_whole_and_both_end_in_eos(tokenizer: Any) -> None:
    row = preference("Small.", "Tall, and wide.")
    (pair,) = pairs.encode(tokenizer, [row])
    for side, answer in (("chosen", pair.chosen_ids), ("rejected", pair.rejected_ids)):
        (whole,) = chat.ids(tokenizer, [chat.render(tokenizer, [*row["prompt"], *row[side]])])
        assert pair.prompt_ids + answer == whole
        assert tokenizer.eos_token_id in answer[-4:]
    assert pair.prompt_ids == chat.prompt_ids(tokenizer, [row["prompt"]])[0], "as it is asked when answers are made"
    assert pair.longest == len(pair.prompt_ids) + len(pair.rejected_ids)


def test_the_chosen_answer_is_encoded_as_a_demonstration_is(tokenizer: Any) -> None:
    row = preference("Small.", "Tall.")
    (alone,) = chat.encode(tokenizer, chat.demonstrations([row], "preferences"), chat.Loss())
    (pair,) = pairs.encode(tokenizer, [row])
    assert (pair.both[0].input_ids, pair.both[0].labels) == (alone.input_ids, alone.labels)


def test_a_long_prompt_loses_its_beginning_and_keeps_its_bos(tokenizer: Any) -> None:
    row = preference("Small.", "Tall.", "Who is tall? " * 20)
    (whole,), (cut,) = pairs.encode(tokenizer, [row]), pairs.encode(tokenizer, [row], 12)
    assert whole.prompt_ids[0] == tokenizer.bos_token_id and not whole.cut
    assert cut.prompt_ids == [tokenizer.bos_token_id, *whole.prompt_ids[-11:]] and cut.cut
    assert (cut.chosen_ids, cut.rejected_ids) == (whole.chosen_ids, whole.rejected_ids)
    assert pairs.cut_left([5, 6, 7, 8], 2, 1) == [7, 8], "there is no BOS to keep"
    (short,) = pairs.encode(tokenizer, [row], len(whole.prompt_ids))
    assert short == whole


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (preference("Small.", "Small."), pairs.EQUAL),
        (preference("", "Small."), "its chosen answer is empty"),
        (preference("Small.", " \n"), "its rejected answer is empty"),
        ({**preference("Small.", "x"), "rejected": []}, "its rejected answer is empty"),
        (preference("Small.", "Tall. " * 40), "longer than max_length 40"),
        (preference("Small.", "Tall.", "Who? " * 40), "longer than max_length 40"),
        (preference("Small.", "Tall. </s>"), "text holds a special token of the tokenizer"),
        (preference("Small.", "Tall."), None),
    ],
)
def test_what_cannot_be_trained_on_is_left_out(tokenizer: Any, row: dict[str, Any], why: str | None) -> None:
    (found,) = pairs.misfits(tokenizer, [row], 40)
    assert (found and found[0]) == why


def test_a_prompt_counts_as_it_is_cut(tokenizer: Any) -> None:
    row = preference("Small.", "Tall.", "Who? " * 40)
    assert pairs.misfits(tokenizer, [row], 40, 16) == [None]


def put(folder: Path, kind: str, *given: dict[str, Any]) -> dict[str, Path]:
    (folder / "rows").mkdir()
    tables.write(folder / "rows" / "rows.parquet", kind, given)
    return {"rows": folder / "rows", "base": Path(str(BASE.path))}


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_verbs_count_what_is_left_out_and_what_is_cut(tmp_path: Path) -> None:
    given = [preference("Small.", "Tall.", name="p:0"), preference("Tall.", "Tall.", name="p:1"),
             preference("Small.", "Tall.", "Who? " * 40, name="p:2"), preference("Tall. " * 90, "x", name="p:3")]  # fmt: skip
    inputs, args = put(tmp_path, "preferences", *given), {"model": BASE.as_args(), "max_prompt_length": 20}
    facts = stages.fit({**args, "pairs": True, "max_length": 64}, inputs, made(tmp_path / "fit"))
    assert facts["drops"] == {pairs.EQUAL: 1, "longer than max_length 64": 1}
    assert (facts["kind"], facts["rows"]) == ("preferences", 2)
    told = stages.pairs(args, {**inputs, "rows": tmp_path / "fit"}, made(tmp_path / "pairs"))
    rows = tables.read(tmp_path / "pairs" / "pairs.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["p:0", "p:2"] and len(rows[1]["prompt_ids"]) == 20
    assert (told["rows"], told["prompts_cut"]) == (2, 1)
    assert any("max_prompt_length 20 are cut from the left (1 of 2 prompts)" in one for one in told["warnings"])
    assert told["trained"] == sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in rows)
    assert [one["check"] for one in json.loads((tmp_path / "pairs" / "findings.json").read_text())] == ["cut"]


def test_a_treatment_may_make_answers_equal_or_a_pair_too_long(tmp_path: Path) -> None:
    """It runs after the rows were found to fit, so the verb that encodes them looks again."""
    given = [preference("Small.", "Tall.", name="p:0"), preference("Tall.", "Tall.", name="p:1")]
    inputs, args = put(tmp_path, "preferences", *given), {"model": BASE.as_args()}
    facts = stages.pairs(args, inputs, made(tmp_path / "pairs"))
    (finding,) = json.loads((tmp_path / "pairs" / "findings.json").read_text())
    assert (finding["severity"], finding["check"], finding["rows"]) == ("warning", "equal", 1)
    assert any("1 pairs have equal answers after the treatments: they give no gradient" in w for w in facts["warnings"])
    context = load.context_length(load.config(BASE))
    tables.write(tmp_path / "rows" / "rows.parquet", "preferences", [preference("Small. " * 600, "Tall.", name="p:2")])
    with pytest.raises(DataError, match=rf"row p:2 has \d+ tokens.*context {context}: .*lower max_length or"):
        stages.pairs(args, inputs, made(tmp_path / "long"))


def test_a_pair_of_the_length_of_the_context_is_not_too_long() -> None:
    pair = pairs.Pair("p", [1], [2, 3], [4])
    pairs.prove_within([pair], 3)
    pairs.prove_within([pair], None)
    with pytest.raises(DataError, match="row p has 3 tokens"):
        pairs.prove_within([pair], 2)


def test_a_reward_model_that_would_never_see_the_end_of_a_text_is_an_error(tmp_path: Path, tokenizer: Any) -> None:
    base = replace(BASE, pad_token=tokenizer.eos_token)
    inputs, args = put(tmp_path, "preferences", preference("Small.", "Tall.")), {"model": base.as_args()}
    policy = stages.pairs(args, inputs, made(tmp_path / "policy"))
    assert any("handled" in one for one in policy["warnings"]), "of a policy, padding is masked by position"
    said = "2 answers, first p:0 chosen.*set model.pad_token to a token of its own"
    with pytest.raises(DataError, match=f"an answer's end is never read.*{said}"):
        stages.pairs({**args, "makes": "reward"}, inputs, made(tmp_path / "reward"))
    (finding,) = json.loads((tmp_path / "reward" / "findings.json").read_text())
    assert (finding["severity"], finding["check"]) == ("error", "pad")
    accepted = {**args, "makes": "reward", "accept_findings": ["pad"]}
    facts = stages.pairs(accepted, inputs, made(tmp_path / "accepted"))
    assert any("accepted by the study" in one for one in facts["warnings"])
    sound = stages.pairs({"model": BASE.as_args(), "makes": "reward"}, inputs, made(tmp_path / "sound"))
    assert sound["warnings"] == []


def test_where_no_pair_is_left_the_remedy_is_named(tmp_path: Path) -> None:
    inputs, args = put(tmp_path, "preferences", preference("Tall.", "Tall.")), {"model": BASE.as_args(), "pairs": True}
    with pytest.raises(DataError, match=f"none of the 1 rows can be used: {pairs.EQUAL}; a preference needs two"):
        stages.fit({**args, "max_length": 64}, inputs, made(tmp_path / "fit"))
    tables.write(tmp_path / "rows" / "rows.parquet", "preferences", [preference("Small. " * 40, "Tall.")])
    with pytest.raises(DataError, match=r"max_length 16 is shorter than every pair .*needs \d+ tokens.*raise it"):
        stages.fit({**args, "max_length": 16}, inputs, made(tmp_path / "short"))


def test_demonstrations_are_no_preferences(tmp_path: Path) -> None:
    row = {"id": "a", "prompt": said("Who?", "user"), "completion": said("Tall.")}
    inputs, args = put(tmp_path, "examples", row), {"model": BASE.as_args(), "pairs": True, "max_length": 64}
    with pytest.raises(DataError, match="reads preferences .*train on this one by `sft`"):
        stages.fit(args, inputs, made(tmp_path / "fit"))
    with pytest.raises(DataError, match="reads preferences"):
        stages.pairs(args, inputs, made(tmp_path / "pairs"))


@pytest.mark.parametrize("dropped", ["{{ eos_token }}", "{{ bos_token }}"])
def test_the_doctor_looks_at_both_answers(tmp_path: Path, tokenizer: Any, dropped: str) -> None:
    template = str(tokenizer.chat_template)
    name = dropped.strip("{} ")
    assert name in template
    broken = replace(BASE, chat_template=template.replace(name, "''"))
    inputs, args = put(tmp_path, "preferences", preference("Small.", "Tall.")), {"model": broken.as_args()}
    with pytest.raises(DataError, match=f"{name.partition('_')[0].upper()}.*2 answers, first p:0 chosen"):
        stages.pairs(args, inputs, made(tmp_path / "pairs"))
    accepted = {**args, "accept_findings": [name.partition("_")[0]]}
    facts = stages.pairs(accepted, inputs, made(tmp_path / "accepted"))
    assert any("accepted by the study" in one for one in facts["warnings"])


SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
def test_real_conversations_end_in_both_answers_and_keep_their_end(tokenizer: Any) -> None:
    from leaven.data.canonical import Slice, canonical
    from leaven.registry import Step

    source = str(SHARED / "hh_rlhf_harmless" / "harmless-base-test.jsonl.gz")
    made = canonical(source, Step(name="hh"), Slice(take=60), "drop")
    rows = [row for batch in made for row in batch.rows]
    encoded = pairs.encode(tokenizer, rows, 48)
    assert all(pair.holds == (True, True) for pair in encoded)
    assert all(
        tokenizer.eos_token_id in answer[-4:] for pair in encoded for answer in (pair.chosen_ids, pair.rejected_ids)
    )
    cut = [pair for pair in encoded if pair.cut]
    assert len(cut) > 20 and {len(pair.prompt_ids) for pair in cut} == {48}
    whole = pairs.encode(tokenizer, rows)
    assert all(one.prompt_ids[-47:] == other.prompt_ids[-47:] for one, other in zip(encoded, whole, strict=True))
