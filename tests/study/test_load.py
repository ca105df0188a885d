from __future__ import annotations

from pathlib import Path

import pytest

from leaven.errors import StudyError
from leaven.study.load import load

TEXT = """\
name: x
train:
  - sft: {learning_rate: 2e-4}
arms:
  a: {replicate: 0}
profiles:
  small:
    arms:
      a: {replicate: 2}
    train: [{sft: {learning_rate: 1}}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    return path


def test_numbers_are_yaml_1_2(file: Path) -> None:
    assert load(file).raw["train"][0]["sft"]["learning_rate"] == 2e-4


def test_a_profile_merges_mappings_and_replaces_lists(file: Path) -> None:
    raw = load(file, "small").raw
    assert raw["arms"] == {"a": {"replicate": 2}}
    assert raw["train"] == [{"sft": {"learning_rate": 1}}]
    assert "profiles" not in raw


def test_places_follow_the_profile(file: Path) -> None:
    assert load(file).places.of(("arms", "a", "replicate")).startswith(f"{file}:5 ")
    assert load(file, "small").places.of(("arms", "a", "replicate")).startswith(f"{file}:9 ")
    assert load(file, "small").places.of(("train", 0, "sft")).startswith(f"{file}:10 ")


def test_settings_reach_into_lists_and_are_typed(file: Path) -> None:
    loaded = load(file, settings=["train.0.sft.learning_rate=1e-5", "arms.a.treat=[x]"])
    assert loaded.raw["train"][0]["sft"]["learning_rate"] == 1e-5
    assert loaded.raw["arms"]["a"]["treat"] == ["x"]
    assert loaded.places.of(("train", 0, "sft", "learning_rate")) == "--set train.0.sft.learning_rate"


def test_a_setting_does_not_leak_through_an_alias(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("a: &x {b: 1}\nc: *x\n")
    assert load(file, settings=["c.b=2"]).raw == {"a": {"b": 1}, "c": {"b": 2}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!python/object/apply:os.system [ls]", ":1 a: the YAML tag"),
        ("a: 1\nb: !mine x", ":2 b: the YAML tag !mine"),
        ("a: 1\na: 2", ":2: is no valid YAML: found duplicate key"),
        ("a: [1", "is no valid YAML"),
        ("", "a study is a mapping"),
        ("- a", "a study is a mapping"),
        ("a: \x00", "is no valid YAML"),
        ("a: &a [x]\n" + "".join(f"{n}: &{n} [*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n" for p, n in zip("abcdef", "bcdefg", strict=True)), "values"),
    ],
)  # fmt: skip
def test_what_is_no_study_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(StudyError, match="s.yaml") as caught:
        load(file)
    assert said in str(caught.value)


def test_binary_junk_and_missing_files(tmp_path: Path) -> None:
    junk = tmp_path / "junk.yaml"
    junk.write_bytes(b"\xff\xfe\x00\x81")
    for file, said in [(junk, "not UTF-8"), (tmp_path / "none.yaml", "cannot be read"), (tmp_path, "is a folder")]:
        with pytest.raises(StudyError, match=said):
            load(file)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("nonsense", "is no setting"),
        ("=1", "is no setting"),
        ("train.7.sft=1", "there is no '7'"),
        ("a=!!python/name:os", "YAML tag"),
        ("a=[", "no valid YAML value"),
    ],
)
def test_bad_settings(file: Path, setting: str, said: str) -> None:
    with pytest.raises(StudyError, match="--set") as caught:
        load(file, settings=[setting])
    assert said in str(caught.value)


def test_an_unknown_profile_is_guessed(file: Path) -> None:
    with pytest.raises(StudyError, match="did you mean 'small'"):
        load(file, "smal")
