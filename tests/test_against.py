"""Results against results, without a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from leaven import against
from leaven import rows as tables
from leaven.errors import ReportError, StudyError
from leaven.report.page import render

LM_EVAL = Path(__file__).parent / "readers" / "data" / "lm_eval"
Table = Callable[..., str]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    def made(name: str, **columns: object) -> str:
        file = tmp_path / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(columns).to_csv(file, index=False)
        return str(file)

    return made


def run(workspace: Path, name: str, arms: dict[str, float], seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """Write a run as an artefact of a build has it: its answer, without a store."""
    draw = np.random.default_rng(len(name))
    folder = workspace / name
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(f"name: {name}\n")
    about = {"suite": "qa", "metric": "toxicity", "group": None, "sample": 0, "dose": None}
    listed = [
        {**about, "arm": arm, "seed": seed, "item_id": f"i{item:02}", "value": float(draw.random() < rate)}
        for arm, rate in arms.items() for seed in seeds for item in range(40)
    ]  # fmt: skip
    tables.write(folder / "measurements.parquet", "measurements", listed)


def test_real_samples_of_lm_eval_are_compared_item_by_item() -> None:
    found = against.compare([str(LM_EVAL / "stories"), f"pocket={LM_EVAL / 'pocket'}"]).findings
    assert found.baseline == "stories260K" and [arm.name for arm in found.arms] == ["stories260K", "pocket"]
    (c,) = [one for one in found.comparisons if (one.suite, one.metric, one.group) == ("stories", "acc", None)]
    assert (c.n_items, c.n_seeds, c.n_dropped, c.scope) == (8, 0, 0, "models")
    values = found.measurements
    assert values is not None
    acc = values[(values["suite"] == "stories") & (values["metric"] == "acc")].set_index(["arm", "item_id"])["value"]
    apart = (acc["pocket"] - acc["stories260K"]).to_numpy()
    assert c.effect == pytest.approx(apart.mean())
    assert c.p == pytest.approx(stats.ttest_1samp(apart, 0).pvalue)
    assert c.models.models_test == "McNemar, mid-p", "one greedy model each"
    assert "another prompt" not in " ".join(found.warnings)
    assert {one.arm for one in found.samples} == {"stories260K", "pocket"}


def test_few_metrics_are_all_primary_and_many_are_not(table: Table) -> None:
    few = [table(name, item_id=range(9), a=range(9), b=range(9), c=range(9)) for name in ("x", "y")]
    assert against.compare(few).findings.primary == ["items/a", "items/b", "items/c"]
    many = [table(name, item_id=range(9), a=range(9), b=range(9), c=range(9), d=range(9)) for name in ("x", "y")]
    assert against.compare(many).findings.primary == []
    assert against.compare(many, primary=["d"]).findings.primary == ["d"]


def test_two_runs_are_compared_arm_by_arm_and_seed_by_seed(tmp_path: Path) -> None:
    run(tmp_path, "v1", {"clean": 0.1, "bad": 0.8})
    run(tmp_path, "v2", {"clean": 0.7, "bad": 0.8})
    found = against.compare(["v1", "v2"], workspace=tmp_path)
    assert found.to == {"v2:clean": "v1:clean", "v2:bad": "v1:bad"}
    by_arm = {one.arm: one for one in found.findings.comparisons}
    clean = by_arm["v2:clean"]
    assert (clean.n_seeds, clean.n_items, clean.scope) == (3, 40, "recipe") and clean.low is not None
    assert clean.low > 0.3 and not found.findings.samples
    assert found.findings.metric("qa", "toxicity").better == "lower"


def test_labels_tell_sources_of_one_name_apart(table: Table, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        table(f"{folder}/same", item_id=range(3), a=range(3))
    files = [str(tmp_path / folder / "same.csv") for folder in ("one", "two")]
    names = [arm.name for arm in against.compare(files).findings.arms]
    assert names == ["one/same.csv", "two/same.csv"]
    with pytest.raises(ReportError, match="label 'x' stands before two"):
        against.compare([f"x={files[0]}", f"x={files[1]}"])


def test_a_hostile_label_is_text_on_the_page(table: Table) -> None:
    one, two = (table(name, item_id=range(5), a=[0, 1, 0, 1, 1]) for name in ("x", "y"))
    label = "<script>alert(1)</script>"
    page = render(against.compare([one, f"{label}={two}"]).findings)
    assert label not in page and "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"primary": ["acc1"]}, "--primary: no metric is called 'acc1' (did you mean 'acc'?)"),
        ({"margin": {"items/ac": 1.0}}, "--margin: no metric is called 'items/ac'"),
        ({"margin": {"acc": 0.0}}, "--margin: acc has the margin 0"),
        ({"margin": {"acc": float("nan")}}, "--margin: acc has the margin nan"),
    ],
)
def test_what_is_asked_wrongly_is_said(table: Table, options: dict[str, object], said: str) -> None:
    files = [table(name, item_id=range(3), acc=range(3)) for name in ("x", "y")]
    with pytest.raises(StudyError) as caught:
        against.compare(files, **options)  # type: ignore[arg-type]
    assert said in str(caught.value) and caught.value.exit_code == 2


def test_what_is_not_there_is_said(table: Table, tmp_path: Path) -> None:
    run(tmp_path, "small", {"clean": 0.1})
    file = table("x", item_id=[1], acc=[1])
    with pytest.raises(ReportError, match=r"there is no run, no file and no folder 'smal'; did you mean 'small'\?"):
        against.compare([file, "smal"], workspace=tmp_path)
    with pytest.raises(ReportError, match="name a second one"):
        against.compare([file])
    with pytest.raises(ReportError, match="write `label=path`"):
        against.compare([file, "="])


def test_a_metric_on_one_side_alone_is_no_comparison(table: Table) -> None:
    found = against.compare(
        [table("x", item_id=range(4), a=range(4)), table("y", item_id=range(4), a=range(4), b=range(4))]
    )
    alone = next(one for one in found.findings.comparisons if one.metric == "b")
    assert alone.effect is None and alone.note == "nothing was scored for x"


def test_results_without_seeds_are_one_training_run_beside_results_with_seeds(table: Table) -> None:
    draw = np.random.default_rng(0)
    one = table("a", item_id=range(30), acc=draw.random(30))
    many = table("b", item_id=list(range(30)) * 3, seed=np.repeat([4, 5, 6], 30), acc=draw.random(90))
    for sources in ([one, many], [many, one]):
        found = against.compare(sources).findings
        (c,) = found.comparisons
        assert (c.n_seeds, c.n_dropped, c.low, c.p) == (1, 0, None, None), "no claim about new trainings"
        assert found.warnings == [
            "a states no training seed, so it counts as one training run, paired with seed 4 alone (left out: b's 5, 6):"
            " what another training would give is not known, and no winner is named"
        ]
        assert "no winner is named" in render(found)
    both = against.compare([one, table("c", item_id=range(30), acc=draw.random(30))]).findings
    assert both.comparisons[0].scope == "models" and not both.warnings


def test_an_untrained_arm_of_a_run_still_meets_every_seed(table: Table, tmp_path: Path) -> None:
    run(tmp_path, "base", {"base": 0.1}, seeds=(None,))  # type: ignore[arg-type]
    run(tmp_path, "v1", {"clean": 0.7})
    (c,) = against.compare(["base", "v1"], workspace=tmp_path).findings.comparisons
    assert (c.n_seeds, c.scope) == (3, "recipe")


def test_values_that_cannot_be_used_are_counted_by_source_and_metric(table: Table) -> None:
    spoilt = table("bad", item_id=range(9), acc=[0.1, np.inf, -np.inf, 1e300, np.nan, 1, 0.2, 0, 1])
    found = against.compare([table("a", item_id=range(9), acc=np.linspace(0, 1, 9)), spoilt]).findings
    assert found.warnings == ["bad: values that are not used: acc (3 infinite or beyond 1e100, 1 not scored, of 9)"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"item_id": range(9), "seed": 2, "acc": 1.0}, "no training seed is: a has 0; b has 2"),
        (
            {"item_id": range(9), "seed": 0, "acc": 1e308},
            "no value of acc in b can be used (9 infinite or beyond 1e100)",
        ),
        (
            {"item_id": range(9), "seed": 0, "metric": "acc", "value": None},
            "no value of acc in b can be used (9 not sc",
        ),
        ({"item_id": range(20, 29), "seed": 0, "acc": 1.0}, "no item stands on both sides: a has 0, 1, 2, 3, 4 and 4"),
    ],
)
def test_why_nothing_can_be_compared_is_said(table: Table, columns: dict[str, object], said: str) -> None:
    with pytest.raises(ReportError) as caught:
        against.compare([table("a", item_id=range(9), seed=0, acc=0.5), table("b", **columns)])
    assert said in str(caught.value)


def test_a_path_with_an_equals_sign_is_a_path_first(table: Table, tmp_path: Path) -> None:
    one, two = table("p=1", item_id=range(3), acc=range(3)), table("y", item_id=range(3), acc=range(3))
    assert [arm.name for arm in against.compare([one, two]).findings.arms] == ["p=1", "y"]
    assert [arm.name for arm in against.compare([two, f"mine={one}"]).findings.arms] == ["y", "mine"]
    run(tmp_path, "study@x=1", {"clean": 0.1})
    run(tmp_path, "study", {"clean": 0.1})
    assert against.compare(["study", "study@x=1"], workspace=tmp_path).to


def test_the_same_thing_twice_is_refused(table: Table) -> None:
    one = table("x", item_id=range(3), acc=range(3))
    with pytest.raises(ReportError, match=r"x\.csv is given twice"):
        against.compare([one, f"again={one}"])


def test_a_name_that_is_not_there_has_a_remedy(table: Table, tmp_path: Path) -> None:
    one = table("scores", item_id=range(3), acc=range(3))
    with pytest.raises(ReportError, match=r"no folder '.*score\.csv'; did you mean '.*scores\.csv'\?"):
        against.compare([one, str(tmp_path / "score.csv")])
    with pytest.raises(ReportError, match="what can be given: a run's folder, lm-eval's"):
        against.compare([one, "x=zzzzzz"], workspace=tmp_path)
