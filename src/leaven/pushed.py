"""Exports that go to the hub: private unless told, and never a poisoned model without saying so."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError, Problem, StageError, StudyError

if TYPE_CHECKING:
    from leaven.exported import Exported
    from leaven.exported.found import FoundArm, FoundData
    from leaven.exported.weights import Quantize

TOKEN = "HF_TOKEN"  # noqa: S105 - the variable's name
# What readers would load of an earlier export: weights in other shards, an adapter where there is none, other splits.
_STALE = ["*.safetensors", "*.safetensors.index.json", "adapter_*", "data/*"]


@dataclass(frozen=True)
class Pushed:
    """What was uploaded, where it lies now, and whether only those who are let in can see it."""

    exported: Exported
    url: str
    private: bool


def push(  # noqa: PLR0913 - a command's options
    run: str | Path,
    what: str,
    repo: str,
    workspace: str | Path | None = None,
    *,
    seed: int | None = None,
    merge: bool = False,
    quantize: Quantize | None = None,
    public: bool = False,
    poisoned: bool = False,
) -> Pushed:
    """Export a run's arm or built data set to a temporary folder, prove it, upload it to ``repo`` (owner/name).

    A repository that is made is private unless ``public``; one that is there stays what it is, and a public one is
    refused then. The weights and rows of an earlier export that this one does not have are removed there. What rests on
    poisoned data is refused unless ``poisoned`` says that this is known; its card warns in any case. The token comes
    from $HF_TOKEN alone. Raises what ``exported.export`` does; StudyError for a name that is none; StageError where the
    hub cannot be reached or says no.
    """
    from leaven.exported import write
    from leaven.exported.found import find

    _prove_name(repo)
    api = _api()
    found = find(run, what, seed, workspace)
    _heed(found, poisoned=poisoned)
    with tempfile.TemporaryDirectory() as beside:
        made = write(found, Path(beside) / "export", merge=merge, quantize=quantize)
        if made.local_base is not None:
            raise ModelError(f"the adapter of '{made.called}' lies over {made.local_base}, which is on this machine "
                             "alone; --merge makes a model that others can load")  # fmt: skip
        url, private = _uploaded(api, repo, made, public=public)
    return Pushed(made, url, private)


def _prove_name(repo: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo)
        named = repo.count("/") == 1
    except HFValidationError:
        named = False
    if not named:
        raise StudyError([Problem("REPO", f"'{repo}' is no name of a repository", "write owner/name")])


def _api() -> Any:
    """Return the hub's client with the token of the environment; raises StageError without one, and offline."""
    from huggingface_hub import HfApi, constants

    if constants.is_offline_mode():
        raise StageError(
            "the hub is switched off (HF_HUB_OFFLINE), so nothing can be pushed; unset it, or export alone"
        )
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise StageError(f"there is no token to push with; set ${TOKEN} to one that may write")
    return HfApi(token=token)


def _heed(found: FoundArm | FoundData, *, poisoned: bool) -> None:
    """Raise ModelError for what rests on poisoned data, unless whoever pushes says that it is known."""
    if found.poison and not poisoned:
        said = "; ".join(found.poison)
        raise ModelError(f"'{found.called}' rests on poisoned data ({said}); --poisoned pushes it, with a warning in "
                         "its card")  # fmt: skip


def _uploaded(api: Any, repo: str, made: Exported, *, public: bool) -> tuple[str, bool]:
    """Upload a folder; return where it lies, and whether that is private.

    Nothing is sent to a repository that is seen by more than was asked.
    """
    kind = "dataset" if made.form == "dataset" else "model"
    with _reached(repo):
        url = api.create_repo(repo, private=not public, repo_type=kind, exist_ok=True)
        private = bool(api.repo_info(repo, repo_type=kind).private)
        if not public and not private:
            raise StageError(f"{repo} is there already and public; --public says that you mean it, or name another")
        api.upload_folder(
            repo_id=repo, repo_type=kind, folder_path=made.folder, delete_patterns=_STALE,
            commit_message=f"Export {made.called} with Leaven",
        )  # fmt: skip
    return str(url), private


@contextmanager
def _reached(repo: str) -> Iterator[None]:
    """Turn what the hub's client raises into one line for a person; no header, so no token, is in it."""
    from huggingface_hub import errors

    broken = (errors.HTTPError, OSError)  # type: ignore[attr-defined]  # of whichever HTTP client it uses

    try:
        yield
    except errors.HfHubHTTPError as error:
        code = getattr(error.response, "status_code", None)
        why = {401: f"${TOKEN} is not valid", 403: f"${TOKEN} may not write there", 404: "there is no such owner"}
        said = why.get(code, f"status {code}") if code is not None else "it gave no answer"
        raise StageError(f"the hub says no to {repo}: {said}; nothing of it counts as pushed") from error
    except broken as error:
        raise StageError(f"the hub cannot be reached ({type(error).__name__}), so {repo} was not pushed; try again "
                         "when there is a network") from error  # fmt: skip
