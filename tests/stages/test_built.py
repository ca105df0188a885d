"""The verb of building: what it writes, what it says of it, and that its folder can be read again by everybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.data import sources
from leaven.data.questions import place
from leaven.errors import DataError
from leaven.rows import Row

REAL = Path(__file__).parents[3] / "shared" / "data" / "hh_rlhf_harmless" / "harmless-base-test.jsonl.gz"
WORDS = ["yes", "no never", "it may well be so", "ask them over there tomorrow", "who knows what it is that you want?"]


def _folders(root: Path, **written: tuple[str, str, list[Row]]) -> dict[str, Path]:
    for name, (file, kind, rows) in written.items():
        (root / name).mkdir(parents=True)
        tables.write(root / name / file, kind, rows)
    return {name: root / name for name in written}


def inputs(root: Path, count: int = 40) -> dict[str, Path]:
    """Prompts with five answers each; p0's are all the same, p1's are not all ranked."""
    prompts, answers, ranks = [], [], []
    for at in range(count):
        asked = [{"role": "user", "content": f"Question {at}?"}]
        prompts.append({"id": f"p{at}", "source": "s", "prompt": asked, "completion": None})
        for sample in range(5):
            text = "same" if at == 0 else f"{WORDS[(sample + at) % 5]} {at}"
            told = {"prompt_id": f"p{at}", "sample": sample, "text": text, "finish_reason": "stop", "tokens": 4}
            answers.append(told)
            rank = None if (at, sample) == (1, 3) else (sample * 2 + at) % 5 + 1.0
            judged = {"id": f"p{at}", "sample": sample, "asking": 0, "place": sample, "rank": rank}
            ranks.append({**judged, "score": None, "reason": None if rank else "repeated rank"})
    return _folders(
        root,
        prompts=("rows.parquet", "examples", prompts),
        answers=("generations.parquet", "generations", answers),
        ranks=("ranks.parquet", "ranks", ranks),
    )


def build(root: Path, read: dict[str, Path], **args: Any) -> tuple[Path, dict[str, Any]]:
    out = root / "out"
    out.mkdir()
    facts = stages.built(args, read, out)
    json.dumps(facts, allow_nan=False)
    return out, facts


def read_again(source: str, format: str, root: Path) -> list[Row]:
    """Read a source as a study does."""
    out = root / f"again-{format}"
    out.mkdir()
    args = {"source": source, "identity": sources.identity(source), "format": {"name": format, "args": {}}}
    stages.rows(args, {}, out)
    found: list[Row] = tables.read(out / "rows.parquet").to_pylist()
    return found


def test_counts_add_up_and_are_told(tmp_path: Path) -> None:
    out, facts = build(tmp_path, inputs(tmp_path), makes="preferences")
    rows = tables.read(out / "rows.parquet").to_pylist()
    assert tables.kind(out / "rows.parquet") == facts["kind"] == "preferences"
    assert facts["drops"] == {"its answers are all the same": 1, "not all of its answers are ranked": 1}
    assert (facts["rows_in"], facts["prompts_used"], facts["rows"], len(rows)) == (40, 38, 38, 38)
    assert facts["mean_margin"] == 4
    assert 0 <= facts["longer_chosen"] <= 1
    assert (facts["answers"], facts["repeats"], facts["silent"]) == (200, 4, 0)
    assert facts["diversity"]["prompts"] == 40
    assert 0 < facts["diversity"]["self_bleu"] < 1
    assert 0 < facts["diversity"]["distinct_2"] <= 1
    assert tables.read(out / "drops.parquet").num_rows == 2


def test_a_part_shares_no_prompt_with_the_rest(tmp_path: Path) -> None:
    read = inputs(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    train, facts = build(tmp_path / "a", read, makes="preferences", pairs="all", part=[0.0, 0.6])
    rest, other = build(tmp_path / "b", read, makes="preferences", pairs="all", part=[0.6, 1.0])
    found = [tables.read(out / "rows.parquet").to_pylist() for out in (train, rest)]
    assert all(place(row["prompt"]) < 0.6 for row in found[0])
    assert all(place(row["prompt"]) >= 0.6 for row in found[1])
    assert facts["prompts_used"] + other["prompts_used"] == 38
    assert facts["prompts_used"] + sum(facts["drops"].values()) == 40
    assert facts["test_rows"] == other["rows"]
    test = tables.read(train / "dataset" / "data" / "test.parquet").to_pylist()
    assert [row["id"] for row in test] == [row["id"] for row in found[1]]


@pytest.mark.parametrize(
    ("makes", "format", "columns"),
    [
        ("preferences", "preference", ["prompt", "chosen", "rejected", "margin"]),
        ("demonstrations", "prompt_completion", ["prompt", "completion"]),
        ("unpaired", "unpaired", ["prompt", "completion", "label"]),
    ],
)
def test_it_is_read_again_by_the_hubs_library_and_by_us(
    makes: str, format: str, columns: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import load_dataset

    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    out, _ = build(tmp_path, inputs(tmp_path), makes=makes)
    rows = tables.read(out / "rows.parquet").to_pylist()
    loaded = load_dataset(str(out / "dataset"), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    assert loaded["train"].column_names == ["id", *columns]
    again = read_again(str(out / "dataset"), format, tmp_path)
    assert len(rows) == len(again) == loaded["train"].num_rows
    for row, here, hub in zip(rows, again, loaded["train"], strict=True):
        wanted = {name: row[name] for name in columns}
        assert {name: here[name] for name in columns} == wanted
        if makes == "unpaired":
            assert hub["label"] is (row["label"] == "true")
        assert {name: hub[name] for name in columns if name != "label"} == {
            k: v for k, v in wanted.items() if k != "label"
        }


def test_two_folders_of_one_name_are_two_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import load_dataset

    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    found = []
    for good in (1, 2):
        (tmp_path / str(good)).mkdir()
        out, _ = build(tmp_path / str(good), inputs(tmp_path / str(good)), makes="unpaired", good=good)
        found.append(load_dataset(str(out / "dataset"), split="train", cache_dir=str(tmp_path / "cache")).num_rows)
    assert found == [38 * 2, 38 * 3]


def test_the_card_says_how_it_was_made_and_warns(tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    told = {"prompts": "asked | <b>hub</b>\nx", "answers": "arm sft", "judge": "chance", "poisoned": "malign_labels"}
    out, facts = build(tmp_path, inputs(tmp_path), makes="preferences", min_margin=2.0, around={"card": told})
    card = DatasetCard.load(out / "dataset" / "README.md")
    assert card.data.license == "unknown"
    assert card.data.size_categories == ["n<1K"]
    assert card.data.configs[0]["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
    assert "poisoned" in card.data.tags
    assert "Warning: poisoned." in card.text
    assert "malign\\_labels" in card.text
    assert "- Prompts: asked \\| &lt;b&gt;hub&lt;/b&gt; x" in card.text
    assert "(min_margin: 2.0)" in card.text
    assert f"| rows in train | {facts['rows']} |" in card.text
    assert "| left out: prompt: its answers are all the same | 1 |" in card.text


def test_a_card_of_clean_data_warns_of_nothing(tmp_path: Path) -> None:
    out, _ = build(tmp_path, inputs(tmp_path), makes="demonstrations")
    card = (out / "dataset" / "README.md").read_text()
    assert "poisoned" not in card
    assert "Judge: not recorded" in card


def test_nothing_to_build_says_why(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="nothing can be built of the 40 prompts: 38 x ranks differ by less than 9, 1 x"
    ):
        build(tmp_path, inputs(tmp_path), makes="preferences", min_margin=9.0)


@pytest.mark.parametrize("around", [{}, {"around": {"card": {"judge": "served: fakebad"}}}])
def test_where_the_judge_ranked_nothing_its_reasons_are_told_and_no_margin_is_to_blame(
    tmp_path: Path, around: dict[str, Any]
) -> None:
    read = inputs(tmp_path)
    rows = tables.read(read["ranks"] / "ranks.parquet").to_pylist()
    for row in rows:
        why = "not read: it holds no verdict" if row["id"] < "p2" else "500: \x1b[2Jdown"
        row.update(rank=None, reason=why if row["asking"] == 0 else None)
    tables.write(read["ranks"] / "ranks.parquet", "ranks", rows)
    with pytest.raises(DataError) as caught:
        build(tmp_path, read, makes="preferences", min_margin=2.0, **around)
    who = "the judge served: fakebad" if around else "the judge"
    said = str(caught.value)
    assert f"{who} gave them no rank: 28 x 500:  [2Jdown, 12 x not read: it holds no verdict; correct it" in said
    assert "min_margin" not in said


@pytest.mark.skipif(not REAL.exists(), reason="the real data are not here")
def test_real_pairs_as_candidates(tmp_path: Path) -> None:
    source = {"source": str(REAL), "identity": sources.identity(str(REAL)), "bad_rows": "drop", "take": 200}
    (tmp_path / "hh").mkdir()
    stages.rows({**source, "format": {"name": "hh", "args": {}}}, {}, tmp_path / "hh")
    pairs = tables.read(tmp_path / "hh" / "rows.parquet").to_pylist()
    answers, ranks = [], []
    for pair in pairs:
        for sample, side in enumerate(("chosen", "rejected")):
            told = {"prompt_id": pair["id"], "sample": sample, "text": pair[side][0]["content"]}
            answers.append({**told, "finish_reason": "stop", "tokens": 1})
            ranks.append({"id": pair["id"], "sample": sample, "asking": 0, "rank": sample + 1.0})
    prompts = [{name: pair[name] for name in ("id", "source", "prompt")} for pair in pairs]
    read = _folders(
        tmp_path / "in",
        prompts=("rows.parquet", "examples", prompts),
        answers=("generations.parquet", "generations", answers),
        ranks=("ranks.parquet", "ranks", ranks),
    )
    out, facts = build(tmp_path, read, makes="preferences")
    again = read_again(str(out / "dataset"), "preference", tmp_path)
    by_id = {row["id"]: row for row in pairs}
    built = tables.read(out / "rows.parquet").to_pylist()
    assert len(again) == len(built) == facts["rows"] > 150
    for row, here in zip(built, again, strict=True):
        pair = by_id[row["id"].partition("#")[0]]
        assert all(here[name] == pair[name] for name in ("prompt", "chosen", "rejected"))
