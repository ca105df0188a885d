"""The verbs of preferences on the pocket: pairs asked, verdicts by a policy and by a reward model, and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.errors import DataError
from leaven.generate import likelihood
from leaven.models import load, ref
from leaven.registry import METRICS, SUITES
from leaven.stages import speaker

COUNT = 12


@pytest.fixture(scope="module")
def base() -> ref.Base:
    return ref.resolve({"model_name_or_path": "pocket"})


@pytest.fixture(scope="module")
def asked(base: ref.Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of some of the pocket's pairs, as they are asked about."""
    folder = tmp_path_factory.mktemp("pairs")
    made = {name: folder / name for name in ("rows", "asked")}
    for one in made.values():
        one.mkdir()
    format_used = {"name": "hh", "args": {}}
    source = {"source": "pocket:hh", "identity": "pocket:hh@1", "format": format_used, "take": COUNT}
    stages.rows(source, {}, made["rows"])
    stages.asked_pairs({}, {"rows": made["rows"]}, made["asked"])
    return made["asked"]


def scored(asked: Path, verdicts: Path, out: Path, **args: Any) -> dict[str, float | None]:
    out.mkdir()
    metric = METRICS.get("preference_accuracy").canonical(args)
    stages.score({"metric": metric}, {"prompts": asked, "verdicts": verdicts}, out)
    lines = tables.read(out / "scores.parquet").to_pylist()
    return {line["row_id"]: line["value"] for line in lines}


def test_a_language_model_judges_by_likelihood(base: ref.Base, asked: Path, tmp_path: Path) -> None:
    made = tmp_path / "verdicts"
    made.mkdir()
    facts = stages.verdicts({"model": base.as_args()}, {"prompts": asked, "base": Path(str(base.path))}, made)
    rows, told = (tables.read(path).to_pylist() for path in (asked / "rows.parquet", made / "verdicts.parquet"))
    assert (facts["rows"], facts["unscored"], facts["judged_by"]) == (len(rows), 0, "log-probabilities")
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    want = {}
    for row in rows:
        means = []
        for side in ("chosen", "rejected"):
            reading = likelihood.readings(tokenizer, [{**row, "completion": row[side]}])
            (one,) = likelihood.read(model, 0, reading)
            means.append(-one["nats"] / one["tokens"])
        want[row["id"]] = float(means[0] > means[1])
    assert [one["id"] for one in told] == [row["id"] for row in rows]
    assert scored(asked, made, tmp_path / "scores") == want
    assert scored(asked, made, tmp_path / "sums", normalize="none") != want, "sums like the shorter answer"


def test_a_reward_model_judges_by_rewards(
    base: ref.Base, asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    tokenizer = load.tokenizer(base)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_labels=1, pad_token_id=tokenizer.pad_token_id, initializer_range=0.5,
    )  # fmt: skip
    model = LlamaForSequenceClassification(config)
    monkeypatch.setattr(speaker, "judge", lambda args, inputs: (model, tokenizer, True), raising=False)
    made = tmp_path / "verdicts"
    made.mkdir()
    facts = stages.verdicts({}, {"prompts": asked}, made)
    told = tables.read(made / "verdicts.parquet").to_pylist()
    assert facts["judged_by"] == "rewards"
    assert {one["chosen_tokens"] for one in told} | {one["rejected_tokens"] for one in told} == {None}
    want = {one["id"]: float(one["chosen"] > one["rejected"]) for one in told}
    assert 0 < sum(want.values()) < len(want)
    assert scored(asked, made, tmp_path / "scores") == want


def folder_of(tmp_path: Path, kind: str, rows: list[dict[str, Any]]) -> dict[str, Path]:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    tables.write(tmp_path / "in" / "rows.parquet", kind, rows)
    return {"rows": tmp_path / "in"}


def pair(chosen: str, rejected: str) -> dict[str, Any]:
    said = {
        name: [{"role": "assistant", "content": text}] for name, text in (("chosen", chosen), ("rejected", rejected))
    }
    return {"id": chosen + rejected, "prompt": [{"role": "user", "content": "q"}], **said}


def test_pairs_without_a_preference_or_a_group_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 x chosen and rejected are equal"):
        stages.asked_pairs({}, folder_of(tmp_path, "preferences", [pair("a", "a")]), tmp_path / "out")
    inputs = {"rows": tmp_path / "in"}
    tables.write(tmp_path / "in" / "rows.parquet", "preferences", [pair("a", "b"), pair("a", "a")])
    with pytest.raises(DataError, match="no row says which group.*by: length_difference"):
        stages.asked_pairs({"by": "group"}, inputs, tmp_path / "out")
    facts = stages.asked_pairs({}, inputs, tmp_path / "out")
    assert (facts["rows_in"], facts["rows"], facts["drops"]) == (2, 1, {"chosen and rejected are equal": 1})
    assert tables.read(tmp_path / "out" / "rows.parquet").column("group").to_pylist() == ["similar length"]


def test_demonstrations_are_refused(tmp_path: Path) -> None:
    row = {
        "id": "e",
        "prompt": [{"role": "user", "content": "q"}],
        "completion": [{"role": "assistant", "content": "a"}],
    }
    with pytest.raises(DataError, match="two answers to a prompt"):
        stages.asked_pairs({}, folder_of(tmp_path, "examples", [row]), tmp_path / "out")


def test_the_suite_is_a_declaration() -> None:
    made = SUITES.get("preferences").call(args={"data": "pairs"})
    assert (made.name, made.data, [step.name for step in made.metrics], made.by) == (
        "pairs", "pairs", ["preference_accuracy"], None,
    )  # fmt: skip
    flows = set(METRICS.get("preference_accuracy").flows) | set(METRICS.get("reward_margin").flows)
    assert flows <= set(SUITES.get("preferences").traits["gives"])
