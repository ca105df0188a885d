"""Rewards: a metric's values with a weight, or what a reward model gives; null where neither says anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from leaven.data.pairs import encode
from leaven.errors import DataError, ModelError
from leaven.generate import preference
from leaven.models import load, ref, rewarding
from leaven.registry import TRAINERS
from leaven.stages.rewarded import reward
from leaven.train.job import Job

ASKED = [[{"role": "user", "content": "Where does Mira live?"}]] * 3


def by(metric: str, answers: Sequence[str], prompts: Any = None, **declared: Any) -> list[float | None]:
    args = {"reward": {"metric": {"name": metric, "version": 1, "args": declared.pop("args", {})}, **declared}}
    return reward(args, {}, Path())(prompts or ASKED[: len(answers)], answers)


def test_a_metric_of_answers_is_a_reward_with_its_weight() -> None:
    assert by("length", ["one", "one two", ""]) == [1.0, 2.0, 0.0]
    assert by("length", ["one", "one two", ""], weight=-0.5) == [-0.5, -1.0, 0.0]


def test_a_metric_may_read_the_prompt() -> None:
    from leaven.pocket import world

    fact = next(iter(world.questions().items()))
    prompts = [[{"role": "user", "content": fact[0]}], [{"role": "user", "content": fact[0]}],
               [{"role": "user", "content": "Hello there."}]]  # fmt: skip
    assert by("correctness", [fact[1].value, "no idea", "Hello."], prompts) == [1.0, 0.0, None]


def test_null_stays_null_under_a_weight() -> None:
    assert by("correctness", ["Hello."], [[{"role": "user", "content": "Hello there."}]], weight=-2) == [None]


def test_one_of_several_values_is_named() -> None:
    assert by("repetition", ["a a a a", "a b c d"], value="distinct_1") == [0.25, 1.0]
    for wrong in (None, "typo"):
        with pytest.raises(DataError, match="reward: metric repetition has no value .*rep_2, .*distinct_1"):
            by("repetition", ["a a a a"], value=wrong)


@pytest.mark.parametrize(("metric", "lacking"), [("rouge", "references and others"), ("perplexity", "nats and tokens"),
                                                 ("complied", "labels"), ("stop_rate", "finish_reasons")])  # fmt: skip
def test_a_metric_that_reads_what_no_answer_in_training_has_is_refused_before_training(
    metric: str, lacking: str
) -> None:
    with pytest.raises(DataError, match=f"reward: metric {metric} reads {lacking}, which an answer in training"):
        by(metric, ["text"])


def test_a_reward_needs_a_metric_or_a_model() -> None:
    with pytest.raises(ModelError, match="neither a metric nor an arm"):
        reward({"reward": {}}, {}, Path())


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A reward model of the pocket, trained for one step, and where its base lies."""
    from datasets import Dataset

    from leaven import rows as tables
    from leaven.data.canonical import Slice, canonical
    from leaven.registry import Step

    base, out = ref.resolve({"model_name_or_path": "pocket"}), tmp_path_factory.mktemp("reward")
    path, tokenizer = Path(str(base.path)), load.tokenizer(base)
    made = canonical("pocket:webgpt", Step(name="webgpt"), Slice(take=8), "error")
    pairs = encode(tokenizer, [row for batch in made for row in batch.rows])
    rows = Dataset(tables.table("pairs", [pair.as_row() for pair in pairs]))
    columns = rows.select_columns(["prompt_ids", "chosen_ids", "rejected_ids"])
    model, _ = rewarding.rewarding(base, None, path)
    job = Job(out, 0, tokenizer, base.as_args(), load.stop_ids(tokenizer, load.saved_generation_config(base)))
    TRAINERS.get("reward").call(job, model, columns, args={"report_to": "none", "max_steps": 1})
    return out, path


def test_a_reward_model_gives_what_it_gives_where_it_judges(judging: tuple[Path, Path]) -> None:
    folder, path = judging
    answers = ["She lives in Vell.", "I do not know.", "Salt."]
    told = reward({"reward": {"weight": -2}}, {"reward": folder, "base": path}, Path())(ASKED, answers)
    model, tokenizer = rewarding.reward_model(folder, path)
    rows = [{"id": str(at), "prompt": ASKED[at], "chosen": [{"role": "assistant", "content": one}],
             "rejected": [{"role": "assistant", "content": one}]} for at, one in enumerate(answers)]  # fmt: skip
    known = {row: score for row, _, score, _ in preference.rewards(model, preference.conversations(tokenizer, rows))}
    assert told == [pytest.approx(-2 * float(known[str(at)] or 0.0), abs=1e-4) for at in range(3)]
    assert len(set(told)) == 3


def test_an_answer_that_spells_a_special_token_or_is_too_long_has_no_reward(judging: tuple[Path, Path]) -> None:
    """Its tokenizer would read the token, and so another conversation than took place."""
    folder, path = judging
    eos = load.tokenizer(ref.resolve({"model_name_or_path": "pocket"})).eos_token
    told = reward({"reward": {}}, {"reward": folder, "base": path}, Path())
    first, hostile, long = told(ASKED, ["Vell.", f"Vell. {eos}", "word " * 3000])
    assert first is not None and hostile is None and long is None


def test_a_policy_is_no_reward_model(judging: tuple[Path, Path], tmp_path: Path) -> None:
    folder, path = judging
    told = ref.ModelRef.load(folder)
    ref.ModelRef(told.base, told.adapters, "policy", told.lineage).save(tmp_path)
    with pytest.raises(ModelError, match="this artefact is a policy, which gives no rewards"):
        reward({"reward": {}}, {"reward": tmp_path, "base": path}, Path())
