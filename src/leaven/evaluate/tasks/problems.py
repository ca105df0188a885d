"""What is wrong with a suite of benchmarks as declared, each with its place; asks no network, imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from leaven.data import sources
from leaven.errors import DataError, did_you_mean
from leaven.evaluate.harness import GROUPS, POCKET, source_of
from leaven.evaluate.tasks import configs, info
from leaven.evaluate.tasks.names import Names

Place = tuple[str | int, ...]
Problem = tuple[Place, str, str]  # place below the suite's arguments, message, remedy


def problems(args: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with declared arguments that pydantic found sound: names, metrics, files, examples."""
    include_path, local = args.get("include_path"), args.get("local")
    try:
        known = Names(include_path)
    except DataError as error:
        return [(("include_path",), str(error), "")]
    named = list(_named(args.get("tasks", [])))
    found = [*_twice(named, args.get("tasks", [])), *_unasked(named, local)]
    for place, task, metric in named:
        source, wrong = _source(task, local, known)
        found += wrong or _of_task(place, task, metric, include_path, source)
        if not wrong and args.get("num_fewshot"):
            found += _shots(task, include_path, source, args["num_fewshot"])
    return list(dict.fromkeys(found))


def _named(tasks: Any) -> Iterator[tuple[Place, str, str | None]]:
    """Yield place, name and metric of every task, those of named groups at the group's place."""
    for index, one in enumerate(tasks):
        if isinstance(one, str):
            yield from (((("tasks", index), task, metric)) for task, metric in GROUPS.get(one, ((one, None),)))
            continue
        for name, members in one.items():
            for inner, member in enumerate(members):
                task, metric = (member, None) if isinstance(member, str) else next(iter(member.items()))
                yield ("tasks", index, name, inner), task, metric


def _twice(named: list[tuple[Place, str, str | None]], tasks: Any) -> Iterator[Problem]:
    """A group must have a name that no other group and no task has; a task stands in several groups, in each once."""
    groups = [
        one if isinstance(one, str) else next(iter(one)) for one in tasks if isinstance(one, dict) or one in GROUPS
    ]
    for name, times in Counter(groups).items():
        if times > 1:
            yield ("tasks",), f"two groups are called '{name}'", "rename one"
        if name in {task for _, task, _ in named}:
            yield ("tasks",), f"a group is called '{name}', as one of the tasks is", "rename the group"
    yield from _twice_in_one(named)
    plain = Counter(task for place, task, _ in named if len(place) == 2)
    for task, times in plain.items():
        if times > 1:
            yield ("tasks",), f"'{task}' stands {times} times", "name each task once"


def _twice_in_one(named: list[tuple[Place, str, str | None]]) -> Iterator[Problem]:
    """Yield the tasks that stand several times in one group of one's own: its average would count them so often."""
    of_groups = Counter((place[:3], task) for place, task, _ in named if len(place) > 2)
    for (place, task), times in of_groups.items():
        if times > 1:
            yield place, f"'{task}' stands {times} times in the group '{place[2]}'", "name each task of a group once"


def _unasked(named: list[tuple[Place, str, str | None]], local: Any) -> Iterator[Problem]:
    for task in local if isinstance(local, Mapping) else ():
        if task not in {name for _, name, _ in named}:
            asked = did_you_mean(task, {name for _, name, _ in named})
            yield ("local", task), f"'{task}' is no task of this suite", asked


def _source(task: str, local: Any, known: Names) -> tuple[str | None, list[Problem]]:
    """Return where a task's rows are given locally, with what is wrong about that place."""
    named = local.get(task) if isinstance(local, Mapping) else local
    place: Place = ("local", task) if isinstance(local, Mapping) else ("local",)
    if named is None or task not in known:
        return None, []
    if named.startswith(POCKET):
        said = sources.problem(named)
    else:
        said = None if Path(named).is_dir() else f"there is no folder {named}"
    if said:
        return None, [(place, said, "")]
    try:
        leaves = configs.resolve(task, known).leaves
        return source_of(leaves, task, named, several=isinstance(local, str)), []
    except DataError as error:
        return None, [(place, str(error), "")]


def _of_task(
    place: Place, task: str, metric: str | None, include_path: str | None, source: str | None
) -> Iterator[Problem]:
    """Say what is wrong with one task: its name, its files, its metric, code that it would run."""
    try:
        about = info.describe(task, include_path, source)
    except DataError as error:
        yield place, str(error), ""
        return
    measured = [one.name for one in about.measures]
    if metric is not None and metric not in measured:
        yield place, f"'{task}' has no metric '{metric}' to compare arms by", did_you_mean(metric, measured)
    if info.unsafe(task, include_path):
        yield place, f"'{task}' runs code that the model writes, which is not done here", "take another task"


def _shots(task: str, include_path: str | None, source: str | None, shots: int) -> Iterator[Problem]:
    try:
        said = info.shots_problem(task, include_path, source)
    except DataError:
        return  # said of the task already
    if said:
        yield ("num_fewshot",), f"{shots}: {said}", "write 0, or add the file in the original layout"
