"""The first rows of trainings as the page shows them: what was rendered in another way stands by itself."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from leaven.data.doctor.dump import DUMP
from leaven.gather.dumped import dumped
from leaven.registry import Step


class Kept:
    """A store that holds what encodings kept: a folder for each."""

    def __init__(self, folder: Path) -> None:
        self.place = folder

    def record(self, encoded: Any) -> dict[str, Any] | None:
        return {} if self.folder(encoded).is_dir() else None

    def folder(self, encoded: Any) -> Path:
        return self.place / str(encoded.key)


def graph(*trainings: tuple[str, str, str]) -> Any:
    """One cell for each training: its arm, its data, and the key of its encoding."""
    cells = []
    for name, data, key in trainings:
        arm = SimpleNamespace(name=name, train=[Step(name="sft", args={"data": data})])
        trained = SimpleNamespace(inputs={"encoded": SimpleNamespace(key=key)})
        cells.append(SimpleNamespace(cell=SimpleNamespace(arm=arm), trained=[trained]))
    return SimpleNamespace(cells=cells)


def shown(
    folder: Path, trainings: list[tuple[str, str, str]], says: dict[str, str]
) -> list[tuple[str, list[str], str]]:
    for key, text in says.items():
        (folder / key).mkdir()
        token = {"text": text, "trained": True, "special": False}
        row = {"id": "a", "tokens": [token], "total": 1, "trained": 1, "skipped": 0, "skipped_at": 0}
        (folder / key / DUMP).write_text(json.dumps([row]))
    store: Any = Kept(folder)
    return [(one.data, list(one.arms), one.rows[0].tokens[0].text) for one in dumped(graph(*trainings), store)]


def test_arms_of_another_template_are_shown_with_their_own_tokens(tmp_path: Path) -> None:
    trainings = [("merged", "both", "k1"), ("slow", "both", "k1"), ("no-eos", "both", "k2"), ("low", "both", "k3")]
    assert shown(tmp_path, trainings, {"k1": "</s>", "k2": "\n", "k3": "</s>"}) == [
        ("both", ["merged", "slow", "low"], "</s>"), ("both", ["no-eos"], "\n"),
    ]  # fmt: skip


def test_an_arm_is_told_once_whatever_its_seeds_drew(tmp_path: Path) -> None:
    trainings = [("arm", "talk", "gone"), ("arm", "talk", "k1"), ("arm", "talk", "k2")]
    assert shown(tmp_path, trainings, {"k1": "a", "k2": "b"}) == [("talk", ["arm"], "a")]


def test_many_ways_of_one_data_set_leave_no_other_out(tmp_path: Path) -> None:
    many = [(f"arm{number}", "talk", f"k{number}") for number in range(9)]
    says = {key: key for _, _, key in many} | {"last": "last"}
    found = shown(tmp_path, [*many, ("other", "book", "last")], says)
    assert len(found) == 6 and [one for one, _, _ in found].count("book") == 1
    assert found[-1] == ("book", ["other"], "last") and found[0] == ("talk", ["arm0"], "k0")
