"""What is wrong with how arms are asked: their own sampling, and the data that their prompt-time methods read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from leaven.errors import LeavenError, did_you_mean
from leaven.registry import SUITES, WRAPS, Step
from leaven.study.guarding import guarded
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm, asks
from leaven.study.measured import makes, silent
from leaven.study.own import suites_own
from leaven.study.problems import Check, names_data

# How a model samples, in transformers' names; how many samples there are is the suite's.
SAMPLED = (
    "do_sample", "early_stopping", "length_penalty", "min_p", "no_repeat_ngram_size", "num_beams",
    "repetition_penalty", "stop_strings", "temperature", "top_k", "top_p",
)  # fmt: skip
_CHARACTERS = "characters"  # a suite's max_new_tokens where each answer has a length of its own
_PLAIN = "chat_simulation"


def asked(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check each arm's own sampling against the suites that ask it, and what its prompt-time methods read."""
    for arm in arms:
        at: Steps = ("arms", arm.stem, "generation")
        for name in sorted(set(arm.generation) - set(SAMPLED)):
            check.say((*at, name), f"'{name}' is no setting of sampling", did_you_mean(name, SAMPLED))
        if set(arm.generation) <= set(SAMPLED):
            _sampled(parts, arm, at, check)
        for index, step in enumerate(arm.wraps):
            _reads(parts, arm, step, ("arms", arm.stem, "wraps", index, step.name), check)
        if sum(step.name == _PLAIN for step in arm.wraps) > 1:
            said = f"'{arm.name}' is written out as a chat twice, and a text has no turns any more"
            check.say(("arms", arm.stem, "wraps"), said, f"keep one {_PLAIN}")


def _sampled(parts: Mapping[str, Any], arm: ExpandedArm, at: Steps, check: Check) -> None:
    """Check that an arm's sampling goes with that of each suite that lets it answer freely."""
    reads = [step.name for step in arm.wraps if _rewrites(step)]
    for step in parts.get("evaluate", []):
        suite = _free(step, arm)
        if suite is None:
            continue
        if reads and suite.max_new_tokens == _CHARACTERS:
            said = f"suite {suite.name} gives an answer as many tokens as its question has, and {reads[0]} lengthens it"
            check.say(("arms", arm.stem, "wraps"), said, "set the suite's max_new_tokens to a number")
        if not arm.generation:
            continue
        sampling = {name: value for name, value in suite.sampling.items() if name != "generation_config"}
        try:
            together = {name: value for name, value in {**sampling, **arm.generation}.items() if value is not None}
            SUITES.get("generate").declare({**ANY, **together})
        except ValidationError as error:
            check.take(error, at, dict.fromkeys(SAMPLED))


ANY = {"prompts": "any", "metrics": ["length"]}  # of a suite, what says nothing of sampling


def _free(step: Step, arm: ExpandedArm) -> Any:
    """Return a suite that asks an arm for free answers, None for any other, and for one that is unsound."""
    try:
        made = SUITES.get(step.name).call(args=suites_own(step)) if asks(step, arm) else None
    except (KeyError, ValueError, LeavenError):
        return None  # said already with the suite's arguments
    return made if hasattr(made, "sampling") and hasattr(made, "apply_chat_template") else None


def _rewrites(step: Step) -> bool:
    try:
        return bool(WRAPS.get(step.name).call(args=step.args).rewrites)
    except (KeyError, ValueError):
        return False  # said already with the wrap's arguments


def _reads(parts: Mapping[str, Any], arm: ExpandedArm, step: Step, at: Steps, check: Check) -> None:
    """Check that what a method reads is data of a source, with answers where it shows some."""
    try:
        plugin = WRAPS.get(step.name)
        read = plugin.call(args=step.args).reads
    except (KeyError, ValueError):
        return  # said already with the wrap's arguments
    for role, name in read.items():
        place: Steps = (*at, *plugin.traits.get("data", {}).get(role, role).split("."))
        names_data(parts, name, place, check)
        data = parts.get("data", {}).get(name)
        if data is not None and data.made is not None:
            check.say(place, f"'{name}' is made by this study, and differs from seed to seed", "name a source")
        elif role == "shots" and (silent(parts, name) or makes(parts.get("data", {}), name) not in _SHOWN):
            check.say(place, f"'{name}' has no answers to show", "name demonstrations")
    if step.name == "guard":
        guarded(parts, arm, step, at, check)


_SHOWN = (None, "examples", "preferences")
