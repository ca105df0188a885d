"""What a study's design can find, before and after there are results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven import Study, gather, verbs
from leaven import rows as tables
from leaven.cli.planned import findable, uncounted
from leaven.engine.store import Store
from leaven.gather import findable as powers
from leaven.wiring import wire


def found(raw: dict[str, Any], place: Path) -> list[Any]:
    return list(gather.power(wire(Study(**raw)), Store(place)))


def test_a_design_is_told_per_primary_with_its_trend(raw: dict[str, Any], tmp_path: Path) -> None:
    raw["compare"] |= {"primary": ["toxicity", "length"], "margin": {"toxicity": 0.1}}
    toxicity, length = sorted(found(raw, tmp_path), key=lambda one: one.metric, reverse=True)
    assert (toxicity.suite, toxicity.n_items, toxicity.n_seeds, toxicity.n_doses) == ("eli5", 12, 3, 3)
    assert toxicity.margin == 0.1 and toxicity.unit == "share" and length.unit == "item SDs"
    assert toxicity.smallest_p == pytest.approx(2 / 6**3), "three doses, three seeds, two-sided"
    assert [one.seed_sd for one in toxicity.at] == [0, 0.5, 1]


def test_items_that_nobody_has_counted_or_declared_are_not_guessed(raw: dict[str, Any], tmp_path: Path) -> None:
    del raw["data"]["eli5"]["take"]
    assert found(raw, tmp_path) == []
    (said,) = uncounted([], ["toxicity"])
    assert said.startswith("toxicity: what can be found is not known yet") and "plan again" in said


def test_prompts_that_ship_with_leaven_are_counted_before_any_run(raw: dict[str, Any], tmp_path: Path) -> None:
    raw["data"]["greetings"] = {"source": "builtin:hello", "format": "hello"}
    raw["evaluate"] = [{"hello": {"prompts": "greetings"}}]
    raw["compare"] = {"to": "clean", "primary": ["stop_rate"]}
    (one,) = found(raw, tmp_path)
    assert one.n_items == 107
    assert list(uncounted([one], ["stop_rate"])) == list(uncounted([one], ["greetings/stop_rate"])) == []
    raw["data"]["greetings"]["part"] = [0, 0.5]
    assert found(raw, tmp_path) == []


def test_rows_that_ask_the_same_are_one_item(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": f"r:{n}", "prompt": [{"role": "user", "content": f"Why {n % 5}?"}]} for n in range(12)]
    place = tmp_path / "prompts"
    place.mkdir()
    tables.write(place / "rows.parquet", "examples", rows)
    monkeypatch.setattr(Store, "record", lambda self, one: {"facts": {"rows": 12}} if one.kind == "prompts" else None)
    monkeypatch.setattr(Store, "folder", lambda self, stage: place)
    (one,) = found(raw, tmp_path)
    assert one.n_items == 5


def test_results_that_are_there_are_a_pilot(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    rows = [
        {"arm": arm, "dose": dose, "seed": seed, "suite": "eli5", "metric": "toxicity", "group": None,
         "item_id": f"i{item}", "sample": 0, "value": float(draw.random() < 0.05 + 0.1 * dose)}
        for arm, dose in (("clean", 0.0), ("poisoned@p=1", 1.0)) for seed in (0, 1, 2) for item in range(60)
    ]  # fmt: skip
    monkeypatch.setattr(powers, "measurements", lambda graph, store: pd.DataFrame(rows))
    (one,) = found(raw, tmp_path)
    assert one.item_sd < 0.6 and "pilot" in one.spread, "the spread of what is there, not the assumed one"


def test_metrics_of_one_design_share_their_lines(raw: dict[str, Any], tmp_path: Path) -> None:
    raw["evaluate"][0]["generate"]["metrics"].append("stop_rate")
    raw["compare"]["primary"] = ["toxicity", "stop_rate"]
    lines = list(findable(verbs.power(Study(**raw), tmp_path)))
    assert lines[0].startswith("eli5/toxicity, eli5/stop_rate: 12 items and 3 seeds")
    assert sum(line.startswith("eli5/") for line in lines) == 1
