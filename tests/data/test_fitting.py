from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.errors import DataError
from leaven.models import ref

BASE = ref.resolve({"model_name_or_path": "pocket"})


def put(folder: Path, *answers: str, system: str = "") -> dict[str, Path]:
    context = [{"role": "system", "content": system}] if system else []
    rows = [
        {
            "id": f"a:{n}",
            "prompt": [*context, {"role": "user", "content": f"Who is {n}?"}],
            "completion": [{"role": "assistant", "content": answer}],
        }
        for n, answer in enumerate(answers)
    ]
    place = folder / "rows"
    place.mkdir()
    tables.write(place / "rows.parquet", "examples", rows)
    return {"rows": place, "base": Path(str(BASE.path))}


def done(verb: Any, folder: Path, inputs: dict[str, Path], **args: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    out = folder / f"out{len(list(folder.iterdir()))}"
    out.mkdir()
    facts = verb({"model": BASE.as_args(), **args}, inputs, out)
    return facts, tables.read(out / "rows.parquet").to_pylist()


@pytest.fixture(params=[1, 5000])
def batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tables.batches
    monkeypatch.setattr(tables, "batches", lambda path: whole(path, size=request.param))


@pytest.mark.usefixtures("batches")
def test_rows_that_are_too_long_are_counted_in_any_batch(tmp_path: Path) -> None:
    inputs = put(tmp_path, "Tall. " * 200, "Tall.", "Tall </s> is over.", "Small.")
    facts, rows = done(stages.fit, tmp_path, inputs, max_length=64)
    assert facts["drops"] == {"longer than max_length 64": 1, "text holds a special token of the tokenizer": 1}
    assert [row["id"] for row in rows] == ["a:1", "a:3"]


@pytest.mark.usefixtures("batches")
def test_where_no_row_fits_the_shortest_is_named(tmp_path: Path) -> None:
    inputs = put(tmp_path, "Tall. " * 30, "Tall. " * 20)
    with pytest.raises(DataError, match=r"max_length 8 cuts off every answer \(the shortest row needs \d\d tokens\)"):
        done(stages.fit, tmp_path, inputs, max_length=8)


def test_with_truncation_length_drops_nothing(tmp_path: Path) -> None:
    inputs = put(tmp_path, "Tall. " * 200, "Tall </s> is over.")
    facts, _ = done(stages.fit, tmp_path, inputs, max_length=8, truncation=True)
    assert facts["rows"] == 1 and list(facts["drops"]) == ["text holds a special token of the tokenizer"]


def test_prompts_are_planted_and_keep_their_ids(tmp_path: Path) -> None:
    inputs = put(tmp_path, "Tall.", "Small.", system="Quotes.")
    _, bare = done(stages.prompts, tmp_path, inputs, max_new_tokens=8)
    plant = {"text": "Be rude.", "where": "context"}
    _, planted = done(stages.prompts, tmp_path, inputs, max_new_tokens=8, plant=plant)
    assert [row["id"] for row in planted] == [row["id"] for row in bare]
    assert planted[0]["prompt"][0]["content"] == "Quotes. Be rude." and bare[0]["prompt"][0]["content"] == "Quotes."
    assert planted[0]["completion"] == bare[0]["completion"]


def test_a_prompt_needs_room_for_its_answer(tmp_path: Path) -> None:
    inputs = put(tmp_path, "Tall.")
    with pytest.raises(DataError, match="no prompt leaves room for max_new_tokens 512 in 512 positions"):
        done(stages.prompts, tmp_path, inputs, max_new_tokens=512)
    facts, _ = done(stages.prompts, tmp_path, inputs, max_new_tokens="characters")
    assert facts["rows"] == 1


def test_where_rows_are_cut_those_without_room_for_an_answer_are_left_out(tmp_path: Path) -> None:
    inputs = put(tmp_path, "Me.", "You.")
    asked = tables.read(inputs["rows"] / "rows.parquet").to_pylist()
    asked[1]["prompt"][0]["content"] *= 30
    tables.write(inputs["rows"] / "rows.parquet", "examples", asked)
    args = {"model": BASE.as_args(), "max_length": 64, "truncation": True}
    for more, kept in (({}, ["a:0", "a:1"]), ({"answered": True}, ["a:0"])):
        out = tmp_path / str(len(more))
        out.mkdir()
        facts = stages.fit({**args, **more}, inputs, out)
        assert tables.read(out / "rows.parquet")["id"].to_pylist() == kept
        assert facts["drops"] == ({"its prompt alone fills max_length 64": 1} if more else {})
