"""The verb of sampling: several different answers to each prompt, by a model of the study or by a server."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import progress
from leaven import rows as tables
from leaven.errors import ModelError
from leaven.rows import Message, Row
from leaven.server import Server
from leaven.stages.controlled import added
from leaven.stages.folders import Args, Facts, Inputs, table_of
from leaven.stages.speaker import artefact, speaker

if TYPE_CHECKING:
    from leaven.generate.asked import Reply

Wanted = Sequence[tuple[str, int, int]]  # prompt_id, sample, and how often it was drawn before
Draw = Callable[[Wanted], list[Row]]

_OF_SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty", "stop_strings")
_BY_SERVERS = {"temperature": "temperature", "top_p": "top_p", "stop_strings": "stop"}


def answers(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model, or a server, and prompts -> ``num_return_sequences`` answers to each; exact repeats are drawn again.

    ``temperatures`` and ``systems`` are schedules over the samples. What a server did not answer has no text (null)
    and says why as its ``finish_reason``.
    """
    from leaven.generate.redrawn import redrawn

    asked = table_of(inputs["prompts"]).to_pylist()
    several = args["num_return_sequences"]
    with _served(args, inputs, out) as server:
        draw, spent = _by_model(args, inputs, asked, out) if server is None else _by_server(args, server, asked, out)
        first = draw([(row["id"], sample, 0) for row in asked for sample in range(several)])
        made, redraws = redrawn(first, draw, args["redraw"])
    made.sort(key=lambda row: (row["prompt_id"], row["sample"]))
    count = tables.write(out / "generations.parquet", "generations", made)
    ended = dict(Counter(row["finish_reason"] for row in made))
    tokens = sum(row["tokens"] or 0 for row in made)
    return {
        "generations": count,
        "prompts": len(asked),
        "tokens": tokens,
        "finish_reasons": ended,
        **redraws,
        **spent(),
    }


def scheduled(args: Args, sample: int) -> tuple[dict[str, Any], str | None]:
    """Return how a sample is drawn, by transformers' names, and the system prompt that it is drawn with, if any."""
    drawn = {name: args[name] for name in _OF_SAMPLING if name in args}
    if temperatures := args.get("temperatures"):
        drawn["temperature"] = temperatures[sample % len(temperatures)]
    systems = args.get("systems")
    return drawn, systems[sample % len(systems)] if systems else None


def asked_with(prompt: Sequence[Message], system: str | None) -> list[Message]:
    """Return a prompt under a system prompt, behind the one that it has already."""
    from leaven.data.treatments.plant import planted

    return list(prompt) if system is None else planted(prompt, system, "context")


def _by_model(args: Args, inputs: Inputs, asked: list[Row], out: Path) -> tuple[Draw, Callable[[], Facts]]:
    """Return how a model answers; what it told already is kept, attempt by attempt."""
    from leaven.data.chat import prompt_ids
    from leaven.generate import checkpoint, hf
    from leaven.generate.redrawn import number
    from leaven.generate.told import Told
    from leaven.models import load

    model, tokenizer, stops = speaker(args, inputs)
    load.prove_finite(model)
    banned = added(args, inputs, tokenizer)
    told, report = Told(out / progress.FOLDER / "answers.jsonl"), progress.Progress(out, "answers")
    resumed, several = len(told.rows), args["num_return_sequences"]

    @functools.cache
    def ids(system: str | None) -> dict[str, list[int]]:
        encoded = prompt_ids(tokenizer, [asked_with(row["prompt"], system) for row in asked])
        return {row["id"]: one for row, one in zip(asked, encoded, strict=True)}

    def generate(wanted: Wanted) -> None:
        for way, some in _alike(args, wanted).items():
            sampling = checkpoint.sampling(model.generation_config, dict(way))
            decoding = hf.Decoding(args["max_new_tokens"], sampling, args["seed"], stops, banned)
            # An answer that is drawn again has noise of its own: that of a sample which nobody else has.
            numbered = [(item, sample, number(sample, again, several)) for item, sample, again in some]
            missing = [
                hf.Prompt(item, drawn, ids(scheduled(args, sample)[1])[item])
                for item, sample, drawn in numbered
                if (item, drawn) not in told.rows
            ]
            for one in hf.generate(model, tokenizer, missing, decoding):
                told.add(one)
                report(len(told.rows), len(asked) * several)

    def draw(wanted: Wanted) -> list[Row]:
        generate(wanted)
        return [{**told.rows[item, number(sample, again, several)], "sample": sample} for item, sample, again in wanted]

    return draw, lambda: {"resumed": resumed, **load.device_facts(model)}


