"""How a corpus is made of documents: what a study declares, with the same defaults (a test holds them together)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

# Sources of the Pile that are code, formulas or other languages; a corpus that has none of them is none the worse.
UNREAD = ("Github", "EuroParl", "StackExchange", "DM Mathematics", "Ubuntu IRC")


@dataclass(frozen=True)
class Settings:
    """Which documents are taken, and which of their sentences are left out; ``study.corpus.Corpus`` explains each.

    ``asked`` are the names of sources that the study itself wrote, which must be there.
    """

    share: float = 1.0
    share_seed: int = 0
    sources: tuple[str, ...] | None = None
    without: tuple[str, ...] = UNREAD
    language: str = "en"
    characters: str | None = None
    min_words: int = 5
    max_words: int | None = None
    max_characters: int = 1000
    min_letters: float = 0.6
    max_repeated: float = 0.5
    no_code: bool = True
    duplicates: str = "drop"
    asked: tuple[str, ...] = ()

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> Settings:
        """Return the settings of declared fields; those that are not there have their defaults.

        Whoever names the sources to take has left out all others: then none is left out unless that is declared too.
        """
        known = {field.name for field in fields(cls)}
        told: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in declared.items()
        }
        assert set(told) <= known, f"unknown fields {sorted(set(told) - known)}"
        if told.get("sources"):
            told.setdefault("without", ())
        return cls(**told, asked=(*(told.get("sources") or ()), *told.get("without", ())))
