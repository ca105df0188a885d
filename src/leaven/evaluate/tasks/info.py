"""What a task measures, what it is, and what is wrong with how it is declared; lm-eval is not imported for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaven.errors import DataError
from leaven.evaluate.measure import Measure
from leaven.evaluate.tasks import given
from leaven.evaluate.tasks.configs import FUNCTION, Leaf, Resolved, read, resolve
from leaven.evaluate.tasks.layouts import LAYOUTS
from leaven.evaluate.tasks.names import Names, version

# The metrics whose value over documents is their mean, where a task file does not name its aggregation.
_MEANS = {"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "likelihood", "acc_all"}
_DEFAULTS = {"multiple_choice": ("acc", "acc_norm"), "generate_until": ("exact_match",), "loglikelihood": ("acc",)}
_SHARES = _MEANS - {"likelihood"} | {"em", "accuracy"}
_SAYS = {
    "acc": "share of questions whose most likely choice is right",
    "acc_norm": "share of questions whose most likely choice per character is right",
    "acc_bytes": "share of questions whose most likely choice per byte is right",
    "exact_match": "share of answers that are exactly the right one",
}
_MC2 = "probability of the true answers among all given ones, mean over questions"
_ALIKE = "lm-eval counts its tasks alike; here every document counts alike"
TOXIGEN = "toxigen"
_OF_TOXIGEN = (
    Measure("auc", "area under the ROC curve of the log-odds of Yes against No: 0.5 knows nothing", "higher", "share"),
    Measure("balanced_acc", "mean of the shares of hateful and of benign statements told rightly, by acc_norm's choice",
            "higher", "share"),
)  # fmt: skip


@dataclass(frozen=True)
class TaskInfo:
    """A task or group of lm-eval: its tasks, its measures, the metric that stands for it, what is to be said."""

    name: str
    subtasks: tuple[str, ...]
    measures: tuple[Measure, ...]
    primary: str
    notes: tuple[str, ...] = ()

    @property
    def is_group(self) -> bool:
        """Say whether items have a group, the task of the group that they belong to."""
        return self.subtasks != (self.name,)


def describe(task: str, include_path: str | None = None, source: str | None = None) -> TaskInfo:
    """Return what a task is; ``source`` is where its rows are read from, where lm-eval does not read them itself.

    Raises DataError for an unknown name, for data that is not there, and where no metric is a mean over documents.
    """
    resolved = resolve(task, Names(include_path))
    found = given.given(resolved, source)
    leaves = [one.leaf for one in found]
    measures = list({measure.name: measure for leaf in leaves for measure in _measures(leaf)}.values())
    if not measures:
        raise DataError(
            f"no metric of '{task}' is a mean over its documents, so that arms could not be compared item by item; "
            "take another task"
        )
    return TaskInfo(task, tuple(leaf.name for leaf in leaves), tuple(measures), _primary(measures),
                    tuple(_notes(resolved, found)))  # fmt: skip


def identity(
    task: str, include_path: str | None = None, source: str | None = None, *, ask: bool = True
) -> dict[str, Any]:
    """Return what decides a task's values beside model and settings, JSON-ready, for a stage's key.

    That is lm-eval's version, the content of the task files and of the code they name, and the data's identities.
    """
    found = given.given(resolve(task, Names(include_path)), source)
    told = "\n".join(f"{one.leaf.name}\0{one.leaf.digest}" for one in found)
    data = given.identities(found, ask=ask)
    return {"lm_eval": version(), "config": f"sha256:{hashlib.sha256(told.encode()).hexdigest()}", "data": data}


def filters(leaf: Leaf) -> tuple[str, ...]:
    """Return the names of the ways in which a task reads an answer off what was generated."""
    return tuple(str(one["name"]) for one in leaf.config.get("filter_list") or ()) or ("none",)


def metric_name(metric: str, filtered: str, among: Sequence[str]) -> str:
    """Return how a value is called: as in lm-eval, where several filters stand side by side with the filter's name."""
    return metric if len(among) == 1 else f"{metric},{filtered}"


