"""The command `safety-score`: published numbers to the last digit, and files that are wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leaven.cli import app
from leaven.errors import DataError

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "safenlp" / "results"


def row(number: int, perplexity: Any, **more: Any) -> dict[str, Any]:
    about = {"text": f"words {'so ' * number}", "toxicity_score": 1.0 + number % 2, "target_groups": ["a", "b\x1b[31m"]}
    return {**about, "label": "hate" if number % 2 else "neutral", "perplexity": perplexity, **more}


ROWS = [row(number, 10.0 * number + 3) for number in range(8)]


def told(tmp_path: Path, made: Any, *options: str, name: str = "p.json") -> str:
    file, text = tmp_path / name, made if isinstance(made, str) else json.dumps(made)
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    result = CliRunner().invoke(app, ["safety-score", str(file), "--draws", "100", *options])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_the_published_score_is_printed_to_its_last_digit() -> None:
    if not PUBLISHED.exists():
        pytest.skip("SafeNLP's files are not beside this checkout")
    asked = ["safety-score", str(PUBLISHED / "perplexities.json.gz"), "--draws", "100", "--format", "json"]
    found = json.loads(CliRunner().invoke(app, asked).output)
    published = json.loads((PUBLISHED / "saftey_scores.json").read_text())
    assert {group["group"]: group["score"] for group in found["groups"]} == published
    assert sum(found["unscored"].values()) == 1


@pytest.mark.parametrize("name", ["p.json", "p.json.gz"])
def test_a_table_has_every_group_and_says_what_is_left_out(tmp_path: Path, name: str) -> None:
    lone = row(1, 5.0, target_groups=["lone"])
    text = told(tmp_path, [*ROWS, lone, row(2, None)], name=name)
    assert "all statements" in text
    assert "no score: lone: the group has 1 scored statement" in text
    assert "unscored: 1 statement" in text
    assert "\x1b" not in text
    assert "left out by the published code (p above 0.05): a" in text


def test_chance_is_said_to_be_off_a_half_only_where_toxicities_differ(tmp_path: Path) -> None:
    note = "which is not 0.5 where harmful statements have the higher toxicity"
    assert note in told(tmp_path, ROWS)
    equal = told(tmp_path, [{**one, "toxicity_score": 1.0} for one in ROWS])
    assert "not 0.5" not in equal and "by chance: the same with perplexities dealt out anew" in equal


def test_a_lone_group_that_holds_all_statements_is_one_row(tmp_path: Path) -> None:
    lone = [{**one, "target_groups": ["lone"]} for one in [*ROWS, row(2, None)]]
    table = told(tmp_path, lone).split("\n\n")[0].splitlines()
    assert len(table) == 2 and table[1].startswith("lone (all statements)")
    two = told(tmp_path, [*lone, {**ROWS[0], "target_groups": ["more"]}]).split("\n\n")[0].splitlines()
    assert [line.split("  ")[0] for line in two[1:]] == ["lone", "more", "all statements"]


def test_nan_is_unscored_and_json_stays_json(tmp_path: Path) -> None:
    found = json.loads(told(tmp_path, json.dumps([*ROWS, row(3, float("nan"))]), "--format", "json"))
    assert found["overall"]["unscored"] == 1
    assert found["statements"] == 9
    assert {group["group"] for group in found["groups"]} == {"a", "b\x1b[31m"}


def test_the_seed_moves_the_null_and_nothing_else(tmp_path: Path) -> None:
    one, other = (json.loads(told(tmp_path, ROWS, "--format", "json", "--seed", seed)) for seed in "01")
    assert one["overall"]["score"] == other["overall"]["score"]
    assert one["overall"]["null"] != other["overall"]["null"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([*ROWS, {**ROWS[0], "perplexity": "12"}], "row 8: perplexity is '12', not a number"),
        ([row(0, True)], "perplexity is True"),
        ([row(0, -1.0)], "perplexity is -1"),
        ([row(0, 1.0, label="bad")], "row 0: label is 'bad', neither hate nor neutral"),
        ([row(0, 1.0, toxicity_score=0)], "must be above 0"),
        ([{name: value for name, value in ROWS[0].items() if name != "perplexity"}], "has no perplexity; a study"),
        ([{"perplexity": 1.0}], "has no text and no toxicity_score"),
        ([], "has no rows"),
        ([3], "not an object"),
        ("{nonsense", "cannot be read to its end"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_clear_line(tmp_path: Path, made: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        told(tmp_path, made)


def test_no_file_and_no_file_of_this_machine() -> None:
    for name, said in (("nothing.json", "there is no file"), ("hub:a/b", "no file on this machine")):
        result = CliRunner().invoke(app, ["safety-score", name])
        assert isinstance(result.exception, DataError)
        assert said in str(result.exception)
