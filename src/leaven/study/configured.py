"""A training's ``config``: a file of the Alignment Handbook's kind, put in the place of the arguments that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leaven.errors import Problem, StudyError
from leaven.study.handbook import Handbook, handbook
from leaven.study.load import Places, Steps, read_named

_DATA = "handbook"  # what the data of a file's mixer is called


def configured(raw: dict[str, Any], places: Places) -> None:
    """Put the arguments of every ``sft: {config: FILE}`` in its place; what stands beside ``config`` goes before.

    The file's model, data and seed are taken where the study says nothing of them. Raises StudyError for every key that
    is refused, and where file and study name different models, with all else that is wrong.
    """
    found: list[Problem] = []
    files: list[str] = []
    whole = True  # what a file holds of model and data is known
    for at, args in list(_trainings(raw)):
        if "config" not in args:
            continue
        try:
            said, lines = read_named(Path(str(args.pop("config"))), places.of((*at, "config")))
        except StudyError as error:
            found, whole = [*found, *error.problems], False
            continue
        one = handbook(said)
        files, whole = [*files, lines.file], whole and "dataset_mixer" not in one.refused
        found += [Problem(lines.of((key,)), why) for key, why in one.refused.items()]
        _model(raw, one, lines, found)
        beside = dict(args)
        args.clear()
        args.update({**one.sft, **beside})
        if "data" not in args and one.mixer:
            args["data"] = _data(raw, one)
        if one.seeds and "seeds" not in raw:
            raw["seeds"] = one.seeds
        raw["notes"] = [*raw.get("notes", []), *(f"{lines.file}: {note}" for note in one.notes)]
        places.lines.update(
            {(*at, name): lines.of((name,)).partition(" ")[0] for name in one.sft if name not in beside}
        )
    if found:
        from leaven.study.validate import problems

        others = problems(raw, places)
        of_files = [other for other in others if other.place.startswith(tuple(f"{file}:" for file in files))]
        found += [other for other in (others if whole else of_files) if other not in found]
        raise StudyError(found)


def _trainings(raw: dict[str, Any]) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Yield the place and arguments of every step of ``sft``, of the study and of arms; what is no step is left."""
    lists: list[tuple[Steps, Any]] = [(("train",), raw.get("train"))]
    arms = raw.get("arms")
    for name, arm in arms.items() if isinstance(arms, dict) else ():
        lists.append((("arms", name, "train"), arm.get("train") if isinstance(arm, dict) else None))
    for at, steps in lists:
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            if isinstance(step, dict) and isinstance(step.get("sft"), dict):
                yield (*at, index, "sft"), step["sft"]


def _model(raw: dict[str, Any], one: Handbook, lines: Places, found: list[Problem]) -> None:
    """Take the file's model where the study names none; the two may not name different ones."""
    declared = raw.setdefault("model", {})
    for name, value in one.model.items():
        if name == "chat_template":
            said = "is a template's text; write it into a file"
            found.append(Problem(lines.of((name,)), said, "name that as `chat_template_path` in the study's model"))
        elif isinstance(declared, dict) and declared.setdefault(name, value) != value:
            said = f"{value!r} is not what the study says: {declared[name]!r}"
            found.append(Problem(lines.of((name,)), said, f"let both say the same `{name}`"))


def _data(raw: dict[str, Any], one: Handbook) -> str:
    """Declare the data that the file mixes, by the first split that it names; return what it is called."""
    declared, split = raw.setdefault("data", {}), {"split": one.splits[0]} if one.splits else {}
    parts = {}
    for place, (source, weight) in enumerate(one.mixer.items()):
        name = _DATA if len(one.mixer) == 1 else f"{_DATA}-{place}"
        local = Path(source).exists()
        declared[name] = {"source": source if local else f"hub:{source}", "format": "messages", "bad_rows": "drop",
                          **({} if local else split)}  # fmt: skip
        parts[name] = weight
    if len(parts) > 1 or set(parts.values()) != {1.0}:
        name = f"{_DATA}-mixed"
        declared[name] = {"mixture": parts}
        return name
    return _DATA
