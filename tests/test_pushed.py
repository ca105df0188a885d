"""Uploads: private unless told, never poisoned by accident, the token from the environment and into no message."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

from leaven import exported, pushed
from leaven.errors import LeavenError, ModelError, StageError, StudyError
from leaven.exported import Exported, found

TOKEN = "hf_secret"


class Hub:
    """The hub's client, in place of the real one: notes what it is asked for."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.is_private: bool | None = None  # of a repository that is there already
        self.failure: Exception | None = None

    def __call__(self, token: str) -> Hub:
        self.token = token
        return self

    def create_repo(self, repo: str, **how: Any) -> str:
        self.calls.append(("create", {"repo": repo, **how}))
        if self.failure is not None:
            raise self.failure
        self.is_private = how["private"] if self.is_private is None else self.is_private
        return f"https://hub/{repo}"

    def repo_info(self, repo: str, **how: Any) -> Any:
        return SimpleNamespace(private=self.is_private)

    def upload_folder(self, **how: Any) -> None:
        assert Path(how["folder_path"]).is_dir(), "it is uploaded while it is there"
        self.calls.append(("upload", how))

    @property
    def uploads(self) -> list[dict[str, Any]]:
        return [how for what, how in self.calls if what == "upload"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that is reached, an arm that is clean, an export that succeeds."""
    made = Hub()
    monkeypatch.setattr(huggingface_hub, "HfApi", made)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    serve(monkeypatch)
    return made


def serve(monkeypatch: pytest.MonkeyPatch, form: str = "whole", poison: tuple[str, ...] = (), base: Any = None) -> None:
    def write(one: Any, place: Path, **how: Any) -> Exported:
        place.mkdir()
        return Exported(place, "sft, seed 0", form, poison, base)

    monkeypatch.setattr(found, "find", lambda *_: SimpleNamespace(called="sft, seed 0", poison=poison))
    monkeypatch.setattr(exported, "write", write)


def test_what_is_pushed_is_private_unless_told(hub: Hub) -> None:
    made = pushed.push("study", "sft", "me/model")
    assert made.private and made.url == "https://hub/me/model" and hub.token == TOKEN
    assert hub.calls[0][1]["private"] is True and len(hub.uploads) == 1
    assert hub.uploads[0]["repo_type"] == "model" and not Path(hub.uploads[0]["folder_path"]).exists()
    hub.is_private = None
    assert not pushed.push("study", "sft", "me/model", public=True).private
    assert hub.calls[2][1]["private"] is False


def test_a_repository_that_is_public_already_gets_nothing_unless_that_is_meant(hub: Hub) -> None:
    hub.is_private = False
    with pytest.raises(StageError, match="--public"):
        pushed.push("study", "sft", "me/model")
    assert hub.uploads == []
    pushed.push("study", "sft", "me/model", public=True)
    assert len(hub.uploads) == 1


def test_what_is_there_and_private_is_not_called_public(hub: Hub) -> None:
    hub.is_private = True
    assert pushed.push("study", "sft", "me/model", public=True).private


@pytest.mark.parametrize(("file", "is_stale"), [
    ("model-00002-of-00002.safetensors", True), ("model.safetensors.index.json", True), ("adapter_config.json", True),
    ("data/test.parquet", True), ("README.md", False), ("LICENSE", False), (".gitattributes", False),
])  # fmt: skip
def test_what_readers_would_load_of_an_earlier_export_goes(hub: Hub, file: str, is_stale: bool) -> None:
    pushed.push("study", "sft", "me/model")
    gone = list(filter_repo_objects([file], allow_patterns=hub.uploads[0]["delete_patterns"]))
    assert gone == ([file] if is_stale else [])


def test_poison_is_pushed_only_by_who_says_so(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, poison=("backdoor rate 1",))
    with pytest.raises(ModelError, match=r"backdoor rate 1.*--poisoned"):
        pushed.push("study", "sft", "me/model")
    assert hub.calls == []
    assert pushed.push("study", "sft", "me/model", poisoned=True).exported.poison == ("backdoor rate 1",)


def test_a_data_set_goes_to_a_data_set(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, form="dataset")
    pushed.push("study", "ranked", "me/data")
    assert [how["repo_type"] for _, how in hub.calls] == ["dataset", "dataset"]


def test_an_adapter_over_a_base_of_this_machine_stays_here(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, form="adapter", base=Path("/somewhere"))
    with pytest.raises(ModelError, match="--merge"):
        pushed.push("study", "sft", "me/model")
    assert hub.calls == []


@pytest.mark.parametrize("repo", ["model", "a/b/c", "../up", "me/mo del", "", "me/", "http://x/y"])
def test_a_name_that_is_none_is_refused(hub: Hub, repo: str) -> None:
    with pytest.raises(StudyError, match="owner/name"):
        pushed.push("study", "sft", repo)
    assert hub.calls == []


def test_without_a_token_of_the_environment_nothing_is_tried(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", " ")
    with pytest.raises(StageError, match="HF_TOKEN"):
        pushed.push("study", "sft", "me/model")
    assert hub.token is None, "a token that was saved by another program is not taken"


def test_offline_is_one_clear_line(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(StageError, match="HF_HUB_OFFLINE"):
        pushed.push("study", "sft", "me/model")
    assert hub.calls == []


def refusal(status: int) -> HfHubHTTPError:
    return HfHubHTTPError(f"no, {TOKEN}", response=SimpleNamespace(status_code=status, headers={}, request=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(("failure", "said"), [
    (refusal(401), "not valid"), (refusal(403), "may not write"), (refusal(500), "status 500"),
    (ConnectionError(f"lost, {TOKEN}"), "cannot be reached"), (TimeoutError(), "cannot be reached"),
])  # fmt: skip
def test_what_the_hub_refuses_is_one_line_without_the_token(hub: Hub, failure: Exception, said: str) -> None:
    hub.failure = failure
    with pytest.raises(LeavenError, match=said) as caught:
        pushed.push("study", "sft", "me/model")
    assert TOKEN not in str(caught.value) and "\n" not in str(caught.value)
