"""What can go wrong, as users see it.

    LeavenError                 a message for a person: place, value, remedy; no traceback
    ├── StudyError              the study is wrong (exit code 2); carries every problem at once
    ├── DataError               only the data's depth reveals it (exit code 1)
    ├── ModelError              a model, tokenizer or template cannot be used as asked
    ├── StageError              stages cannot be run here at all, or one that is asked for cannot be found
    ├── StoreError              the workspace cannot be read or written
    └── ReportError             results are missing or cannot be read

Programming errors are plain ``AssertionError``/``TypeError`` and keep their traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_MOST_NAMED = 30  # of what there is to choose from


class LeavenError(Exception):
    """A message for a person; the command line prints it without a traceback."""

    exit_code = 1


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a study: where it stands, what is wrong, what to write instead."""

    place: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        tail = f" ({self.remedy})" if self.remedy else ""
        return f"{self.place}: {self.message}{tail}"


class StudyError(LeavenError):
    """The study is wrong; holds all problems found, in the order of the file."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]):
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(LeavenError):
    """The data cannot be used as the study asks."""


class ModelError(LeavenError):
    """A model, tokenizer or chat template cannot be used as the study asks."""


class StageError(LeavenError):
    """Stages cannot be run here at all, or one that is asked for cannot be found."""


class StoreError(LeavenError):
    """The workspace cannot be read or written."""


class ReportError(LeavenError):
    """A report cannot be made from what is there."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the nearest choice, else the choices themselves."""
    known = sorted(set(choices))
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    if not known:
        return "there is nothing to choose from"
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    return f"choose from: {', '.join(known[:_MOST_NAMED])}{more}"
