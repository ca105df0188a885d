"""Prompt-time methods -> stages: rows rewritten as an arm's model is asked, passages looked up, answers guarded.

    prompts --retrieved--> passages --wrapped--> prompts as the model is asked
    generations --guarded--> generations in which what a guard blocks is refused

Whoever scores an answer reads the bare prompt: two arms are asked the same, each in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from leaven import needs
from leaven.engine.stage import Needs, Stage
from leaven.evaluate.harness import HarnessSuite
from leaven.evaluate.likelihood import LikelihoodSuite
from leaven.evaluate.measure import Measure
from leaven.evaluate.preferences import PreferenceSuite
from leaven.evaluate.regurgitation import RegurgitationSuite
from leaven.evaluate.suite import DEFAULTS, GenerationSuite
from leaven.models import sentence_vectors
from leaven.models.wraps.wrap import Wrap
from leaven.registry import WRAPS, Plugin, Step
from leaven.study.matrix import ExpandedArm
from leaven.wiring.sourcing import Sourcing, stage

BLOCKED = (
    Measure(
        "blocked",
        "Share of answers that the arm's guards block, by their prompt or themselves.",
        None,
        "share",
        beside=True,
    ),
    Measure("blocked_prompt", "Share blocked by their prompt.", None, "share", beside=True),
    Measure("blocked_answer", "Share blocked by the answer itself.", None, "share", beside=True),
    Measure("false_block", "Share of harmless prompts whose answer is blocked.", "lower", "share", beside=True),
)


@dataclass(frozen=True)
class Method:
    """One prompt-time method of an arm: its plug-in, its declared step, and what it asks for."""

    plugin: Plugin
    step: Step
    wrap: Wrap


def methods(arm: ExpandedArm) -> list[Method]:
    """Return an arm's prompt-time methods in their order."""
    found = ((WRAPS.get(step.name), step) for step in arm.wraps)
    return [Method(plugin, step, plugin.call(args=step.args)) for plugin, step in found]


def rewriting(arm: ExpandedArm) -> list[Method]:
    """Return those that change what the model reads."""
    return [one for one in methods(arm) if one.wrap.rewrites]


def guards(arm: ExpandedArm) -> list[Method]:
    """Return those that look at prompts or answers."""
    return [one for one in methods(arm) if one.wrap.guards]


def is_plain(arm: ExpandedArm) -> bool:
    """Say whether the arm's model is asked with plain text, without its chat template."""
    return any(one.wrap.plain for one in methods(arm))


def as_asked(suite: GenerationSuite, arm: ExpandedArm) -> GenerationSuite:
    """Return a suite as it asks an arm: with the arm's own sampling, its stop strings, and without a template."""
    plain = is_plain(arm)
    if not (arm.generation or plain or _stops(arm)):
        return suite
    template = suite.apply_chat_template and not plain
    return replace(suite, sampling=sampling(suite.sampling, arm), apply_chat_template=template)


def sampling(declared: Mapping[str, Any], arm: ExpandedArm) -> dict[str, Any]:
    """Return how answers are drawn as declared, but for an arm's own settings; null takes a declared one out.

    What ends an answer by the arm's methods does so beside what was declared. What equals the defaults stays out of
    keys.
    """
    made = {name: value for name, value in {**declared, **arm.generation}.items() if value is not None}
    if stops := _stops(arm):
        made["stop_strings"] = [*made.get("stop_strings", []), *stops]
    if "generation_config" in made:  # the checkpoint's settings differ from our defaults
        return made
    return {name: value for name, value in made.items() if value != DEFAULTS.get(name)}


def _stops(arm: ExpandedArm) -> list[str]:
    return [text for one in methods(arm) for text in one.wrap.stop_strings]


def wrapped(sourcing: Sourcing, arm: ExpandedArm, rows: Stage, where: str) -> Stage:
    """The rows as an arm's model reads them: prompts under its methods, as they are where it has none."""
    if not (found := rewriting(arm)):
        return rows
    inputs = {"rows": rows}
    for index, one in enumerate(found):
        if one.wrap.retrieves:
            inputs[f"{index}.passages"] = retrieved(sourcing, one, rows, where)
        else:
            inputs |= {f"{index}.{role}": sourcing.source(data) for role, data in one.wrap.reads.items()}
    base = sourcing.reading(sourcing.base(arm))  # what is put into a prompt must not spell one of its special tokens
    args = {"steps": [_rewrites(one) for one in found], "model": base.as_args()}
    return stage("wrapped", args, inputs, needs.reading(base), together="data", where=f"{where} {arm.name}")


def _rewrites(method: Method) -> dict[str, Any]:
    """A method as a stage that rewrites prompts by it is told; what was looked up for it is an input, and so is how."""
    declared = _unnamed(method)
    if method.wrap.retrieves:
        beside = {*_OF_AN_INDEX, *_OF_A_QUERY, "model"}
        declared["args"] = {name: value for name, value in declared["args"].items() if name not in beside}
    return declared


def _unnamed(method: Method) -> dict[str, Any]:
    """A method in canonical form, the data that it reads by what they are to it: their names are no content."""
    declared = method.plugin.canonical(method.step.args)
    for role, place in method.plugin.traits.get("data", {}).items():
        *around, last = place.split(".")
        args = declared["args"]
        for name in around:
            args = args.get(name, {})
        if last in args:
            args[last] = role
    return declared


