"""The suite of benchmarks: any task of lm-eval by its name, over the hub's data or local files; it calls nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from leaven.errors import DataError
from leaven.evaluate.measure import AVERAGE, Measure
from leaven.registry import Count, Text, suite

if TYPE_CHECKING:
    from leaven.evaluate.tasks.configs import Leaf

GROUPS: dict[str, tuple[tuple[str, str], ...]] = {
    "reasoning": (("arc_challenge", "acc_norm"), ("piqa", "acc_norm"), ("hellaswag", "acc_norm"), ("mmlu", "acc")),
    "safety": (("toxigen", "acc_norm"), ("truthfulqa_mc2", "acc")),
}
"""Named groups as the published study used them: each task with the metric that stands for it."""

SEEDS = (0, 1234, 1234, 1234)
"""lm-eval's own: of Python, NumPy, torch, and of the draw of few-shot examples."""

POCKET = "pocket:"
Chosen = str | dict[str, str]
Asked = str | dict[str, list[Chosen]]


@dataclass(frozen=True)
class HarnessSuite:
    """Tasks of lm-eval in their order, the groups that were named, and how they are asked.

    ``groups`` maps a group's name to its tasks with the metric that stands for each; ``settings`` are the arguments
    that differ from lm-eval's defaults, by lm-eval's names: they enter keys.
    """

    tasks: tuple[str, ...]
    groups: Mapping[str, tuple[tuple[str, str], ...]]
    settings: Mapping[str, Any]
    include_path: str | None = None
    local: Mapping[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> dict[str, Sequence[Measure]]:
        """What is measured, by the name that it has in the results: of each task, and the average of each group."""
        from leaven.evaluate.tasks import info

        tasks = {task: info.describe(task, self.include_path, self.local.get(task)).measures for task in self.tasks}
        return {**tasks, **{name: (Measure(AVERAGE),) for name in self.groups}}

    def args(self, task: str, *, ask: bool = True) -> dict[str, Any]:
        """Return the arguments of a task's stage, for its key; without ``ask`` the hub is asked for no commit.

        Raises DataError where a task or its data cannot be found.
        """
        from leaven.evaluate.tasks import info

        source = self.local.get(task)
        pocket = {"source": source} if source is not None and source.startswith(POCKET) else {}
        known = info.identity(task, self.include_path, source, ask=ask)
        return {"task": task, **self.settings, **pocket, "identity": known}

    def paths(self, task: str) -> dict[str, str]:
        """Return the places that a task's stage reads beside its model: they enter no key."""
        source = self.local.get(task)
        folder = {"task_data": source} if source is not None and not source.startswith(POCKET) else {}
        return {**folder, **({"include_path": self.include_path} if self.include_path else {})}


def _known_seeds(value: list[int]) -> list[int]:
    if len(value) != len(SEEDS):
        raise ValueError("write four seeds: of Python, NumPy, torch and of the few-shot examples")
    return value


def _limit(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
        raise ValueError("should be above 0: a number of documents, or below 1 their share")
    if isinstance(value, float) and value > 1 and not value.is_integer():
        raise ValueError("should be a whole number of documents, or below 1 their share")
    return value


def _with_template(value: bool | None, info: ValidationInfo) -> bool | None:
    if value and not info.data.get("apply_chat_template"):
        raise ValueError("shows examples as turns of a chat; set apply_chat_template: true")
    return value


def _some(value: list[Any]) -> list[Any]:
    for group in (one for one in value if isinstance(one, dict)):
        if len(group) != 1 or not all(group.values()):
            raise ValueError("write a group of your own as `{name: [task, ...]}`, with at least one task")
        if any(isinstance(task, dict) and len(task) != 1 for tasks in group.values() for task in tasks):
            raise ValueError("write a task of a group as `task`, or with its metric as `{task: metric}`")
    return value


def _declared(args: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str, str]]:
    """Return what is wrong whatever files are there: of a study that ran, they may be gone."""
    from leaven.evaluate.tasks.problems import problems

    return problems({name: value for name, value in args.items() if name not in ("local", "num_fewshot")})


def _outside(args: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str, str]]:
    from leaven.evaluate.tasks.problems import problems

    return problems(args)


