"""The command `export`: an arm or a built data set as a folder that anybody can load."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.report import RunArgument
from leaven.cli.terminal import console, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaven.exported import Exported


class Quantization(StrEnum):
    """Weight-only quantisations."""

    INT8 = "int8"
    INT4 = "int4"


What = Annotated[str, typer.Argument(metavar="ARM|DATA", help="A trained arm, or data that the study built.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Of this training seed; else of the first that is there.")]
Merge = Annotated[bool, typer.Option("--merge", help="Merge an adapter into the weights that it lies over.")]
Quantize = Annotated[
    Quantization | None, typer.Option("--quantize", help="Merge, and quantise every linear layer by torchao.")
]


def export(
    study: RunArgument,
    what: What,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write; it must not be there yet.")],
    *,
    seed: Seed = None,
    merge: Merge = False,
    quantize: Quantize = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an export that is there.")] = False,
    workspace: Workspace = RUNS,
) -> None:
    """Write an arm's model or built data as a Hugging Face folder, loaded again as a proof.

    A model must say what the study's own says, in a fresh process; of data every row is counted.
    """
    from leaven import exported

    with quiet():
        made = exported.export(
            study, what, folder, workspace, seed=seed, merge=merge, quantize=quantize.value if quantize else None,
            force=force,
        )  # fmt: skip
    console().print(printable(f"{made.form} of {made.called}: {made.folder}"))
    tell(made)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries from drawing bars and reports of what they load, and leave them as they were."""
    import logging as logs
    import warnings

    import datasets
    from transformers.utils import logging

    level, bars, rows = (
        logging.get_verbosity(),
        logging.is_progress_bar_enabled(),
        datasets.are_progress_bars_disabled(),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers|peft")
        datasets.disable_progress_bars()
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        before = logs.root.manager.disable
        logs.disable(max(before, logs.WARNING))  # DeepSpeed tells at every import that it found no GPU
        try:
            yield
        finally:
            logs.disable(before)
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()
            if not rows:
                datasets.enable_progress_bars()


def tell(made: Exported) -> None:
    """Print what is left to say of an export; of a poisoned one that it is."""
    for sentence in made.told:
        console().print(printable(sentence))
    if made.poison:
        console().print(printable(f"poisoned: {'; '.join(made.poison)}; the card warns of it"))
