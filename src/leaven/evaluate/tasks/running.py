"""One task of lm-eval on a model that is loaded: lm-eval's own prompts, scoring and aggregates, over the rows given.

What ``simple_evaluate`` does is done here without what it adds around it: it asks the hub about the model and looks
through the machine's packages (two seconds each time). Seeds, examples and everything that makes values are as there.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaven.evaluate.harness import SEEDS
from leaven.evaluate.tasks import given
from leaven.evaluate.tasks.configs import Leaf, Resolved, resolve
from leaven.evaluate.tasks.given import Given
from leaven.evaluate.tasks.names import Entry, Names

_PINNED = 40  # digits of a commit


@dataclass(frozen=True)
class Ran:
    """What lm-eval made of a task: its results as its command line writes them, its samples and task objects by task.

    ``truncated`` counts the requests that were longer than the model's context, of which lm-eval shows the end.
    """

    results: Mapping[str, Any]
    samples: Mapping[str, Sequence[Mapping[str, Any]]]
    tasks: Mapping[str, Any]
    leaves: tuple[Leaf, ...]
    truncated: int

    def as_json(self) -> str:
        """Return what lm-eval would write of its results, but for what it finds out about the machine."""
        from lm_eval.utils import handle_non_serializable

        return json.dumps(self.results, indent=1, ensure_ascii=False, default=handle_non_serializable)


def run(
    model: Any,
    tokenizer: Any,
    task: str,
    settings: Mapping[str, Any],
    *,
    scratch: Path,
    source: str | None = None,
    include_path: str | None = None,
    commits: Mapping[str, str] | None = None,
) -> Ran:
    """Ask a task of a model.

    ``settings`` are those of ``HarnessSuite``; ``source`` is a folder or ``pocket:NAME``, ``commits`` are the
    identities of sets of the hub, which are read at these commits, through ``scratch``.
    """
    resolved = resolve(task, Names(include_path))
    found = given.given(resolved, source)
    _seed(settings.get("seed", SEEDS))
    loaded = _loaded(task, _entries(resolved, found, commits or {}, scratch), settings)
    with _Truncations() as truncations:
        results = _evaluated(_wrapped(model, tokenizer, settings.get("batch_size", 1)), loaded, settings)
    samples = results.pop("samples")
    return Ran(results, samples, loaded["tasks"], tuple(one.leaf for one in found), truncations.count)


def _loaded(task: str, entries: dict[str, Any], settings: Mapping[str, Any]) -> Any:
    """Let lm-eval load a task from an index of names, and set in each of its tasks what the settings say."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_defaults=False)
    manager.task_index.update(entries)
    loaded = manager.load([task])
    for one in loaded["tasks"].values():
        _set_examples(one, settings.get("num_fewshot"), settings.get("seed", SEEDS)[3])
        if one.get_config("output_type") == "generate_until" and settings.get("gen_kwargs"):
            one.set_config(key="generation_kwargs", value=dict(settings["gen_kwargs"]), update=True)
    return loaded


def _evaluated(model: Any, loaded: Any, settings: Mapping[str, Any]) -> Any:
    from lm_eval.evaluator import evaluate

    chat = bool(settings.get("apply_chat_template", False))
    return evaluate(
        model,
        loaded,
        limit=settings.get("limit"),
        bootstrap_iters=0,
        log_samples=True,
        system_instruction=settings.get("system_instruction"),
        apply_chat_template=chat,
        fewshot_as_multiturn=settings.get("fewshot_as_multiturn", chat),
    )


class _Truncations(logging.Handler):
    """Counts what lm-eval says of requests that are longer than the model's context; it says so in its log alone."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0
        self._log = logging.getLogger("lm_eval.models.huggingface")

    def emit(self, record: logging.LogRecord) -> None:
        """Count one request that is cut off."""
        self.count += "exceeds model's maximum length" in record.getMessage()

    def __enter__(self) -> _Truncations:
        self._log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self)


def _seed(seeds: Sequence[int]) -> None:
    """Seed what lm-eval's tasks may draw from: its command line does the same before it loads them."""
    import numpy as np
    from lm_eval.utils import set_torch_seed

    random.seed(seeds[0])
    np.random.seed(seeds[1])
    set_torch_seed(seeds[2])


def _wrapped(model: Any, tokenizer: Any, batch_size: int) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)


def _set_examples(task: Any, shots: int | None, seed: int) -> None:
    """Set how many examples a task shows: what it fixes at 0 stays so, and what says nothing shows none."""
    own = task.get_config("num_fewshot")
    if own != 0 and (shots is not None or own is None):
        task.set_config(key="num_fewshot", value=shots or 0)
    task.set_fewshot_seed(seed=seed)


def _entries(resolved: Resolved, found: Sequence[Given], commits: Mapping[str, str], scratch: Path) -> dict[str, Any]:
    """Return lm-eval's index of the names that a task stands for, each with the data it is to read."""
    from lm_eval.tasks._index import Entry as Indexed
    from lm_eval.tasks._index import Kind

    data = {one.leaf.entry or one.leaf.name: _data(one, commits, scratch) for one in found}
    kinds = {"task": Kind.TASK, "group": Kind.GROUP, "tag": Kind.TAG}
    made = {}
    for name, entry in resolved.entries.items():
        if entry.kind == "task" and name not in data:
            continue  # of a group that is there in part
        tagged = {member for member in entry.tagged if member in data}
        config = _config(name, resolved.entries, data)
        made[name] = Indexed(name=name, kind=kinds[entry.kind], yaml_path=None, cfg=config, tags=tagged)
    return made


def _config(name: str, known: Mapping[str, Entry], data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a task's or group's configuration, with its functions, as lm-eval reads it."""
    from lm_eval.tasks._yaml_loader import load_yaml

    entry = known[name]
    if entry.file is None:
        return None
    config: dict[str, Any] = load_yaml(entry.file, resolve_func=True)
    if entry.kind == "task":
        return {**config, **data[name]}
    return {**config, "task": _members(name, config.get("task"), known, data)}


def _members(group: str, members: Any, known: Mapping[str, Entry], data: Mapping[str, Any]) -> list[Any]:
    """Return a group's members without those that have no data here; tasks declared in place are given theirs."""
    made: list[Any] = []
    for item in [members] if isinstance(members, str) else members or []:
        said = {"task": item} if isinstance(item, str) else dict(item)
        name = str(said.get("task", said.get("group")))
        within = f"{group}::{name}"
        if name in known:
            made += [item] if known[name].kind != "task" or name in data else []
        elif "group" in said:
            made.append({**said, "task": _members(within, said.get("task"), known, data)})
        elif within in data:
            made.append({**said, **data[within]})
    return made


def _data(one: Given, commits: Mapping[str, str], scratch: Path) -> dict[str, Any]:
    """Return what is put into a task's configuration so that it reads the rows that are keyed, and no others."""
    if one.is_ours:
        return {"custom_dataset": _maker(one), "dataset_kwargs": None}
    if "custom_dataset" in one.leaf.config:
        return {}
    kwargs = {**(one.leaf.config.get("dataset_kwargs") or {}), "cache_dir": str(scratch)}
    commit = commits.get(given.hub_name(one), "").rpartition("@")[2]
    return {"dataset_kwargs": {**kwargs, "revision": commit} if len(commit) == _PINNED else kwargs}


def _maker(one: Given) -> Callable[..., Any]:
    def in_memory(**_: Any) -> Any:
        from datasets import Dataset, DatasetDict

        return DatasetDict({name: Dataset.from_list(rows) for name, rows in given.splits(one).items()})

    return in_memory
