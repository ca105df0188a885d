"""What a study wants its report to show beside what every report shows; none of it can change a result or a key."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from leaven.registry import Declared, Positive, Text


class Board(Declared):
    """One table of arms by measured values (``suite/metric``), or by the groups of one of them (``groups_of``)."""

    title: Text
    columns: list[str] = Field(default_factory=list)
    groups_of: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Board:
        if bool(self.columns) == (self.groups_of is not None):
            raise ValueError("has either `columns` or `groups_of`; write one of them")
        return self


class Tradeoff(Declared):
    """The two values (``suite/metric``) that are drawn against each other: what is hoped for, and what it may cost."""

    gain: str
    cost: str


class PublishedColumn(Declared):
    """One column of a published table: what was measured, of which group, and how the publication calls it."""

    metric: str
    group: str | None = None
    name: str | None = None


class Published(Declared):
    """A published table that the report shows beside the study's own values: rows by label, in the order of columns.

    ``arms`` says which arm repeats which row; ``base`` is the row that the others are compared with; ``scale`` is what
    one published unit is in the metric's own (0.01 for percent of a share).
    """

    title: Text
    source: Text
    note: str = ""
    base: str
    scale: Positive = 1.0
    columns: Annotated[list[PublishedColumn], Field(min_length=1)]
    rows: Annotated[dict[str, list[float | None]], Field(min_length=1)]
    arms: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Published:
        for label, values in self.rows.items():
            if len(values) != len(self.columns):
                raise ValueError(f"row '{label}' has {len(values)} values for {len(self.columns)} columns")
        for label in [self.base, *self.arms]:
            if label not in self.rows:
                raise ValueError(f"there is no row '{label}'; rows: {', '.join(self.rows)}")
        return self


class Shown(Declared):
    """Tables, a plot and published numbers that a study wants shown."""

    boards: list[Board] = Field(default_factory=list)
    tradeoff: Tradeoff | None = None
    published: list[Published] = Field(default_factory=list)