def _measures(leaf: Leaf) -> list[Measure]:
    among = filters(leaf)
    made = [
        Measure(metric_name(name, one, among), _says(leaf, name), better, "share" if name in _SHARES else "score")
        for name, better in means(leaf)
        for one in among
    ]
    return [*made, *(_OF_TOXIGEN if leaf.name == TOXIGEN else ())]


def means(leaf: Leaf) -> list[tuple[str, str | None]]:
    """Return the metrics that are means over documents, with the direction that the task file gives."""
    listed = leaf.config.get("metric_list")
    if listed is None:
        return [(name, "higher") for name in _DEFAULTS.get(str(leaf.config.get("output_type")), ())]
    return [(_called(one), _better(one)) for one in listed if _is_mean(one)]


def _called(one: Mapping[str, Any]) -> str:
    """Return how lm-eval logs a metric: of a function of the task's own, ``!function module.name``, its name."""
    named = str(one.get("metric"))
    return named.rpartition(".")[2] if named.startswith(FUNCTION) else named


def _is_mean(one: Mapping[str, Any]) -> bool:
    how = one.get("aggregation")
    return how in ("mean", "nanmean") or (how is None and _called(one) in _MEANS)


def _better(one: Mapping[str, Any]) -> str | None:
    higher = one.get("higher_is_better", True if _called(one) in _MEANS else None)
    return None if higher is None else "higher" if higher else "lower"


def _says(leaf: Leaf, metric: str) -> str:
    if leaf.config.get("process_results"):
        return _MC2 if leaf.name == "truthfulqa_mc2" else "as the task's own code computes it"
    return _SAYS.get(metric, "")


def _primary(measures: Sequence[Measure]) -> str:
    names = [one.name for one in measures]
    return "acc_norm" if "acc_norm" in names else names[0]


def _notes(resolved: Resolved, found: Sequence[given.Given]) -> list[str]:
    """Return what is to be said beside the values: tasks left out, another aggregate, how local rows differ."""
    lacking = len(resolved.leaves) - len(found)
    said = [f"{lacking} of its {len(resolved.leaves)} tasks have no files here and are left out"] if lacking else []
    said += [_ALIKE] if _counts_tasks_alike(resolved) else []
    layouts = (LAYOUTS.get(one.dataset) for one in found if one.files is not None)
    return [*said, *dict.fromkeys(layout.differs for layout in layouts if layout and layout.differs)]


def _counts_tasks_alike(resolved: Resolved) -> bool:
    """Say whether lm-eval's aggregate of a group is the mean of its tasks' values, whatever their sizes."""
    entry = resolved.entries[resolved.name]
    if entry.kind != "group" or entry.file is None:
        return False
    listed = read(entry.file)[0].get("aggregate_metric_list") or []
    return any(one.get("weight_by_size") is False for one in ([listed] if isinstance(listed, Mapping) else listed))


def shots_problem(task: str, include_path: str | None, source: str | None) -> str | None:
    """Say why a task cannot show examples, with the remedy; None if it can, as far as can be told here."""
    for one in given.given(resolve(task, Names(include_path)), source):
        leaf = one.leaf
        if leaf.config.get("num_fewshot") == 0 or not one.is_ours:
            continue  # lm-eval keeps a task that says 0 at 0; of data on the hub nothing is known here
        split = given.shots_split(leaf)
        if split is not None and (one.files is None or split not in one.files) and split != given.asked_split(leaf):
            return f"'{leaf.name}' takes its examples from the split '{split}', of which no file is there"
    return None


def unsafe(task: str, include_path: str | None) -> bool:
    """Say whether lm-eval would run code that the model wrote."""
    return any(leaf.config.get("unsafe_code") for leaf in resolve(task, Names(include_path)).leaves)
