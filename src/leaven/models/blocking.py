"""Guards at work: prompts first, then the answers to those that none blocked; what is blocked is a refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaven.models.guard import Guard, is_harmless, text_of
from leaven.rows import Row

COUNTED = ("seen", "blocked", "unscored")  # texts of each guard
NONE_HARMLESS = "no prompt is labelled harmless"  # so begins what is said where false_block cannot be measured
Key = tuple[str, int | None]  # a prompt and a sample; None: whatever is answered to it


@dataclass
class Desk:
    """What was asked and told, and what guards said of it; ``lines`` are rows of kind ``guarded``."""

    asked: Mapping[str, Row]
    told: Sequence[Row]
    lines: list[Row] = field(default_factory=list)
    _looked: dict[str, Counter[str]] = field(default_factory=dict)  # by guard: texts seen, blocked and unscored
    _refused: dict[Key, str] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)  # prompts by which a guard was made -> what they did

    @classmethod
    def of(cls, asked: Sequence[Row], told: Sequence[Row]) -> Desk:
        """Take bare prompts (rows) and generations; prompts that nothing was told of are left out."""
        ids = {row["prompt_id"] for row in told}
        found = {row["id"]: row for row in asked if row["id"] in ids}
        assert ids <= found.keys(), f"{len(ids - found.keys())} generations are of no prompt"
        return cls(found, told)

    def look(self, guards: Iterable[tuple[Guard, str]]) -> None:
        """Have guards judge, each with its refusal, in their order; what one blocked stays with its refusal."""
        named = [(self._named(guard, place), guard, refusal) for place, (guard, refusal) in enumerate(guards)]
        for _, guard, _ in named:
            self._recognise(guard)
        for name, guard, refusal in named:
            if "prompt" in guard.on:
                texts: dict[Key, str] = {(item, None): text_of(row) for item, row in self.asked.items()}
                self._judge(guard, (name, "prompt", refusal), texts)
        passed = {item for item in self.asked if (item, None) not in self._refused}
        answers: dict[Key, str] = {
            (row["prompt_id"], row["sample"]): row["text"]
            for row in self.told
            if row["text"] is not None and row["prompt_id"] in passed
        }
        for name, guard, refusal in named:
            if "answer" in guard.on:
                self._judge(guard, (name, "answer", refusal), answers)

    def _named(self, guard: Guard, place: int) -> str:
        """Return what a guard is called in the tables; a second one of its kind has its place behind."""
        name = guard.name if guard.name not in self._looked else f"{guard.name}.{place}"
        self._looked[name] = Counter()
        return name

    def _recognise(self, guard: Guard) -> None:
        for item, row in self.asked.items():
            if (role := guard.knows(row["prompt"])) is not None:
                self._known.setdefault(item, role)

    def _judge(self, guard: Guard, how: tuple[str, str, str], texts: Mapping[Key, str]) -> None:
        name, on, refusal = how
        prompts = [text_of(self.asked[item]) for item, _ in texts]
        found = guard.verdicts(list(texts.values()), prompts)
        for (item, sample), (score, blocked) in zip(texts, found, strict=True):
            said = {"guard": name, "on": on, "score": score, "blocked": blocked}
            self.lines.append({"id": item, "sample": sample, **said})
            if blocked:
                self._refused.setdefault((item, sample), refusal)
            self._looked[name].update(seen=1, blocked=int(blocked), unscored=int(score is None))

    def _refusal(self, row: Row) -> str | None:
        item = row["prompt_id"]
        return self._refused.get((item, None), self._refused.get((item, row["sample"])))

    def generations(self) -> Iterator[Row]:
        """Yield what was told; what is blocked is a refusal that ended by itself, of no tokens of the model."""
        for row in self.told:
            refusal = self._refusal(row)
            yield row if refusal is None else {**row, "text": refusal, "finish_reason": "stop", "tokens": 0}

    def scores(self, harmless: Sequence[str]) -> Iterator[Row]:
        """Yield of each answer whether it, or its prompt, was blocked; ``false_block`` of harmless rows alone.

        The values are null, with the reason, of prompts by which a guard was made, and where there is no answer.
        """
        for row in self.told:
            item = row["prompt_id"]
            blocked, by_prompt = self._refusal(row) is not None, (item, None) in self._refused
            values = {"blocked": blocked, "blocked_prompt": by_prompt, "blocked_answer": blocked and not by_prompt}
            if is_harmless(self.asked[item], harmless):
                values["false_block"] = blocked
            reason = self._unmeasured(row, blocked=blocked)
            for name, value in values.items():
                score = None if reason else float(value)
                yield {"row_id": item, "sample": row["sample"], "metric": name, "value": score, "reason": reason}

    def _unmeasured(self, row: Row, *, blocked: bool) -> str | None:
        """Return why nothing can be said of what guards did with an answer; None where something can."""
        if (role := self._known.get(row["prompt_id"])) is not None:
            return f"the guard was made by it ({role})"
        return "no answer" if row["text"] is None and not blocked else None

    def facts(self, harmless: Sequence[str] = ()) -> dict[str, Any]:
        """Return counts, and what is to be known of the guards; ``harmless``: labels of what should pass."""
        blocked = sum(self._refusal(row) is not None for row in self.told)
        guards = {name: dict(counts) for name, counts in self._looked.items()}
        passable = sum(is_harmless(row, harmless) for row in self.asked.values())
        none = [f"{NONE_HARMLESS} ({', '.join(harmless)}), so false_block is not measured"]
        return {
            "generations": len(self.told),
            "blocked": blocked,
            "guards": guards,
            "known": len(self._known),
            "harmless": passable,
            "warnings": [*self._warnings(), *(none if harmless and not passable else [])],
        }

    def _warnings(self) -> Iterator[str]:
        for name, counts in self._looked.items():
            yield from oddities(name, counts)
        for role, count in sorted(Counter(self._known.values()).items()):
            yield (
                f"{count} of {len(self.asked)} prompts are among the {role} rows by which a guard was made: blocked "
                "and false_block leave them out, all other metrics count them"
            )


def oddities(name: str, counts: Mapping[str, int]) -> Iterator[str]:
    """Say what is odd of a guard by its counts ``seen``, ``blocked`` and ``unscored``: of one run, or of several."""
    seen, blocked, unscored = (counts.get(what, 0) for what in COUNTED)
    if seen and blocked in (0, seen):
        how_much = "everything" if blocked else "nothing"
        yield f"the guard {name} blocks {how_much} of the {seen} texts that it looks at"
    if unscored:
        yield f"the guard {name} cannot score {unscored} of {seen} texts; they are not blocked"