def passages(sourcing: Sourcing, arm: ExpandedArm, rows: Stage, where: str) -> dict[str, Stage]:
    """The passages that an arm's model was shown for each prompt, by an input's name, in the order of its methods."""
    found = [retrieved(sourcing, one, rows, where) for one in rewriting(arm) if one.wrap.retrieves]
    return {f"passages.{place}" if place else "passages": one for place, one in enumerate(found)}


def retrieved(sourcing: Sourcing, method: Method, rows: Stage, where: str) -> Stage:
    """What is found for each prompt in an index that is made once."""
    declared = method.plugin.canonical(method.step.args)["args"]
    (data,) = method.wrap.reads.values()
    how, takes = {name: declared[name] for name in _OF_AN_INDEX if name in declared}, needs.ONE_CORE
    if declared.get("model") is not None:
        name = f"sentence vectors {declared['model']}"
        found = sourcing.resolved(name, lambda: sentence_vectors.resolve(declared, ask=sourcing.ask))
        how["model"], takes = found["args"]["model"], replace(needs.ONE_CORE, paths=found["paths"])
    index = stage("retrieval", how, {"rows": sourcing.source(data)}, takes, together="data", where=data)
    asked = {name: value for name, value in declared.items() if name in _OF_A_QUERY}
    read = {"index": index, "rows": rows}
    return stage("retrieved", asked, read, takes, together="data", where=f"{where} {data}")


_OF_AN_INDEX = ("by", "passage_words")
_OF_A_QUERY = ("k",)


def guarded(sourcing: Sourcing, arm: ExpandedArm, told: Stage, bare: Stage, where: str) -> Stage | None:
    """The answers of an arm after its guards: what they block is refused; None where it has none."""
    found = guards(arm)
    if not found:
        return None
    inputs, steps, takes = {"generations": told, "prompts": bare}, [], needs.ONE_CORE
    for index, one in enumerate(found):
        canonical = _unnamed(one)
        if (metric := one.step.args.get("metric")) is not None:
            canonical["args"]["metric"], needed = sourcing.metric(Step.model_validate(metric))
            takes = _beside(takes, needed, index)
        steps.append(canonical)
        if one.wrap.reads:
            inputs[f"{index}.guard"] = _fitted(sourcing, one, canonical)
    return stage("guarded", {"steps": steps}, inputs, takes, together=f"score {where.partition(' ')[0]}", where=where)


def _beside(takes: Needs, more: Needs, place: int) -> Needs:
    """Return what several guards take one after the other; each keeps its own folder."""
    if more is needs.ONE_CORE:
        return takes
    paths = {f"{place}.{name}": path for name, path in more.paths.items()}
    around = {"metric": {**takes.around.get("metric", {}), **more.around.get("metric", {})}}
    like = f"{takes.like} {more.like}".strip()
    return replace(more, like=like, paths={**takes.paths, **paths}, around=around if any(around.values()) else {})


def _fitted(sourcing: Sourcing, method: Method, canonical: Mapping[str, Any]) -> Stage:
    """A guard that was fitted on examples, or whose threshold was set on a split that nothing is reported of."""
    metric, takes = method.step.args.get("metric"), needs.ONE_CORE
    if metric is not None:
        _, takes = sourcing.metric(Step.model_validate(metric))
    read = {role: sourcing.source(data) for role, data in method.wrap.reads.items()}
    where = "+".join(method.wrap.reads.values())
    args = {name: value for name, value in canonical["args"].items() if name != "refusal"}  # what it says fits nothing
    return stage("guard", {"step": {**canonical, "args": args}}, read, takes, together="data", where=where)


def unreached(arm: ExpandedArm, suite: Any, *, of_texts: bool = False) -> Iterator[str]:
    """Yield the methods of an arm that a suite cannot ask it with, by name: it asks without them, and says so.

    Free generation is asked with all; answers of one fixed length without guards; likelihoods (but those ``of_texts``,
    which have no prompt) and preferences with what rewrites prompts by messages; a benchmark of lm-eval with a system
    prompt, which is its own argument.
    """
    if isinstance(suite, GenerationSuite) and not isinstance(suite, RegurgitationSuite):
        return
    rated = isinstance(suite, LikelihoodSuite | PreferenceSuite) and not is_plain(arm) and not of_texts
    by_messages = rated or isinstance(suite, GenerationSuite)
    for one in methods(arm):
        as_system = isinstance(suite, HarnessSuite) and bool(system_instruction(suite, arm)) and _is_system(one)
        if not (one.wrap.control or as_system or (by_messages and one.wrap.rewrites)):
            yield one.step.name


def system_instruction(suite: HarnessSuite, arm: ExpandedArm) -> dict[str, Any]:
    """Return an arm's system prompt as lm-eval takes it; nothing where it has none, or the suite says its own.

    Of several each comes before the one that is there, as ``system_prompt`` puts it.
    """
    said = [str(one.step.args["text"]) for one in methods(arm) if _is_system(one)]
    if not said or "system_instruction" in suite.settings:
        return {}
    return {"system_instruction": "\n\n".join(reversed(said))}


def _is_system(method: Method) -> bool:
    return method.step.name == "system_prompt"
