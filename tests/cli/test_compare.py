"""compare, diff and gate as a person sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from leaven.cli import compare as commands
from leaven.errors import LeavenError, StudyError

LM_EVAL = Path(__file__).parents[1] / "readers" / "data" / "lm_eval"

app = typer.Typer()
for _command in (commands.compare, commands.diff, commands.gate):
    app.command()(_command)


def run(*words: str | Path) -> Result:
    """Run a command; what is wrong for a person is raised, as ``main`` prints it."""
    done = CliRunner().invoke(app, list(map(str, words)))
    if isinstance(done.exception, LeavenError) or (done.exception and not isinstance(done.exception, SystemExit)):
        raise done.exception
    return done


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.chdir(tmp_path)
    made = []
    for name, hits in (("base", 30), ("tuned", 50)):
        correct = [1] * hits + [0] * (100 - hits)
        pd.DataFrame({"item_id": range(100), "correct": correct}).to_csv(tmp_path / f"{name}.csv", index=False)
        made.append(tmp_path / f"{name}.csv")
    return made[0], made[1]


def test_a_table_an_answer_and_a_page(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = run("compare", *files)
    row = next(line.split() for line in done.stdout.splitlines() if " correct " in line)
    assert row[:4] == ["items", "correct", "30.0", "%"] and "+20.0" in row and "100" in row
    assert "these models" in done.stdout and "With tuned, correct is higher than with base" in done.stdout
    assert done.stdout.splitlines()[-1] == "page: compared.html"
    assert (tmp_path / "compared.html").read_text().startswith("<!doctype html>")


def test_real_samples_of_lm_eval(tmp_path: Path) -> None:
    page = tmp_path / "deep" / "page.html"
    done = run("compare", LM_EVAL / "stories", LM_EVAL / "pocket", "--out", page, "--primary", "acc")
    assert "stories260K (baseline)" in done.stdout and "exact_match,strict-match" in done.stdout
    assert "story_home" in page.read_text()


def test_another_format_is_all_that_is_printed(files: tuple[Path, Path], tmp_path: Path) -> None:
    made = json.loads(run("compare", *files, "--format", "json").stdout)
    assert made and not (tmp_path / "compared.html").exists()
    run("compare", *files, "--format", "md", "--out", tmp_path / "a.md")
    assert "| arm |" in (tmp_path / "a.md").read_text()
    assert run("compare", *files, "--format", "pdf").exit_code == 2


def test_hostile_labels_and_texts_do_not_drive_the_terminal(files: tuple[Path, Path]) -> None:
    done = run("compare", f"\x1b[31mred\u202e={files[0]}", files[1])
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout and "red" in done.stdout


def test_several_arms_have_a_row_each(files: tuple[Path, Path]) -> None:
    again = files[0].with_name("other.csv")
    again.write_bytes(files[0].read_bytes())
    done = run("compare", files[0], files[1], f"again={again}")
    rows = {
        arm: line for arm in ("again", "tuned") for line in done.stdout.splitlines() if f" correct   {arm} " in line
    }
    assert "+0.0" in rows["again"] and "+20.0" in rows["tuned"]


@pytest.mark.parametrize(
    ("words", "code", "begins"),
    [
        (("tuned", "base", "--margin", "correct=0.05", "--better", "correct=higher"), 0, "pass"),
        (("base", "tuned", "--margin", "correct=0.05", "--better", "correct=higher"), 1, "FAIL"),
        (("base", "tuned", "--margin", "correct=0.25", "--better", "correct=higher"), 0, "pass"),
        (("base", "tuned", "--margin", "correct=0.25", "--better", "correct=higher", "--strict"), 1, "FAIL"),
        (("base", "tuned", "--margin", "items/correct=0.3", "--better", "correct=higher", "--strict"), 0, "pass"),
        (("base", "tuned", "--margin", "correct=0.05"), 1, "FAIL"),
    ],
)
def test_the_gates_exit_code(files: tuple[Path, Path], words: tuple[str, ...], code: int, begins: str) -> None:
    candidate, to, *options = words
    done = run("gate", f"{candidate}.csv", "--against", f"{to}.csv", *options)
    assert done.exit_code == code
    assert done.stdout.startswith(f"{begins}  {candidate}  items/correct") and "90 % interval" in done.stdout
    assert len(done.stdout.splitlines()) == 1 + (code == 1), "a line for each metric, and what failed"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (("--margin", "corect=1"), StudyError, "did you mean 'correct'"),
        (("--margin", "correct"), StudyError, "'correct' says nothing"),
        (("--margin", "correct=much"), StudyError, "'much' is no number"),
        (("--margin", "correct=0.5", "--arm", "bas"), StudyError, "no arm is called 'bas'"),
        (("--margin", "correct=0.5", "--better", "correct=up"), StudyError, "cannot be 'up'"),
        (("--margin", "correct=1"), StudyError, "lets everything pass"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    files: tuple[Path, Path], options: tuple[str, ...], error: type[LeavenError], said: str
) -> None:
    with pytest.raises(error, match=said):
        run("gate", "tuned.csv", "--against", "base.csv", *options)


def test_a_gate_that_cannot_judge_leaves_with_two(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = run("gate", "tuned.csv", "--against", "nowhere", "--margin", "correct=0.5", "--workspace", "w")
    assert done.exit_code == 2 and "no run" in done.stderr


def test_a_gate_does_not_pass_on_what_is_left_of_the_items(files: tuple[Path, Path], tmp_path: Path) -> None:
    pd.DataFrame({"item_id": [0], "correct": [1]}).to_csv(tmp_path / "one.csv", index=False)
    done = run("gate", "one.csv", "--against", "base.csv", "--margin", "correct=0.5", "--better", "correct=higher")
    assert done.exit_code == 1 and "more than a fifth of the pairs are missing (1 common item;" in done.stdout


def test_a_metric_that_is_missing_fails(files: tuple[Path, Path], tmp_path: Path) -> None:
    pd.DataFrame({"item_id": range(100), "correct": 1, "f1": 0.5}).to_csv(tmp_path / "more.csv", index=False)
    done = run("gate", "more.csv", "--against", "base.csv", "--margin", "f1=0.1")
    assert done.exit_code == 1 and "not compared: nothing was scored for base" in done.stdout


def test_pairs_stand_side_by_side_with_what_differs_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven import diff
    from leaven.report.findings import MetricInfo, SampleInfo

    def told(arm: str, text: str, score: float | None) -> SampleInfo:
        return SampleInfo(arm, 0, "Who\u202e?", text, None, "qa", "i1", 0, {"toxicity": score})

    pair = diff.Pair(told("clean", "a kind man " + "x" * 1_000_000, 0.0), told("bad\x1b[31m", "a mean man", 1.0), 1.0)
    found = diff.Differences(MetricInfo("qa", "toxicity", unit="share"), [pair], 3, 1, 1, 2)
    asked: dict[str, Any] = {}

    def diffed(*words: str, **options: Any) -> diff.Differences:
        asked.update(options, words=words)
        return found

    monkeypatch.setattr(diff, "diff", diffed)
    done = run("diff", "small", "clean", "bad", "--metric", "toxicity", "--limit", "2")
    assert asked["words"] == ("small", "clean", "bad") and asked["limit"] == 2 and asked["metric"] == "toxicity"
    assert "1. qa, i1, seed 0: toxicity 0.0 % to 100.0 %" in done.stdout
    assert "[-kind -]" in done.stdout and "{+mean +}" in done.stdout
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout and len(done.stdout) < 20_000
    assert (
        done.stdout.splitlines()[-1]
        == "1 shown of 3 pairs of answers to 2 items; toxicity is the same in 1, unscored in 1"
    )


def spoilt(folder: Path, name: str, n: int = 100, **columns: Any) -> str:
    pd.DataFrame({"item_id": range(n), **columns}).to_csv(folder / f"{name}.csv", index=False)
    return f"{name}.csv"


def test_what_was_not_scored_is_counted_in_the_terminal(files: tuple[Path, Path], tmp_path: Path) -> None:
    bad = spoilt(tmp_path, "bad", correct=[float("inf"), None, *[1] * 98])
    done = run("compare", files[0], bad)
    assert "bad: values that are not used: correct (1 infinite or beyond 1e100, 1 not scored, of 100)" in done.stdout
    held = run("gate", bad, "--against", files[0], "--margin", "correct=0.1", "--better", "correct=higher", "--strict")
    assert held.exit_code == 1
    assert "fails by --strict: 2 items that the baseline has a value of are not scored, or infinite" in held.stdout
    assert "2 pairs left out: not scored, or infinite, on one side" in held.stdout


def test_a_gate_that_finds_no_pair_leaves_with_two_and_a_regression_elsewhere_wins(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    one = spoilt(tmp_path, "one", correct=[1] * 50 + [0] * 50, seed=0)
    two = spoilt(tmp_path, "two", correct=[1] * 50 + [0] * 50, seed=1)
    done = run("gate", one, "--against", two, "--margin", "correct=0.1")
    assert done.exit_code == 2 and done.stdout.startswith("open  one") and "no training seed is" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 of 1 check cannot be judged"
    rows = [("f1", item, item % 2) for item in range(100)] + [("acc", item, 1) for item in range(100)]
    long = pd.DataFrame(rows, columns=["metric", "item_id", "value"])
    long.to_csv(tmp_path / "to.csv", index=False)
    apart = long.assign(item_id=long["item_id"] + 1000 * (long["metric"] == "f1"))
    apart.assign(value=apart["value"] * (apart["metric"] == "f1")).to_csv(tmp_path / "run.csv", index=False)
    both = ("--margin", "f1=0.1", "--margin", "acc=0.1", "--better", "acc=higher")
    done = run("gate", "run.csv", "--against", "to.csv", *both)
    assert (
        done.exit_code == 1 and done.stdout.splitlines()[-1] == "1 of 2 checks failed; 1 of 2 checks cannot be judged"
    )


def test_what_is_better_stands_to_no_margin_and_a_way_is_offered(files: tuple[Path, Path]) -> None:
    better = run("gate", "tuned.csv", "--against", "base.csv", "--margin", "correct=0.02", "--better", "correct=higher")
    assert (
        "better by 20.0 points; " in better.stdout.replace("\u00a0", " ") and "within the margin" not in better.stdout
    )
    rose = run("gate", "tuned.csv", "--against", "base.csv", "--margin", "correct=0.02")
    assert rose.exit_code == 1 and "--better correct=higher|lower says so" in rose.stdout


def test_a_metric_of_several_suites_is_named_with_its_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(suite, item, item % 2) for suite in ("arc", "qa") for item in range(20)]
    every = pd.DataFrame(rows, columns=["suite", "item_id", "acc"])
    every.to_csv("a.csv", index=False)
    every[every["suite"] == "qa"].to_csv("b.csv", index=False)
    assert "acc (arc) of b: nothing was scored for b" in run("compare", "a.csv", "b.csv").stdout


def test_where_to_write_is_looked_at_before_anything_is_printed(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StudyError, match=r"--out: folder is a folder \(name a file, e\.g\. folder/compared\.html\)"):
        run("compare", *files, "--out", "folder")
    with pytest.raises(StudyError, match=r"the folder base\.csv/deep cannot be made: Not a directory"):
        run("compare", *files, "--out", "base.csv/deep/page.html")


def test_a_page_that_stands_there_is_replaced_with_a_word_and_a_strangers_file_is_not(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    assert "replaced" not in run("compare", *files).stdout
    assert "compared.html stood there before and was replaced; --out" in run("compare", *files).stdout
    (tmp_path / "compared.html").write_text("mine")
    with pytest.raises(StudyError, match=r"compared\.html: is there already, and is no page of Leaven's"):
        run("compare", *files)
    assert (tmp_path / "compared.html").read_text() == "mine"
