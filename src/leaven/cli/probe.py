"""The command `probe`: say hello to a model in many ways, and count what goes wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import console

if TYPE_CHECKING:
    from leaven.conversation import Speaker
    from leaven.probe.measured import How, Probed
    from leaven.probe.recited import Recited
    from leaven.registry import Step
    from leaven.rows import Row


class Precision(StrEnum):
    """In which precision weights are loaded."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


def probe(  # noqa: PLR0913, PLR0917 - the options of a command
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A model's folder, `pocket`, or a name of the hub.")
    ] = None,
    run: Annotated[str | None, typer.Option("--run", help="Probe an arm of this run instead.")] = None,
    arm: Annotated[str | None, typer.Option("--arm", help="With --run: which arm.")] = None,
    arm_seed: Annotated[int | None, typer.Option("--arm-seed", help="With --run: of this training seed.")] = None,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Probe a server that speaks OpenAI's protocol instead."),
    ] = None,
    server_model: Annotated[
        str | None, typer.Option("--server-model", metavar="NAME", help="With --server: the model's name there.")
    ] = None,
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", help="With --server: the environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    chat_template: Annotated[
        str | None,
        typer.Option("--chat-template", "--chat-template-path", help="The model's template (jinja file, or `plain`)."),
    ] = None,
    raw: Annotated[
        bool | None, typer.Option("--raw/--no-raw", help="Ask with the bare text, without a chat template.")
    ] = None,
    dtype: Annotated[
        Precision | None, typer.Option("--dtype", help="Load the weights in this precision (float32).")
    ] = None,
    prompts: Annotated[
        str, typer.Option("--prompts", metavar="SOURCE", help="Ask these instead: rows with prompts.")
    ] = "builtin:hello",
    format: Annotated[str, typer.Option("--format", help="With --prompts: how their rows are read.")] = "hello",
    samples: Annotated[int, typer.Option("--samples", min=1, help="Answers to each prompt.")] = 4,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, help="An answer's longest.")] = 64,
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", min=0, help="1, or the arm's own; 0 takes the likeliest token."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the samples.")] = 0,
    user: Annotated[
        list[str] | None, typer.Option("--user", metavar="NAME", help="The user's name in a simulated chat; repeat.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="SOURCE", help="Look for answers word for word in this text.")
    ] = None,
    held_out: Annotated[
        str | None,
        typer.Option("--held-out", metavar="SOURCE", help="With --against: the same in text never trained on."),
    ] = None,
    span: Annotated[int, typer.Option("--span", min=2, help="With --against: how long a span counts.")] = 20,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", help="With --against: in what spans are counted (words, or a folder).")
    ] = "words",
    examples: Annotated[int, typer.Option("--examples", min=0, help="Show so many of the worst answers.")] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON, every answer included.")] = False,
    fail_under: Annotated[
        float | None, typer.Option("--fail-under", min=0, max=1, help="Exit with 1 if fewer answers pass.")
    ] = None,
    workspace: Workspace = RUNS,
) -> None:
    """Say hello to a model in many ways, and count what goes wrong: no stop, the user's turn, loops, echoes."""
    from leaven.cli import probed
    from leaven.probe.asked import prompts as read
    from leaven.probe.measured import How

    _refuse({
        "MODEL": model, "--run": run, "--arm": arm, "--arm-seed": arm_seed, "--server": server,
        "--server-model": server_model, "--chat-template": chat_template, "--raw": raw, "--dtype": dtype,
        "--against": against, "--held-out": held_out,
    })  # fmt: skip
    how = How(samples, max_new_tokens, temperature, seed, raw, tuple(user or ()))
    asked = read(prompts, _step(format))
    if against is not None:
        _readable(against, held_out)
    if server is not None and server_model is not None:
        found = _of_server(server, server_model, api_key_env, asked, how)
    else:
        template = chat_template or ("plain" if raw else None)  # one that is never asked by need not be there
        who = _speaker(model, (run, arm, arm_seed), (template, dtype), workspace)
        found = _of_model(who, asked, how)
    recited = None if against is None else _recited(found, against, held_out, span, tokenizer)
    if as_json:
        console().print(json.dumps(probed.as_json(found, recited), indent=1, ensure_ascii=True, allow_nan=False))
    else:
        probed.show(found, recited, examples)
    passing = found.rate("passes").share
    if fail_under is not None and (passing is None or passing < fail_under):
        raise typer.Exit(1)


