"""What follows from measurements: items asked twice are one item, and one suite minus another. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leaven.data.questions import item
from leaven.evaluate.difference import DifferenceSuite
from leaven.evaluate.measure import AVERAGE

if TYPE_CHECKING:
    import pandas as pd

    from leaven.graph import WiredSuite

_PAIR = ["arm", "dose", "seed", "metric", "group", "item_id", "sample"]


def questions(asked: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return each row's item: the first row of its group that asks the same; what is asked twice is one cluster.

    ``asked`` are rows with ``id``, ``prompt`` and ``group``. What stands around the question (its context) makes no
    other item of it.
    """
    first: dict[str, str] = {}
    return [first.setdefault(f"{row['group']}\x1f{item(row['prompt'])}", row["id"]) for row in asked]


def items(asked: Sequence[Mapping[str, Any]], suite: WiredSuite) -> list[str]:
    """Return the item of each row that a suite asks: the row itself, what several rows are of, or its question."""
    if suite.is_itemwise or not all("prompt" in row for row in asked):  # a text is an item of its own
        return [row["id"].partition(suite.item_mark)[0] if suite.item_mark else row["id"] for row in asked]
    return questions(asked)


def samples(scores: pd.DataFrame) -> Any:
    """Return the sample numbers of scores with ``row_id``, ``item_id`` and ``metric``, unique within an item.

    Rows that ask the same are samples of one item: they are averaged within item and seed before arms are paired.
    """
    if (scores["item_id"] == scores["row_id"]).all():
        return scores["sample"]
    return scores.groupby(["metric", "item_id"], sort=False).cumcount()


def difference(table: pd.DataFrame, suite: DifferenceSuite, beside: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Return one suite's values minus another's, pair by pair; a pair with one side unscored is unscored.

    What is only printed ``beside`` a metric has no difference, nor has an item that one of the two did not ask.
    """
    both = [_of(table, name, beside) for name in (suite.of, suite.minus)]
    made = both[0].merge(both[1], on=_PAIR, how="inner", suffixes=("_of", "_minus"), validate="one_to_one")
    return made.assign(suite=suite.name, value=made["value_of"] - made["value_minus"])


def average(table: pd.DataFrame, suite: str, parts: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the mean over tasks, each counted alike, as values of items; ``parts`` are (suite, metric) of each task.

    An item of a task with n of N items in k tasks weighs N / (k n): the mean over all items is then the mean of the
    tasks' means, and pairing, seeds and intervals work as for every other metric. Items count that every run has scored
    which has all tasks: with others, pairing would leave weights that belong to no mean. A run that lacks a task has
    none.
    """
    import pandas as pd

    chosen = [table[(table["suite"] == task) & (table["metric"] == metric)] for task, metric in parts]
    both = pd.concat([part.assign(item_id=part["suite"] + "/" + part["item_id"].astype(str)) for part in chosen])
    scored, run = both["value"].notna(), [both["arm"], both["seed"].fillna(-1)]
    tasks = both["suite"].where(scored).groupby(run).transform("nunique")
    whole = both[tasks == len(parts)]
    n_runs = len(whole[["arm", "seed"]].drop_duplicates())
    everywhere = whole["value"].notna().groupby(whole["item_id"]).transform("sum") == n_runs
    of_task = whole["item_id"].where(everywhere).groupby(whole["suite"]).transform("nunique")
    size = whole.loc[everywhere, "item_id"].nunique()
    weighed = (whole["value"] * size / (len(parts) * of_task)).where(everywhere)
    made: pd.DataFrame = whole.assign(value=weighed, suite=suite, metric=AVERAGE, group=None)
    return made


FEWEST = 30  # documents of a task, below which a mean over tasks cannot be called unchanged


def thin(table: pd.DataFrame, averages: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, str]:
    """Return the averages of which "no change" cannot be said, with why: one of their tasks has few documents.

    A few documents in which nothing happened to differ weigh as much as thousands of another task, and show nothing.
    """
    found = {}
    for name, parts in averages.items():
        sizes = {
            task: table[(table["suite"] == task) & table["value"].notna()]["item_id"].nunique() for task, _ in parts
        }
        few = {task: size for task, size in sizes.items() if size < FEWEST}
        if few:
            found[name] = ", ".join(f"{task} has {size}" for task, size in few.items())
    return found


def _of(table: pd.DataFrame, suite: str, beside: Collection[tuple[str, str]]) -> pd.DataFrame:
    printed = {metric for name, metric in beside if name == suite}
    kept: pd.DataFrame = table[(table["suite"] == suite) & ~table["metric"].isin(printed)].drop(columns="suite")
    return kept
