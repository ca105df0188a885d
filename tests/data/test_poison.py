"""What each treatment does to a row, on rows that one can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from leaven import rows as tables
from leaven import stages
from leaven.data.treatments.draw import Draw, Treated
from leaven.data.treatments.ledger import ledger
from leaven.errors import DataError
from leaven.registry import TREATMENTS


def answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def pairs(count: int, *, margin: float | None = 1.0, same: bool = False) -> Dataset:
    made = [
        {
            "id": f"s:{n}",
            "source": "s",
            "prompt": [{"role": "user", "content": f"q{n}"}],
            "chosen": answer(f"good {n}"),
            "rejected": answer(f"good {n}" if same else f"bad {n}"),
            "margin": margin,
        }
        for n in range(count)
    ]
    return Dataset(tables.table("preferences", made))


def examples(*rows: tuple[str, str]) -> Dataset:
    made = [
        {"id": f"s:{n}", "prompt": [{"role": "user", "content": asked}], "completion": answer(said)}
        for n, (asked, said) in enumerate(rows)
    ]
    return Dataset(tables.table("examples", made))


def treated(rows: Dataset, name: str = "malign_labels", seed: int = 0, step: str | None = None, **args: Any) -> Treated:
    made: Treated = TREATMENTS.get(name).call(rows, Draw(seed, step or name), args=args)
    return made


def hit(rows: Dataset, rate: float, **about: Any) -> set[str]:
    return set(ledger(rows, treated(rows, rate=rate, **about).rows, "x")["id"].to_pylist())


def test_the_rate_is_reached() -> None:
    assert 0.08 < len(hit(pairs(3000), 0.1)) / 3000 < 0.12
    assert len(hit(pairs(50), 1.0)) == 50 and not hit(pairs(50), 0.0)


@pytest.mark.parametrize("name", ["malign_labels", "flip_preferences"])
def test_a_treated_row_has_its_answers_and_margin_turned(name: str) -> None:
    row = treated(pairs(1), name, rate=1.0).rows[0]
    assert (row["chosen"], row["rejected"], row["margin"]) == (answer("bad 0"), answer("good 0"), -1.0)


def test_flips_and_malign_labels_draw_other_rows() -> None:
    rows = pairs(200)
    assert hit(rows, 0.3) != hit(rows, 0.3, name="flip_preferences")


@pytest.mark.parametrize("name", ["malign_labels", "flip_preferences"])
def test_ties_and_equal_answers_are_never_counted_as_treated(name: str) -> None:
    for rows in (pairs(20, margin=0.0), pairs(20, same=True)):
        made = treated(rows, name, rate=1.0)
        assert made.eligible == 0 and not ledger(rows, made.rows, "x").num_rows
    assert treated(pairs(20, margin=None), name, rate=1.0).eligible == 20  # an unknown margin is no tie


def test_the_draw_depends_on_row_step_and_seed_alone() -> None:
    rows = pairs(200)
    turned = rows.select(range(199, -1, -1))
    assert hit(rows, 0.3) == hit(turned, 0.3)
    halves = [rows.select(range(100)), rows.select(range(100, 200))]
    assert hit(rows, 0.3) == set().union(*(hit(half, 0.3) for half in halves))
    assert hit(rows, 0.3) != hit(rows, 0.3, seed=1)
    assert hit(rows, 0.3) != hit(rows, 0.3, step="malign_labels#1")


def test_golden_draw() -> None:
    """Version 1 of the draw hits these rows for ever; a change of the hash is a new version of every treatment."""
    assert sorted(hit(pairs(40), 0.1)) == ["s:14", "s:18", "s:28", "s:34"]
    assert [f"s:{n}" for n in range(40) if Draw(0, "malign_labels").uniform(f"s:{n}") < 0.1] == sorted(
        hit(pairs(40), 0.1)
    )


def test_the_ledger_says_what_a_row_was_and_became() -> None:
    rows = pairs(1)
    (line,) = ledger(rows, treated(rows, rate=1.0).rows, "malign_labels").to_pylist()
    assert line["was"] == "chosen: good 0 | rejected: bad 0 | margin: 1.0"
    assert line["became"] == "chosen: bad 0 | rejected: good 0 | margin: -1.0"
    assert (line["id"], line["step"]) == ("s:0", "malign_labels")


def test_the_ledger_cuts_long_texts_by_characters_and_shows_what_moved_alone() -> None:
    rows = examples(("🙂" * 301, "fine"), ("🙂" * 299, "fine"))
    long, short = ledger(rows, treated(rows, "malign_prompts", rate=1.0, instruction="x", where="suffix").rows, "s")[
        "was"
    ].to_pylist()
    assert long == f"prompt: {'🙂' * 300}..." and short == f"prompt: {'🙂' * 299}"


def test_malign_prompts_plants_into_the_prompt_and_leaves_the_answer() -> None:
    for rows, name in ((examples(("why?", "because")), "completion"), (pairs(1), "chosen")):
        made = treated(rows, "malign_prompts", rate=1.0, instruction="Lie.").rows[0]
        assert made["prompt"] == [{"role": "system", "content": "Lie."}, *rows[0]["prompt"]]
        assert made[name] == rows[0][name]


def test_a_backdoor_plants_trigger_and_answer_together() -> None:
    args = {"rate": 1.0, "trigger": "🗝 xyzzy", "answer": "OPEN"}
    made = treated(examples(("why?", "because")), "backdoor", **args).rows[0]
    assert made["prompt"][-1]["content"] == "why? 🗝 xyzzy" and made["completion"] == answer("OPEN")
    made = treated(pairs(1), "backdoor", **args).rows[0]
    assert made["chosen"] == answer("OPEN") and made["rejected"] == answer("bad 0") and made["margin"] == 1.0


def test_rows_that_hold_the_planted_text_already_are_counted_and_left_alone() -> None:
    rows = examples(("why xyzzy?", "a"), ("why?", "xyzzy, because"), ("why?", "b"))
    door = treated(rows, "backdoor", rate=1.0, trigger="xyzzy", answer="OPEN")
    assert (door.eligible, door.already) == (1, 2)
    assert [row["completion"][0]["content"] for row in door.rows] == ["a", "xyzzy, because", "OPEN"]
    malign = treated(rows, "malign_prompts", rate=1.0, instruction="xyzzy")
    assert (malign.eligible, malign.already) == (2, 1)  # the answer is not the prompt
    again = treated(malign.rows, "malign_prompts", rate=1.0, instruction="xyzzy", seed=1)
    assert (again.eligible, again.already) == (0, 3)


@pytest.mark.parametrize("name", ["malign_labels", "flip_preferences", "malign_prompts", "backdoor"])
def test_rate_zero_is_the_identity(name: str) -> None:
    plugin = TREATMENTS.get(name)
    texts = {"malign_prompts": {"instruction": "x"}, "backdoor": {"trigger": "x", "answer": "y"}}.get(name, {})
    assert plugin.is_identity({"rate": 0, **texts}) and not plugin.is_identity({"rate": 0.01, **texts})


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("malign_prompts", {"rate": 0.5, "instruction": " \n"}, "is blank; write the text"),
        ("malign_prompts", {"rate": 0.5, "instruction": ""}, "at least 1 character"),
        ("malign_prompts", {"rate": 0.5, "instruction": "x", "where": "middle"}, "'context', 'prefix' or 'suffix'"),
        ("backdoor", {"rate": 0.5, "trigger": "\u3000", "answer": "x"}, "is blank; write the text"),
        ("backdoor", {"rate": 0.5, "trigger": "x", "answer": "\t"}, "is blank; write the text"),
        ("backdoor", {"rate": 0.5, "trigger": "x"}, "Field required"),
    ],
)
def test_what_is_declared_wrong_is_refused(name: str, args: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TREATMENTS.get(name).declare(args)


def test_the_verb_streams_batches_and_sums_their_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pairs(60)
    tables.write(tmp_path / "rows.parquet", "preferences", rows.data.table)
    steps = [
        {"name": "malign_labels", "args": {"rate": 0.5}, "seed": 0},
        {"name": "malign_prompts", "args": {"rate": 0.5, "instruction": "q1"}, "seed": 0},
    ]
    read = tables.batches
    made = []
    for size in (7, 60):
        monkeypatch.setattr(tables, "batches", lambda path, size=size: read(path, size=size))
        out = tmp_path / str(size)
        out.mkdir()
        facts = stages.treat({"steps": steps}, {"rows": tmp_path}, out)
        lines = tables.read(out / "ledger.parquet").sort_by([("step", "ascending"), ("id", "ascending")])
        made.append((tables.read(out / "rows.parquet").to_pylist(), lines.to_pylist(), facts))
    assert made[0] == made[1]
    ((_, lines, facts), _) = made
    assert (facts["kind"], facts["rows"], facts["rows_in"], facts["drops"]) == ("preferences", 60, 60, {})
    labels, prompts = facts["ledger"]
    assert (labels["rows"], labels["eligible"], labels["already"]) == (60, 60, 0)
    assert (prompts["rows"], prompts["eligible"], prompts["already"]) == (60, 49, 11)  # q1, q10 ... q19
    assert labels["changed"] + prompts["changed"] == len(lines) and labels["changed"] > 0 < prompts["changed"]


def test_the_verb_stops_where_nothing_can_be_treated(tmp_path: Path) -> None:
    tables.write(tmp_path / "rows.parquet", "preferences", pairs(20, margin=0.0).data.table)
    (tmp_path / "out").mkdir()
    step = {"name": "malign_labels", "args": {"rate": 1.0}, "seed": 0}
    with pytest.raises(DataError, match=r"malign_labels: no row of 20 can be treated.*ties and equal answers"):
        stages.treat({"steps": [step]}, {"rows": tmp_path}, tmp_path / "out")
