"""Tasks are found by lm-eval's rules, quickly, and are another task once a file of theirs is edited."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leaven.errors import DataError
from leaven.evaluate.tasks import configs, info, names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of task files: an include, a tag, a group with an override, a function."""
    files = {
        "base.yaml": "task: one\ntag: [mine, 'yours']\ndataset_path: o/n\noutput_type: multiple_choice\ntest_split: t\n",
        "child.yaml": "include: base.yaml\ntask: two  # said twice\nprocess_docs: !function code.docs\n",
        "late.yaml": "task: one\ndescription: a second task of this name\n",
        "group.yaml": "group: both\ntask:\n  - two\n  - task: one\n    num_fewshot: 3\nnum_fewshot: 1\n",
        "code.py": "def docs(rows):\n    return rows\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_names_tags_and_duplicates(folder: Path) -> None:
    found = names.index(folder)
    assert found["one"] == ("task", "base.yaml", []), "the first in the order of paths wins"
    assert found["both"][0] == "group"
    assert found["mine"] == ("tag", None, ["one", "two"]), "a tag is inherited through an include"
    known = names.Names(str(folder))
    assert known["two"].file == folder / "child.yaml"
    assert known["mmlu"].kind == "group", "lm-eval's own are there too"


def test_a_group_overrides_its_tasks(folder: Path) -> None:
    resolved = configs.resolve("both", names.Names(str(folder)))
    assert [(leaf.name, leaf.config["num_fewshot"]) for leaf in resolved.leaves] == [("two", 1), ("one", 3)]
    assert resolved.leaves[0].config["process_docs"] == "!function code.docs", "named, not called"


def test_identity_follows_content_and_code(folder: Path) -> None:
    def config() -> str:
        return str(info.identity("two", str(folder), ask=False)["config"])

    before = config()
    (folder / "late.yaml").write_text("task: one\ndescription: edited\n")
    assert config() == before, "a file that is not read changes nothing"
    (folder / "code.py").write_text("def docs(rows):\n    return rows[:1]\n")
    by_code = config()
    assert by_code != before
    (folder / "base.yaml").write_text((folder / "base.yaml").read_text() + "description: Well then.\n")
    assert config() not in (before, by_code), "what is included is read too"


def test_an_unknown_name_says_what_was_meant(folder: Path) -> None:
    with pytest.raises(DataError, match="no task 'helaswag'; did you mean 'hellaswag'"):
        names.Names()["helaswag"]
    with pytest.raises(DataError, match="is no folder"):
        names.Names(str(folder / "nowhere"))


@pytest.mark.parametrize(("text", "said"), [("- a\n", "no mapping"), ("task: [\n", "cannot be read"), (None, "read")])
def test_unreadable_task_files(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "x.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DataError, match=said):
        configs.read(file)


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("include: b.yaml\ntask: a\n")
    (tmp_path / "b.yaml").write_text("include: a.yaml\n")
    with pytest.raises(DataError, match="includes itself"):
        configs.read(tmp_path / "a.yaml")
    assert names.index(tmp_path)["a"][0] == "task"


def test_a_damaged_cache_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(names, "_home", lambda: Path(__file__).parent)
    names._shipped.cache_clear()
    try:
        for damage in ("", "[]", '{"a": 1}'):
            kept = names._cache_file(Path(__file__).parent)
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(damage)
            assert names._shipped() == (Path(__file__).parent, {})
            assert kept.read_text() == "{}"
            names._shipped.cache_clear()
    finally:
        names._shipped.cache_clear()


def test_neither_torch_nor_lm_eval_is_imported() -> None:
    code = """
import sys
from leaven.evaluate.tasks.problems import problems
assert problems({"tasks": ["mmlu", "toxigen", "pocket_facts"]}) == []
assert not {"torch", "lm_eval", "datasets", "transformers"} & set(sys.modules), "too much is imported"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.e2e
def test_the_index_is_lm_evals_own() -> None:
    """Every name of lm-eval's index, its file and its tags: 8 seconds, for they are 14,000."""
    from lm_eval.tasks import TaskManager

    theirs = TaskManager().task_index
    ours = names.index(names._home())
    kinds = {"TASK": "task", "PY_TASK": "python", "GROUP": "group", "TAG": "tag"}
    told = {
        name: (
            kinds[one.kind.name],
            one.yaml_path and str(one.yaml_path),
            sorted(one.tags) if not one.yaml_path else [],
        )
        for name, one in theirs.items()
    }
    assert told == {
        name: (kind, file and str(names._home() / file), tags if kind == "tag" else [])
        for name, (kind, file, tags) in ours.items()
    }
