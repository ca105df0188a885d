"""The command `push`: an export that goes to the hub."""

from __future__ import annotations

from typing import Annotated

import typer

from leaven.cli.export import Merge, Quantize, Seed, What, quiet, tell
from leaven.cli.options import RUNS, Workspace
from leaven.cli.report import RunArgument
from leaven.cli.terminal import console, printable


def push(  # noqa: PLR0913 - a command's options
    study: RunArgument,
    what: What,
    repo: Annotated[str, typer.Argument(metavar="REPO", help="The repository on the hub: owner/name.")],
    *,
    seed: Seed = None,
    merge: Merge = False,
    quantize: Quantize = None,
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="Let everybody see it. Without this it is private. What is there keeps who sees it."
        ),
    ] = False,
    poisoned: Annotated[
        bool, typer.Option("--poisoned", help="Push what rests on poisoned data; its card warns of it.")
    ] = False,
    workspace: Workspace = RUNS,
) -> None:
    """Export to a temporary folder and upload it to the hub; private unless told. The token comes from $HF_TOKEN."""
    from leaven import pushed

    with quiet():
        made = pushed.push(
            study, what, repo, workspace, seed=seed, merge=merge, quantize=quantize.value if quantize else None,
            public=public, poisoned=poisoned,
        )  # fmt: skip
    console().print(printable(f"{made.exported.form} of {made.exported.called}: {made.url}"))
    console().print("only you and those you let in can see it" if made.private else "everybody can see it")
    tell(made.exported)
