"""Asking hello prompts: of a model that is loaded here, or of a server."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import DataError, ModelError
from leaven.probe.measured import How, Probed, judged

if TYPE_CHECKING:
    from leaven.conversation import Speaker
    from leaven.registry import Step
    from leaven.rows import Message, Row
    from leaven.server import Server

PROMPTS, FORMAT = "builtin:hello", "hello"
Report = Callable[[int, int], None]


def prompts(source: str = PROMPTS, format: Step | None = None) -> list[Row]:
    """Return the prompts of a source, of those that ship with Leaven unless told; raises DataError."""
    from leaven.data import canonical, sources
    from leaven.registry import Step

    if (said := sources.problem(source)) is not None:
        raise DataError(said)
    batches = canonical.canonical(source, format or Step(name=FORMAT), canonical.Slice(), "error")
    rows = [row for batch in canonical.some(batches) for row in batch.rows]
    if "prompt" not in rows[0]:
        raise DataError(f"{source} has no prompts in the format {format.name if format else FORMAT}; name another")
    return rows


def speaker(model: str, chat_template: str | None = None, dtype: str = "float32") -> Speaker:
    """Load a model by itself: a folder, ``pocket``, or a name of the hub; raises ModelError with the remedy."""
    from leaven.conversation import Speaker
    from leaven.models import load, ref

    declared = {"model_name_or_path": model, "chat_template_path": chat_template, "dtype": dtype}
    if (said := ref.problem(declared)) is not None:
        if _is_of_a_run(Path(model)):
            said += "; an arm's model is probed by --run RUN --arm ARM"
        elif (Path(model) / "adapter_config.json").is_file():
            said += " but an adapter; merge it into its model (PEFT: merge_and_unload), and name the folder of that"
        raise ModelError(said.replace("set model.chat_template_path", "give --chat-template"))
    base = ref.resolve(declared)
    loaded, tokenizer = load.causal_lm(base), load.tokenizer(base)
    return Speaker(model, loaded, tokenizer, load.stop_ids(tokenizer, loaded.generation_config))


def _is_of_a_run(folder: Path) -> bool:
    """Say whether a folder is a run's, or an arm's or a stage's in one."""
    from leaven.models import ref

    return (folder / ref.REF).is_file() or any((one / "study.yaml").is_file() for one in (folder, *folder.parents))


def of_model(who: Speaker, asked: Sequence[Row], how: How, report: Report = lambda done, total: None) -> Probed:
    """Ask a loaded model as its arm asks it, guards included; its sampling is the arm's own, but for a temperature.

    Raises ModelError where it can be asked nothing, or its weights are not finite.
    """
    from leaven.conversation import Conversation
    from leaven.data.front import control_ids
    from leaven.generate import hf
    from leaven.models import load

    load.prove_finite(who.model)
    talk = Conversation(who, max_new_tokens=how.max_new_tokens, temperature=how.temperature, raw=how.raw)
    sampling = talk.sampling
    how = replace(_drawn(how, sampling), raw=talk.raw)
    ids, read, unasked = _ids(who, asked, how)
    if not ids:
        (why, _), *_ = unasked.most_common(1)
        raise ModelError(f"none of {len(asked)} prompts can be asked: {why}")
    wanted = [hf.Prompt(item, sample, one) for item, one in ids.items() for sample in range(how.samples)]
    banned = control_ids(who.tokenizer, who.tokens)
    decoding = hf.Decoding(how.max_new_tokens, sampling, how.seed, who.stop_ids, banned)
    told: list[Row] = []
    for one in hf.generate(who.model, who.tokenizer, wanted, decoding):
        told.append(one)
        report(len(told), len(wanted))
    told, warnings = _guarded(who, asked, told)
    own = {name: value for name, value in sampling.items() if name not in ("do_sample", "temperature")}
    manner = talk.manner if who.methods.names or who.methods.guards or who.control else ""
    return Probed(
        who.called, how, judged(asked, told, how, read), dict(unasked), manner=manner, sampling=own, warnings=warnings
    )


def _drawn(how: How, sampling: Mapping[str, Any]) -> How:
    """Return how a model is asked once its sampling is known; of what is not drawn all answers would be equal."""
    if not sampling["do_sample"]:
        return replace(how, samples=1, temperature=0.0)
    return replace(how, temperature=sampling.get("temperature", 1.0))