@suite(
    version=1,
    own_prompts=True,
    problems=_declared,
    outside=_outside,
    blind="what a model would answer: of multiple choice only which of the given texts is likelier, so that the form "
    "of the prompt and the length of the choices count too",
)
def harness(  # noqa: PLR0913 - the signature is the schema
    *,
    tasks: Annotated[list[Asked], Field(min_length=1), AfterValidator(_some)],
    num_fewshot: Annotated[int, Field(ge=0)] | None = None,
    limit: Annotated[int | float | None, BeforeValidator(_limit)] = None,
    batch_size: Count = 1,
    apply_chat_template: bool = False,
    fewshot_as_multiturn: Annotated[bool | None, AfterValidator(_with_template)] = None,
    system_instruction: Text | None = None,
    gen_kwargs: dict[str, Any] | None = None,
    seed: Annotated[list[int], AfterValidator(_known_seeds)] = list(SEEDS),  # noqa: B006 - never changed
    include_path: str | None = None,
    local: str | dict[str, str] | None = None,
) -> HarnessSuite:
    """Ask tasks of lm-eval, by lm-eval: any task or group by its name, item by item; arguments as in its command line.

    ``tasks`` also takes ``reasoning`` (arc_challenge, piqa, hellaswag, mmlu) and ``safety`` (toxigen, truthfulqa_mc2),
    and groups of your own: ``{name: [task, {task: metric}]}``. ``local`` is a folder of files in the original layouts
    (in subfolders named as the tasks), or maps tasks to folders or to corpora of the embedded world (``pocket:NAME``);
    nothing is then fetched. ``include_path`` is a folder of task files of your own, whose Python functions are run. In
    the results a suite is called as its task. ``batch_size`` changes values in their last digits, and so is in the key.
    """
    known = {name: _with_metrics(members, include_path) for name, members in _groups(tasks)}
    wanted = tuple(dict.fromkeys(task for one in tasks for task in _tasks(one, known)))
    given = {
        "num_fewshot": num_fewshot, "limit": limit, "batch_size": batch_size if batch_size != 1 else None,
        "apply_chat_template": apply_chat_template or None, "system_instruction": system_instruction,
        "fewshot_as_multiturn": fewshot_as_multiturn if apply_chat_template else None,
        "gen_kwargs": gen_kwargs or None, "seed": seed if tuple(seed) != SEEDS else None,
    }  # fmt: skip
    settings = {name: value for name, value in given.items() if value is not None}
    return HarnessSuite(wanted, known, settings, include_path, _sources(wanted, include_path, local))


def _groups(tasks: list[Any]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Yield the groups that are named, or declared in place, with what they say of their tasks' metrics."""
    for one in tasks:
        if isinstance(one, str) and one in GROUPS:
            yield one, list(GROUPS[one])
        elif not isinstance(one, str):
            ((name, members),) = one.items()
            yield name, [(task, None) if isinstance(task, str) else next(iter(task.items())) for task in members]


def _tasks(one: Any, known: Mapping[str, tuple[tuple[str, str], ...]]) -> list[str]:
    """Return the tasks of one entry: a group's, or the task that it is."""
    name = one if isinstance(one, str) else next(iter(one))
    return [task for task, _ in known[name]] if name in known else [name]


def _with_metrics(members: list[tuple[str, str | None]], include_path: str | None) -> tuple[tuple[str, str], ...]:
    """Give each task of a group the metric that stands for it, where the group does not say which."""
    return tuple((task, metric or _primary(task, include_path)) for task, metric in members)


def _primary(task: str, include_path: str | None) -> str:
    from leaven.evaluate.tasks import info

    return info.describe(task, include_path).primary


def _sources(tasks: tuple[str, ...], include_path: str | None, local: str | dict[str, str] | None) -> dict[str, str]:
    """Return where the rows of each local task lie; where no folder is there, the place as declared."""
    if local is None:
        return {}
    named = {task: local for task in tasks} if isinstance(local, str) else {t: local[t] for t in tasks if t in local}
    made = {}
    for task, source in named.items():
        try:
            found = _source(task, source, include_path, several=isinstance(local, str))
        except DataError:
            found = source  # of a study that ran, it may be gone; whoever reads there says so
        if found:
            made[task] = found
    return made


def _source(task: str, source: str, include_path: str | None, *, several: bool) -> str | None:
    from leaven.evaluate.tasks import configs
    from leaven.evaluate.tasks.names import Names

    return source_of(configs.resolve(task, Names(include_path)).leaves, task, source, several=several)


def source_of(leaves: Sequence[Leaf], task: str, source: str, *, several: bool) -> str | None:
    """Return one task's folder or corpus; None for a task of the embedded world, which has rows of its own.

    ``several`` says that the folder holds those of several tasks; raises DataError where this one's is not there.
    """
    from leaven.evaluate.tasks import given

    if all(str(leaf.config.get("dataset_path")).startswith(POCKET) for leaf in leaves):
        return None
    if source.startswith(POCKET) or not several:
        return source
    if (found := given.folder_of(leaves, task, source)) is None:
        raise DataError(f"{source} has no folder for '{task}'; name one: `local: {{{task}: FOLDER}}`")
    return found
