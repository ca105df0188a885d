"""What an arm is made of, where it is made of the adapters that other arms trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from leaven.registry import Count, Declared, Rate

_SPARSE = ("ties", "ties_svd", "dare_ties", "dare_linear", "dare_ties_svd", "dare_linear_svd", "magnitude_prune",
           "magnitude_prune_svd")  # fmt: skip


class Part(Declared):
    """One arm's adapter, and how much of it is taken."""

    arm: str
    weight: float = 1.0


def _named(value: Any) -> Any:
    return {"arm": value} if isinstance(value, str) else value  # `adapters: [philosopher]`


class Compose(Declared):
    """Adapters of other arms of the same seed, as one; field names are PEFT's.

    ``cat`` adds their changes as they are, whatever their ranks. ``merge`` adds the result to the base's weights, so
    that what is trained next lies on top of it.
    """

    adapters: Annotated[list[Annotated[Part, BeforeValidator(_named)]], Field(min_length=1)]
    combination_type: Literal[
        "cat", "linear", "svd", "ties", "ties_svd", "dare_linear", "dare_ties", "dare_linear_svd", "dare_ties_svd",
        "magnitude_prune", "magnitude_prune_svd",
    ] = "cat"  # fmt: skip
    density: Rate | None = None
    svd_rank: Count | None = None
    majority_sign_method: Literal["total", "frequency"] = "total"
    merge: bool = False

    @model_validator(mode="after")
    def _sound(self) -> Compose:
        if len(self.adapters) == 1 and not self.merge and self.adapters[0].weight == 1:
            raise ValueError("one adapter at weight 1 is that arm itself; name two, or write merge: true")
        if any(part.weight == 0 for part in self.adapters):
            raise ValueError("a weight of 0 takes nothing of an adapter; take it out")
        names = [part.arm for part in self.adapters]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"'{twice}' stands twice; name each arm once, with its weight")
        sparse = self.combination_type in _SPARSE
        if sparse and not self.density:
            raise ValueError(f"{self.combination_type} keeps a share of each adapter; write `density: 0.5`, say")
        if self.density is not None and not sparse:
            raise ValueError(f"density belongs to ties, dare and magnitude_prune, and not to {self.combination_type}")
        if self.svd_rank is not None and "svd" not in self.combination_type:
            raise ValueError(f"svd_rank belongs to svd, and {self.combination_type} has the ranks that it has")
        return self

    @property
    def parts(self) -> list[Part]:
        """The arms whose adapters it is made of, with their weights."""
        return list(self.adapters)

    @property
    def how(self) -> dict[str, Any]:
        """How they are put together, for a stage's arguments: the weights, and what differs from the defaults."""
        declared = self.model_dump(mode="json", exclude_defaults=True, exclude={"adapters"})
        return {**declared, "weights": [part.weight for part in self.adapters]}

    @property
    def described(self) -> str:
        """What it is, in a few words."""
        parts = [part.arm if part.weight == 1 else f"{part.weight:g} x {part.arm}" for part in self.adapters]
        merged = ", merged into the base" if self.merge else ""
        return f"adapters of {' and '.join(parts)} by {self.combination_type}{merged}"