def _guarded(who: Speaker, asked: Sequence[Row], told: list[Row]) -> tuple[list[Row], list[str]]:
    """Return answers as the arm's guards leave them, and what is odd of these."""
    from leaven.models.blocking import Desk

    if not who.methods.guards:
        return told, []
    desk = Desk.of(asked, told)
    desk.look(who.methods.guards)
    blocked = {(line["id"], line["sample"]) for line in desk.lines if line["blocked"]}
    left = [
        {**row, "refused": bool({(row["prompt_id"], None), (row["prompt_id"], row["sample"])} & blocked)}
        for row in desk.generations()
    ]
    return left, desk.facts()["warnings"]


def _ids(
    who: Speaker, asked: Sequence[Row], how: How
) -> tuple[dict[str, list[int]], dict[str, list[Message]], Counter[str]]:
    """Return the ids of each prompt that can be asked, what it says as it is asked, and why others cannot."""
    from leaven.data import chat, front
    from leaven.models import load

    control = front.control_ids(who.tokenizer, who.control)
    context, template = load.context_length(who.model.config), not (how.raw or who.methods.plain)
    chat.prompt_ids(who.tokenizer, [[{"role": "user", "content": "hello"}]], template)  # one that asks nothing unusual
    ids, read, unasked = dict[str, list[int]](), dict[str, list["Message"]](), Counter[str]()
    for row in asked:
        try:
            turns = row["prompt"] if how.raw else who.methods.asked(row["prompt"])
            room = how.max_new_tokens + len(control)
            (misfit,) = chat.prompt_misfits(who.tokenizer, [{**row, "prompt": turns}], context, room, template)
            (one,) = chat.prompt_ids(who.tokenizer, [turns], template)
        except ModelError as error:  # a template that refuses a talk without a user, or a blank turn, say
            unasked[f"{row['group'] or 'prompt'}: {str(error).splitlines()[0]}"] += 1
            continue
        if misfit is not None or not one:
            unasked[f"{row['group'] or 'prompt'}: {misfit[0] if misfit else 'it has no tokens'}"] += 1
        else:
            ids[row["id"]], read[row["id"]] = front.put(who.tokenizer, one, control), list(turns)
    return ids, read, unasked


def of_server(server: Server, asked: Sequence[Row], how: How, report: Report = lambda done, total: None) -> Probed:
    """Ask a server that speaks OpenAI's protocol; raises ModelError where it cannot be asked or answers nothing."""
    from leaven.generate.asked import Request, alike, prove_answered
    from leaven.generate.openai import ask

    temperature = 1.0 if how.temperature is None else how.temperature
    how = replace(how, temperature=temperature, samples=how.samples if temperature else 1, raw=False)
    requests = []
    for row in asked:
        seed = int.from_bytes(hashlib.sha256(f"{how.seed} {row['id']}".encode()).digest()[:4], "big") >> 1
        drawn = {"temperature": how.temperature, "top_p": 1.0, "max_tokens": how.max_new_tokens}
        requests.append(Request(row["id"], row["prompt"], {**drawn, "n": how.samples, "seed": seed}))
    try:
        with tempfile.TemporaryDirectory() as folder:
            journal = Path(folder) / "replies.jsonl"
            replies = ask(server, requests, journal, lambda done, total, **_: report(done, total))
        prove_answered(list(replies.values()))
    except ModelError as error:
        raise ModelError(_without_a_study(str(error))) from error
    silent = Counter(alike(one.reason or "an empty reply") for one in replies.values() if not one.texts)
    told = [
        {"prompt_id": one.id, "sample": sample, "text": text, "finish_reason": ended}
        for one in replies.values()
        for sample, (text, ended) in enumerate(zip(one.texts, one.finish_reasons, strict=True))
    ]
    return Probed(server.model, how, judged(asked, told, how), silent=dict(silent))


_OF_A_STUDY = (  # what messages say to whoever has a study, whose answers are kept; a probe keeps none
    ("`base_url`", "`--server`"),
    ("`model`", "`--server-model`"),
    (r"\d+ answers are kept: start it and run again, none of them is asked again", "start it and run again"),
    (r"\d+ answers are kept; look at", "look at"),
    ("put that right if it lies with the study, or run it again later", "put that right, or probe again later"),
    ("run it again: what was answered is kept", "probe again later"),
)


def _without_a_study(said: str) -> str:
    """Return a message about a server as it is of use to somebody who has given options, and no study."""
    for theirs, ours in _OF_A_STUDY:
        said = re.sub(theirs, ours, said)
    return said