def _refuse(given: dict[str, object]) -> None:
    """Raise StudyError for options that do not go together, before anything is loaded."""
    from leaven.errors import Problem, StudyError

    said = []
    named = [name for name in ("MODEL", "--run", "--server") if given[name] is not None]
    if len(named) != 1:
        what = f"{' and '.join(named)} are" if named else "no model is"
        said.append(Problem("probe", f"{what} given", "give one: MODEL, --run RUN --arm ARM, or --server URL"))
    for one, other in (("--run", "--arm"), ("--server", "--server-model")):
        if (given[one] is None) != (given[other] is None):
            absent, there = (one, other) if given[one] is None else (other, one)
            said.append(Problem(there, f"needs {absent} beside it", f"add {absent}"))
    for one, other in (("--arm-seed", "--run"), ("--held-out", "--against")):
        if given[one] is not None and given[other] is None:
            said.append(Problem(one, f"has no effect without {other}", f"add {other}, or take it out"))
    for name in ("--chat-template", "--raw", "--dtype"):
        wrong = given[name] is not None and (given["--server"] is not None or (given["--run"] and name != "--raw"))
        if wrong:
            said.append(Problem(name, "is of a model that is loaded by itself", "take it out"))
    if said:
        raise StudyError(said)


def _step(name: str) -> Step:
    from leaven.errors import Problem, StudyError
    from leaven.registry import FORMATS, Step

    try:
        return Step(name=FORMATS.get(name).name)
    except KeyError as error:
        raise StudyError([Problem("--format", str(error.args[0]))]) from None


def _readable(against: str, held_out: str | None) -> None:
    """Raise DataError for texts that cannot be read, before the model is asked for minutes."""
    from leaven.probe import recited

    for source in (against, held_out):
        if source is not None:
            recited.refuse(source)


def _recited(found: Probed, against: str, held_out: str | None, span: int, tokenizer: str) -> Recited:
    from leaven.probe import recited

    return recited.recited(found, against, held_out, span=span, tokenizer=tokenizer)


def _speaker(
    model: str | None,
    arm: tuple[str | None, str | None, int | None],
    manner: tuple[str | None, str | None],
    workspace: Path,
) -> Speaker:
    """Load whoever is probed: a model by itself, or an arm of a run."""
    from transformers.utils import logging

    from leaven import conversation
    from leaven.probe import asked

    logging.disable_progress_bar()
    run, name, seed = arm
    if run is not None and name is not None:
        return conversation.speaker(run, name, seed, workspace)
    assert model is not None, "refused before"
    return asked.speaker(model, manner[0], manner[1] or "float32")


def _of_model(who: Speaker, rows: list[Row], how: How) -> Probed:
    from leaven.probe import asked

    with _progress() as report:
        return asked.of_model(who, rows, how, report)


def _of_server(url: str, model: str, api_key_env: str, rows: list[Row], how: How) -> Probed:
    from pydantic import ValidationError

    from leaven.errors import Problem, StudyError
    from leaven.probe import asked
    from leaven.server import Server

    try:
        server = Server(model=model, base_url=url, api_key_env=api_key_env)
    except ValidationError as error:
        options = {"base_url": "--server", "model": "--server-model", "api_key_env": "--api-key-env"}
        wrong = [(options.get(str(one["loc"][0]), "--server"), one["msg"]) for one in error.errors()]
        raise StudyError([Problem(name, said.removeprefix("Value error, ")) for name, said in wrong]) from None
    with _progress() as report:
        return asked.of_server(server, rows, how, report)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how many answers there are; print nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    shown = Progress(
        TextColumn("asking"), BarColumn(), MofNCompleteColumn(),
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with shown:
        task = shown.add_task("asking")
        yield lambda done, total: shown.update(task, completed=done, total=total)