def _alike(args: Args, wanted: Wanted) -> dict[tuple[tuple[str, Any], ...], list[tuple[str, int, int]]]:
    """Return what is wanted by how it is drawn: what is drawn alike is computed at once."""
    found: dict[tuple[tuple[str, Any], ...], list[tuple[str, int, int]]] = {}
    for one in wanted:
        drawn, _ = scheduled(args, one[1])
        way = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in drawn.items())
        found.setdefault(way, []).append(one)
    return found


@contextmanager
def _served(args: Args, inputs: Inputs, out: Path) -> Iterator[Server | None]:
    """Yield the server that answers: the declared one, `vllm` for as long as it is needed, or none."""
    if "server" in args:
        yield Server(**args["server"], **args.get("around", {}).get("server", {}))
    elif args.get("backend") == "vllm":
        from leaven.generate.vllm import of_arm, serving
        from leaven.models import load, ref

        folder = artefact(args, inputs) if "model" in inputs else None
        described = args["model"] if folder is None else ref.ModelRef.load(folder).base
        (out / progress.LOGS).mkdir(exist_ok=True)
        with serving(of_arm(load.base(described, inputs.get("base")), folder), out / progress.LOGS / "vllm.log") as one:
            yield one
    else:
        yield None


def _by_server(args: Args, server: Server, asked: list[Row], out: Path) -> tuple[Draw, Callable[[], Facts]]:
    """Return how a server answers: one request for each sample, since each may be asked in a way of its own."""
    from leaven.generate.asked import Request, prove_answered
    from leaven.generate.openai import ask

    if refused := [name for name in ("top_k", "repetition_penalty") if name in args]:
        raise ModelError(f"a server that speaks OpenAI's protocol takes no {' and no '.join(refused)}; take it out")
    prompts, spent = {row["id"]: row["prompt"] for row in asked}, Counter[str]()
    report, journal = progress.Progress(out, "answers"), out / progress.FOLDER / "replies.jsonl"

    def request(item: str, sample: int, again: int) -> Request:
        drawn, system = scheduled(args, sample)
        # A server has defaults of its own, so what is ours is always said; and each answer has a seed of its own.
        named = {"temperature": 1.0, "top_p": 1.0, **{_BY_SERVERS[name]: value for name, value in drawn.items()}}
        digest = hashlib.sha256(json.dumps([args["seed"], item, sample, again]).encode()).digest()
        seed = int.from_bytes(digest[:4], "big") >> 1
        settings = {**named, "max_tokens": args["max_new_tokens"], "n": 1, "seed": seed}
        return Request(f"{item}/{sample}/{again}", asked_with(prompts[item], system), settings)

    def draw(wanted: Wanted) -> list[Row]:
        replies = ask(server, [request(*one) for one in wanted], journal, report)
        if not wanted[0][2]:  # of what is drawn again there may be nothing
            prove_answered(list(replies.values()))
        made = []
        for item, sample, again in wanted:
            reply = replies[f"{item}/{sample}/{again}"]
            spent.update(prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens, requests=1)
            said = {"text": reply.texts[0], "finish_reason": reply.finish_reasons[0]} if reply.texts else _silent(reply)
            made.append({"prompt_id": item, "sample": sample, "tokens": reply.completion_tokens, **said})
        return made

    return draw, lambda: dict(spent)


def _silent(reply: Reply) -> Mapping[str, str | None]:
    from leaven.generate.asked import alike

    return {"text": None, "finish_reason": alike(reply.reason or "no answer")}
