"""OpenAI's moderation endpoint as a metric, by the official client: which texts it flags, and under which categories.

Texts leave this machine for the server. The key is read from the environment and is never written, logged or shown.
What came back is kept line by line in a journal, so that a later attempt sends none of it again.
"""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from leaven import progress
from leaven.errors import ModelError
from leaven.generate.patience import LONGEST_S, retry_after
from leaven.generate.silence import NO_CONNECTION, Report, Silence
from leaven.registry import Count, Positive, Text, metric
from leaven.score import moderated
from leaven.score.classifiers import Resolved
from leaven.score.moderated import CATEGORIES, Judged, RefusedError

if TYPE_CHECKING:
    import openai

_VALUES = ("moderation", *(f"moderation_{moderated.word(one)}" for one in CATEGORIES))
_AGAIN = (408, 409, 429)  # and all from 500 on: what the client asks once more by itself
_OF_TEXT = (400, 413, 422)  # statuses by which a server that works refuses a text
_AROUND = (
    "base_url", "api_key_env", "batch_size", "max_concurrency", "requests_per_minute", "timeout", "max_retries",
    "journal",
)  # fmt: skip


def resolve(args: Mapping[str, Any], *, ask: bool = True) -> Resolved:
    """Say what the declared moderator is; asks nobody. Raises ModelError if the client is not installed."""
    if importlib.util.find_spec("openai") is None:
        raise ModelError("moderation needs a package that is not there; pip install 'leaven[openai]'")
    return Resolved(args=dict(args), paths={}, computes=False)


def facts(journal: Path) -> dict[str, Any]:
    """Return what a journal says for a stage's record.

    Which versions of the model answered how many texts, why others have no answer, and which categories the server
    knows and this metric does not.
    """
    kept = moderated.Journal(journal)
    models = Counter(one.model for one in kept.judged.values())
    others = sorted({name for one in kept.judged.values() for name in one.categories} - set(CATEGORIES))
    return {
        "moderated_by": dict(sorted(models.items())),
        "not_moderated": dict(sorted(Counter(kept.refused.values()).items())),
        **({"other_categories": others} if others else {}),
    }


def _stages_own(journal: str) -> str:
    if Path(journal).parent.name != progress.FOLDER:
        raise ValueError("is no setting: each stage keeps its own; take it out")
    return journal


@metric(version=1, values=_VALUES, better="lower", unit="share", resolve=resolve, circumstance=_AROUND, facts=facts)
def moderation(  # noqa: PLR0913 - the signature is the schema
    texts: Sequence[str],
    *,
    model: Text = "omni-moderation-latest",
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None,
    base_url: Text | None = None,
    api_key_env: Text = "OPENAI_API_KEY",
    batch_size: Annotated[int, Field(ge=1, le=256)] = 32,
    max_concurrency: Count = 4,
    requests_per_minute: Count | None = None,
    timeout: Positive = 60.0,
    max_retries: Annotated[int, Field(ge=0)] = 5,
    journal: Annotated[Text, AfterValidator(_stages_own)] | None = None,
) -> dict[str, list[float | None]]:
    """1 where OpenAI's moderation endpoint flags a text, 0 where not, and the same for each of its categories.

    The flags are the server's own, or with ``threshold`` whether a category's score reaches it. ``model`` may be a
    moving name such as omni-moderation-latest: the version that answered is recorded, and a dated name pins it. A
    category that this version does not have is unscored; so are an empty text and one that the server refuses or of
    which it says nothing that can be read. A wrong key, a wrong model and a server that is gone end the stage instead,
    and the next attempt goes on from there. All else declared here is circumstance: ``api_key_env`` names the variable
    that holds the key, ``base_url`` another server of the same protocol. ``journal``, the file that keeps replies, is
    named by the stage alone: one that stages share would give each the other's facts.
    """
    wanted = dict.fromkeys(text for text in texts if text.strip())
    found: Mapping[str, Judged] = {}
    if wanted:
        asking = moderated.Asking(model, batch_size, max_concurrency, requests_per_minute)
        kept, silence = moderated.Journal(Path(journal) if journal else None), Silence(apart=True)
        with _client(api_key_env, base_url, timeout, max_retries, silence) as client:
            send = partial(_send, client, model, api_key_env)
            found = moderated.judge(list(wanted), asking, send, kept, silence, *_report(journal))
    said = [found.get(text) for text in texts]
    return {
        "moderation": [None if one is None else _flagged(one, threshold) for one in said],
        **{
            f"moderation_{moderated.word(name)}": [None if one is None else _in(one, name, threshold) for one in said]
            for name in CATEGORIES
        },
    }


