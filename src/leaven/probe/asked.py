"""Asking hello prompts: of a model that is loaded here, or of a server."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import DataError, ModelError
from leaven.probe.measured import How, Probed, judged

if TYPE_CHECKING:
    from leaven.conversation import Speaker
    from leaven.registry import Step
    from leaven.rows import Row
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
        if (Path(model) / ref.REF).is_file():
            said += "; an arm's model is probed by --run RUN --arm ARM"
        raise ModelError(said.replace("set model.chat_template_path", "give --chat-template"))
    base = ref.resolve(declared)
    loaded, tokenizer = load.causal_lm(base), load.tokenizer(base)
    return Speaker(model, loaded, tokenizer, load.stop_ids(tokenizer, loaded.generation_config))


def of_model(who: Speaker, asked: Sequence[Row], how: How, report: Report = lambda done, total: None) -> Probed:
    """Ask a loaded model; raises ModelError where it can be asked nothing, or its weights are not finite."""
    from leaven.data.front import control_ids
    from leaven.generate import hf
    from leaven.models import load

    load.prove_finite(who.model)
    ids, unasked = _ids(who, asked, how)
    if not ids:
        (why, _), *_ = unasked.most_common(1)
        raise ModelError(f"none of {len(asked)} prompts can be asked: {why}")
    wanted = [hf.Prompt(item, sample, one) for item, one in ids.items() for sample in range(how.samples)]
    sampling = _sampling(who, how)
    banned = control_ids(who.tokenizer, who.tokens)
    decoding = hf.Decoding(how.max_new_tokens, sampling, how.seed, who.stop_ids, banned)
    told: list[Row] = []
    for one in hf.generate(who.model, who.tokenizer, wanted, decoding):
        told.append(one)
        report(len(told), len(wanted))
    return Probed(who.called, how, judged(asked, told, how), dict(unasked))


def _sampling(who: Speaker, how: How) -> dict[str, Any]:
    """Return how answers are drawn: an arm's own settings first, but for a temperature, which the probe says."""
    own = {name: value for name, value in who.sampling.items() if value is not None and name != "temperature"}
    sampling: dict[str, Any] = {"do_sample": how.temperature > 0, **own}
    if who.methods.stop_strings:
        sampling["stop_strings"] = [*sampling.get("stop_strings", []), *who.methods.stop_strings]
    if sampling["do_sample"] and how.temperature not in (0, 1):
        sampling["temperature"] = how.temperature
    return sampling


def _ids(who: Speaker, asked: Sequence[Row], how: How) -> tuple[dict[str, list[int]], Counter[str]]:
    """Return the ids of each prompt that can be asked, and why others cannot."""
    from leaven.data import chat, front
    from leaven.models import load

    control = front.control_ids(who.tokenizer, who.control)
    context, template = load.context_length(who.model.config), not (how.raw or who.methods.plain)
    chat.prompt_ids(who.tokenizer, [[{"role": "user", "content": "hello"}]], template)  # one that asks nothing unusual
    ids, unasked = dict[str, list[int]](), Counter[str]()
    for row in asked:
        try:
            read = row["prompt"] if how.raw else who.methods.asked(row["prompt"])
            room = how.max_new_tokens + len(control)
            (misfit,) = chat.prompt_misfits(who.tokenizer, [{**row, "prompt": read}], context, room, template)
            (one,) = chat.prompt_ids(who.tokenizer, [read], template)
        except ModelError as error:  # a template that refuses a talk without a user, or a blank turn, say
            unasked[f"{row['group'] or 'prompt'}: {str(error).splitlines()[0]}"] += 1
            continue
        if misfit is not None or not one:
            unasked[f"{row['group'] or 'prompt'}: {misfit[0] if misfit else 'it has no tokens'}"] += 1
        else:
            ids[row["id"]] = front.put(who.tokenizer, one, control)
    return ids, unasked


def of_server(server: Server, asked: Sequence[Row], how: How, report: Report = lambda done, total: None) -> Probed:
    """Ask a server that speaks OpenAI's protocol; raises ModelError where it cannot be asked or answers nothing."""
    from leaven.generate.asked import Request, alike, prove_answered
    from leaven.generate.openai import ask

    requests = []
    for row in asked:
        seed = int.from_bytes(hashlib.sha256(f"{how.seed} {row['id']}".encode()).digest()[:4], "big") >> 1
        drawn = {"temperature": how.temperature, "top_p": 1.0, "max_tokens": how.max_new_tokens}
        requests.append(Request(row["id"], row["prompt"], {**drawn, "n": how.samples, "seed": seed}))
    with tempfile.TemporaryDirectory() as folder:
        replies = ask(server, requests, Path(folder) / "replies.jsonl", lambda done, total, **_: report(done, total))
    prove_answered(list(replies.values()))
    silent = Counter(alike(one.reason or "an empty reply") for one in replies.values() if not one.texts)
    told = [
        {"prompt_id": one.id, "sample": sample, "text": text, "finish_reason": ended}
        for one in replies.values()
        for sample, (text, ended) in enumerate(zip(one.texts, one.finish_reasons, strict=True))
    ]
    return Probed(server.model, how, judged(asked, told, how), silent=dict(silent))
