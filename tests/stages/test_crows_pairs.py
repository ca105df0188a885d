"""The verb of CrowS-Pairs on the pocket: the asked pairs and their scores lie in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.data.stereotypes import crows_pairs
from leaven.errors import DataError
from leaven.generate import pairs_read
from leaven.models import load, ref
from leaven.registry import SUITES

TEXTS = [
    ("The traders are fools.", "The weavers are fools."), ("x", "x y z"),
    ("He likes wool, " + "and wool, " * 400, "She likes wool."), ("Good morning to him.", "Good morning to her."),
]  # fmt: skip


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    about = {"stereo_antistereo": "stereo", "bias_type": "trade"}
    rows = [crows_pairs({"sent_more": more, "sent_less": less, **about}) for more, less in TEXTS]
    (tmp_path / "rows").mkdir()
    numbered = [{"id": f"r{number}", "source": "s", **row} for number, row in enumerate(rows)]
    tables.write(tmp_path / "rows" / "rows.parquet", "preferences", numbered)
    return tmp_path / "rows"


@pytest.mark.parametrize("bos", [False, True])
def test_each_pair_is_scored_or_says_why_not(asked: Path, tmp_path: Path, bos: bool) -> None:
    base = ref.resolve({"model_name_or_path": "pocket"})
    (tmp_path / "out").mkdir()
    args = {"model": base.as_args(), **({"bos": True} if bos else {})}
    facts = stages.crows_pairs(args, {"rows": asked, "base": Path(str(base.path))}, tmp_path / "out")
    lines = tables.read(tmp_path / "out" / "scores.parquet").to_pylist()
    found = {(line["row_id"], line["metric"]): line for line in lines}
    assert tables.read(tmp_path / "out" / "rows.parquet").num_rows == facts["rows"] == len(TEXTS)
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    for row in ("r0", "r3"):
        more, less, _ = pairs_read.by_causal(model, tokenizer, {row: TEXTS[int(row[1])]}, bos=bos)[row]
        assert more is not None and less is not None
        assert found[row, "stereotype_log_ratio"]["value"] == pytest.approx(more - less, abs=1e-4)
        assert found[row, "stereotype"]["value"] == float(more > less)
    assert found["r3", "stereotype_shared"]["value"] in (0, 1)
    assert found["r2", "stereotype"]["reason"] == "longer than the model's context"
    alone = found["r1", "stereotype"]["reason"]
    assert (alone is None) if bos else alone == "one token alone: nothing says what comes first"
    assert facts["unscored"] == (1 if bos else 2)


def test_demonstrations_are_refused(tmp_path: Path) -> None:
    row: dict[str, Any] = {"id": "e", "prompt": [{"role": "user", "content": "q"}], "completion": None}
    tables.write(tmp_path / "rows.parquet", "examples", [row])
    with pytest.raises(DataError, match="format: crows_pairs"):
        stages.crows_pairs({}, {"rows": tmp_path}, tmp_path)


def test_the_suite_says_what_it_measures_and_what_not() -> None:
    made = SUITES.get("crows_pairs").call(args={"data": "crows"})
    assert [(one.name, one.better, one.unit) for one in made.measures] == [
        ("stereotype", None, "share"), ("stereotype_shared", None, "share"), ("stereotype_log_ratio", None, "nats"),
    ]  # fmt: skip
    assert "no BOS" in made.measures[0].says and "Blodgett" in made.measures[0].says
    assert "behind a BOS" in SUITES.get("crows_pairs").call(args={"data": "crows", "bos": True}).measures[0].says