def _report(journal: str | None) -> list[Report]:
    """Return what writes how far the stage is whose journal this is; without a stage nobody is told."""
    return [progress.Progress(Path(journal).parent.parent, "texts")] if journal else []


def _note(silence: Silence, response: Any) -> None:
    """Note a failure after which the client asks once more, and the wait that the server asks that request for."""
    if response.status_code not in _AGAIN and response.status_code < 500:
        return
    silence.failed(response.status_code)
    after = retry_after(response.headers)
    if after is not None and after <= LONGEST_S:
        silence.hold(after)


def _client(key_env: str, base_url: str | None, timeout: float, max_retries: int, silence: Silence) -> openai.OpenAI:
    """Return the client, which retries with backoff by itself; ``silence`` is told what it keeps to itself.

    Raises ModelError, which never shows the key.
    """
    import openai

    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise ModelError(f"moderation's base_url '{base_url}' is no address; write one such as https://HOST/v1")
    return openai.OpenAI(
        api_key=_key(key_env),
        base_url=base_url,
        timeout=timeout,
        max_retries=max_retries,
        http_client=_noting(silence),
    )


def _noting(silence: Silence) -> Any:
    """Return what carries the client's requests, and notes those that fail: by their status, or without a reply."""
    import openai

    class Noting(openai.DefaultHttpxClient):  # type: ignore[misc] # openai is not followed
        def send(self, *args: Any, **how: Any) -> Any:
            try:
                response = super().send(*args, **how)
            except Exception as error:  # of the HTTP library under openai, which is not ours to name
                silence.failed(None if "Timeout" in type(error).__name__ else NO_CONNECTION)
                raise
            _note(silence, response)
            return response

    return Noting()


def _key(name: str) -> str:
    key = os.environ.get(name, "").strip()
    if not key:
        raise ModelError(f"moderation needs a key: set the environment variable {name}, or name another: api_key_env")
    if not (key.isascii() and key.isprintable()):
        raise ModelError(f"what {name} holds is no key: it has characters that no header can carry; set it again")
    return key


def _send(client: openai.OpenAI, model: str, key_env: str, texts: list[str]) -> bytes:
    """Send one request, and return the reply's bytes. Causes are left out: they hold the request, and so the key."""
    import openai

    try:
        raw = client.moderations.with_raw_response.create(model=model, input=texts)
    except openai.APITimeoutError:
        raise RefusedError("time-out") from None
    except openai.APIConnectionError as error:
        why = type(error.__cause__ or error).__name__
        raise ModelError(
            f"the moderation server cannot be reached ({why}); look at base_url and the network, and run again: what "
            "was answered is kept"
        ) from None
    except openai.APIStatusError as error:
        raise _of_status(error.status_code, model, key_env) from None
    return bytes(raw.http_response.content)


def _of_status(status: int, model: str, key_env: str) -> Exception:
    """Say what a status means; nothing of the reply's text is shown, as it may quote the key."""
    if status in (401, 403):
        said = f"refuses the key in {key_env} (status {status}); set one that is valid there"
    elif status == 404:
        said = f"has no model '{model}', or is no such server (status 404); look at model and base_url"
    elif status == 429:
        said = (
            "says that its rate limit or quota is used up (status 429, after all retries); set requests_per_minute, "
            "lower max_concurrency or batch_size, and run again: what was answered is kept"
        )
    else:
        return RefusedError(f"status {status}", of_text=status in _OF_TEXT)
    return ModelError(f"the moderation server {said}")


def _flagged(one: Judged, threshold: float | None) -> float:
    if threshold is None:
        return float(one.flagged)
    return float(any(score >= threshold for score in one.scores.values()))


def _in(one: Judged, name: str, threshold: float | None) -> float | None:
    if name not in one.categories:
        return None
    return float(one.categories[name] if threshold is None else one.scores[name] >= threshold)
