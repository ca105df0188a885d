"""Where a training reports its curves: TensorBoard's files beside the artefact, and trackers that transformers knows.

Nothing here can change a result, so none of it enters a key.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator

from leaven.errors import ModelError, did_you_mean

TENSORBOARD = "tensorboard"
Tracker = Literal[
    "none", "all", "tensorboard", "wandb", "mlflow", "trackio", "comet_ml", "neptune", "codecarbon", "clearml",
    "dagshub", "flyte", "dvclive", "swanlab", "azure_ml", "kubeflow",
]  # fmt: skip


def _known(value: Any) -> Any:
    """Say one thing about a wrong name, where a union would say what each of its members wants."""
    for name in value if isinstance(value, list) else [value]:
        if name not in get_args(Tracker):
            raise ValueError(
                f"'{name}' is no tracker that transformers knows; {did_you_mean(str(name), get_args(Tracker))}"
            )
    return value


Trackers = Annotated[list[Tracker] | Tracker, BeforeValidator(_known)]
_ENDS = {"wandb": "finish", "comet_ml": "end"}  # what these would do when Python exits, which a worker does not


@contextmanager
def reports(report_to: str | Sequence[str], logs: Path, since: int) -> Iterator[list[Any]]:
    """Yield the callbacks that report a training which goes on after step ``since``; what they opened is closed.

    Raises ModelError if a tracker's package is missing, or it cannot begin.
    """
    made = [_callback(name, logs, since) for name in _names(report_to)]
    try:
        yield made
    finally:
        for writer in [callback.tb_writer for callback in made if getattr(callback, "tb_writer", None)]:
            writer.close()
        for module, end in _ENDS.items():
            if module in _names(report_to) and module in sys.modules:
                getattr(sys.modules[module], end)()


def _names(report_to: str | Sequence[str]) -> list[str]:
    from transformers.integrations import get_available_reporting_integrations

    listed = [report_to] if isinstance(report_to, str) else list(report_to)
    if "all" in listed:
        listed += get_available_reporting_integrations()
    return [name for name in dict.fromkeys(listed) if name not in ("none", "all")]


def _callback(name: str, logs: Path, since: int) -> Any:
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    try:
        return _tensorboard(logs, since) if name == TENSORBOARD else INTEGRATION_TO_CALLBACK[name]()
    except Exception as error:  # each raises a kind of its own: a package that is missing, a service that is not set up
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"report_to: {name}: {said} Or take it out of report_to.") from error


def _tensorboard(logs: Path, since: int) -> Any:
    """Return a callback that writes into ``logs``; curves of earlier attempts end where this one begins."""
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return TensorBoardCallback(SummaryWriter(str(logs), purge_step=since + 1))
