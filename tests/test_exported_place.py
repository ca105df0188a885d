"""Where exports go: never over what is not theirs, and a kill at any moment loses no export and leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaven import exported, poison
from leaven.errors import StoreError
from leaven.exported import place


def export(out: Path, content: str = "new", *, force: bool = False) -> None:
    """Write an export that holds one file."""
    with place.appearing(place.free(out, force=force)) as beside:
        (beside / poison.MARK).write_text('{"form": "whole"}')
        (beside / content).touch()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", [".", "", "..", "/", "sub/..", "../../.."])
def test_the_folder_we_stand_in_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    monkeypatch.chdir(home)
    with pytest.raises(StoreError, match="the current folder, or one above it"):
        exported.export("no such run", "arm", name, tmp_path, force=True)
    assert place.free(Path("out"), force=False) == home / "out"


def test_what_a_killed_export_left_is_swept(tmp_path: Path) -> None:
    for name in (".out.0123abcd", ".out.0123abce", ".out.notours!", ".other.0123abcd", ".out.0123abcf"):
        (tmp_path / name).mkdir()
    (tmp_path / ".out.0123abcd" / poison.MARK).write_text("{}")
    (tmp_path / ".out.0123abcd" / "model.safetensors").touch()
    (tmp_path / ".out.0123abcf" / "thesis.tex").touch()  # of a like name, and nobody's export
    export(tmp_path / "out")
    assert names(tmp_path) == {".out.notours!", ".other.0123abcd", ".out.0123abcf", "out"}


def test_what_is_killed_is_known_as_ours(tmp_path: Path) -> None:
    with place.appearing(tmp_path / "out") as beside:
        (beside / "half").touch()
        left = beside.rename(tmp_path / ".out.0123abcd")  # as if it had been killed here
        beside.mkdir()
    assert left.exists()
    place.free(tmp_path / "out", force=True)
    assert names(tmp_path) == {"out"}


def test_an_export_that_runs_beside_is_left_alone(tmp_path: Path) -> None:
    with place.appearing(tmp_path / "out") as other:
        (other / "half").touch()
        place.free(tmp_path / "out", force=False)
        assert (other / "half").exists()


def test_a_former_export_is_back_after_a_kill_between_two_renames(tmp_path: Path) -> None:
    export(tmp_path / "out", "old")
    (tmp_path / "out").rename(tmp_path / ".out.0123abcd.old")
    (tmp_path / ".out.0123abcd").mkdir()
    with pytest.raises(StoreError, match="--force"):
        export(tmp_path / "out")
    assert (tmp_path / "out" / "old").exists() and names(tmp_path) == {"out"}


def test_a_former_export_is_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path / "out", "old")
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if target == tmp_path / "out" and not path.name.endswith(".old"):
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "out", force=True)
    assert (tmp_path / "out" / "old").exists() and names(tmp_path) == {"out"}
