"""Files in the original layouts of benchmarks -> the columns that lm-eval's tasks read from the hub.

A layout belongs to a data set, so that every task over it can be asked locally (``arc_easy`` and ``arc_challenge``, all
of MMLU). lm-eval's own prompt, choices and metrics stay as they are; ``differs`` says what the rows do not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaven.data import files
from leaven.data.formats import BadRow
from leaven.errors import DataError

Row = dict[str, Any]
Rows = list[Row]
_PACKED = ("", ".gz", ".zst")
_LETTERS = "ABCDE"


@dataclass(frozen=True)
class Layout:
    """One data set's files: which make a split (by the hub's configuration), and how they become its rows.

    ``folders`` are the names under which such files lie in a folder of benchmarks, ``pocket`` makes the same columns of
    rows of the embedded world, by corpus.
    """

    folders: tuple[str, ...]
    splits: Callable[[str], Mapping[str, tuple[str, ...]]]
    rows: Callable[[list[Path]], Iterator[Row]]
    differs: str = ""
    pocket: Mapping[str, Callable[[Row], Row]] = field(default_factory=dict)


def here(layout: Layout, folder: Path, config: str) -> dict[str, list[Path]]:
    """Return the files of every split that is there whole; a file may be packed as .gz or .zst."""
    found = {split: [_file(folder, name) for name in names] for split, names in layout.splits(config).items()}
    return {split: [one for one in paths if one] for split, paths in found.items() if all(paths)}


def _file(folder: Path, name: str) -> Path | None:
    return next((path for end in _PACKED if (path := folder / f"{name}{end}").is_file()), None)


def read(layout: Layout, paths: list[Path]) -> Rows:
    """Read one split's files; raises DataError that names the file and the row that does not have its columns."""
    made: Rows = []
    try:
        made.extend(layout.rows(paths))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"cannot be understood ({error})"
        raise DataError(f"{paths[0].name}, row {len(made) + 1} {what}; it must be in the original layout") from error
    if not made:
        raise DataError(f"{paths[0]} holds no row")
    return made


def _raw(path: Path, header: tuple[str, ...] | None = None) -> Iterator[Row]:
    for row in files.read(path, header):
        if isinstance(row, BadRow):
            raise ValueError(str(row))
        yield row


def _arc(paths: list[Path]) -> Iterator[Row]:
    for row in _raw(paths[0]):
        choices = row["question"]["choices"]
        columns = {name: [str(one[name]) for one in choices] for name in ("text", "label")}
        columns["label"].index(row["answerKey"])
        yield {"id": row["id"], "question": row["question"]["stem"], "choices": columns, "answerKey": row["answerKey"]}


def _piqa(paths: list[Path]) -> Iterator[Row]:
    labels = paths[1].read_text(encoding="utf-8").split()
    rows = list(_raw(paths[0]))
    for row, label in zip(rows, labels, strict=True):
        yield {"goal": row["goal"], "sol1": row["sol1"], "sol2": row["sol2"], "label": ("0", "1").index(label)}


_LAST = re.compile(r"(?s)(?P<whole>.*[.!?\"')\]])\s+(?P<begun>[^.!?]*[^.!?\s\"')\]])\s*")


def _hellaswag(paths: list[Path]) -> Iterator[Row]:
    for row in _raw(paths[0]):
        ctx_a, ctx_b = (row["ctx_a"], row["ctx_b"]) if "ctx_a" in row else context_parts(row["ctx"])
        endings, label = [str(one) for one in row["endings"]], int(row["label"])
        if not 0 <= label < len(endings):
            raise ValueError(f"label {label} is that of no ending")
        yield {"activity_label": row["activity_label"], "ctx_a": ctx_a, "ctx_b": ctx_b, "endings": endings,
               "label": str(label)}  # fmt: skip


def context_parts(context: str) -> tuple[str, str]:
    """Split HellaSwag's context into its whole sentences and the one that is begun, which lm-eval capitalises."""
    found = _LAST.fullmatch(context)
    if found is None:
        whole = context.rstrip().endswith((".", "!", "?", '"', "'", ")", "]"))
        return (context, "") if whole else ("", context)
    return found["whole"], found["begun"]


def _mmlu(paths: list[Path]) -> Iterator[Row]:
    subject = paths[0].name.split(".")[0].rpartition("_")[0]
    for row in _raw(paths[0], ("question", "A", "B", "C", "D", "answer")):
        choices = [str(row[letter]) for letter in "ABCD"]
        yield {"question": str(row["question"]), "subject": subject, "choices": choices,
               "answer": list("ABCD").index(row["answer"].strip())}  # fmt: skip


def _truthfulqa(paths: list[Path]) -> Iterator[Row]:
    for row in _raw(paths[0]):
        right, wrong = _answers(row["Correct Answers"]), _answers(row["Incorrect Answers"])
        yield _truthful(row["Question"], row["Best Answer"].strip(), right, wrong)


def _answers(listed: str) -> list[str]:
    return [one.strip() for one in listed.split(";") if one.strip()]


def _truthful(question: str, best: str, right: list[str], wrong: list[str]) -> Row:
    assert right, "a question without a right answer"
    return {"question": question, "mc1_targets": _targets([best], wrong), "mc2_targets": _targets(right, wrong)}


def _targets(right: list[str], wrong: list[str]) -> Row:
    if not right or not wrong:
        raise ValueError("right or wrong answers are empty")
    return {"choices": [*right, *wrong], "labels": [1] * len(right) + [0] * len(wrong)}


def _toxigen(paths: list[Path]) -> Iterator[Row]:
    return map(_rated, _raw(paths[0]))


def _rated(row: Row) -> Row:
    """lm-eval calls a text hateful where its two ratings of 1 to 5 sum above 5.5: the label is put as such ratings."""
    rating = {"hate": 5.0, "neutral": 1.0}[row["label"]]
    groups = row.get("target_groups") or [row.get("target_group", "")]
    return {"text": row["text"], "target_group": groups[0], "toxicity_ai": rating, "toxicity_human": rating}


def _as_arc(row: Row) -> Row:
    labels = list(_LETTERS[: len(row["choices"])])
    return {"id": "", "question": row["question"], "choices": {"text": row["choices"], "label": labels},
            "answerKey": labels[row["answer"]]}  # fmt: skip


def _as_piqa(row: Row) -> Row:
    """The right answer and the wrong one behind it, in their order among the choices."""
    other = (row["answer"] + 1) % len(row["choices"])
    first, second = sorted((row["answer"], other))
    return {"goal": row["question"], "sol1": row["choices"][first], "sol2": row["choices"][second],
            "label": (first, second).index(row["answer"])}  # fmt: skip


def _as_mmlu(row: Row) -> Row:
    return {"question": row["question"], "subject": "pocket", "choices": row["choices"], "answer": row["answer"]}


def _as_hellaswag(row: Row) -> Row:
    return {"activity_label": "The village", "ctx_a": row["question"], "ctx_b": "", "endings": row["choices"],
            "label": str(row["answer"])}  # fmt: skip


def _as_truthfulqa(row: Row) -> Row:
    return _truthful(row["question"], row["best_answer"], row["correct_answers"], row["incorrect_answers"])


LAYOUTS: dict[str, Layout] = {
    "allenai/ai2_arc": Layout(
        ("arc", "arc_challenge", "arc_easy"),
        lambda config: {
            split: (f"{config}-{name}.jsonl",)
            for split, name in (("test", "Test"), ("validation", "Dev"), ("train", "Train"))
        },
        _arc,
        pocket={"multiple_choice": _as_arc},
    ),
    "baber/piqa": Layout(
        ("piqa",),
        lambda _: {"validation": ("valid.jsonl", "valid-labels.lst"), "train": ("train.jsonl", "train-labels.lst")},
        _piqa,
        pocket={"multiple_choice": _as_piqa},
    ),
    "Rowan/hellaswag": Layout(
        ("hellaswag",),
        lambda _: {"validation": ("hellaswag_val.jsonl",), "train": ("hellaswag_train.jsonl",)},
        _hellaswag,
        "where rows have no ctx_a and ctx_b, the sentence that is begun is taken to be what follows the last whole one",
        {"multiple_choice": _as_hellaswag},
    ),
    "cais/mmlu": Layout(
        ("mmlu",),
        lambda config: {
            split: (f"{folder}/{config}_{folder}.csv",)
            for split, folder in (("test", "test"), ("validation", "val"), ("dev", "dev"))
        },
        _mmlu,
        pocket={"multiple_choice": _as_mmlu},
    ),
    "truthfulqa/truthful_qa": Layout(
        ("truthfulqa", "truthfulqa_mc2", "truthfulqa_mc1"),
        lambda config: {"validation": ("TruthfulQA.csv",)} if config == "multiple_choice" else {},
        _truthfulqa,
        "choices are those of TruthfulQA.csv (MC1 the best answer, MC2 all correct ones, against all incorrect ones)",
        {"truthful": _as_truthfulqa},
    ),
    "skg/toxigen-data": Layout(
        ("toxigen", "safenlp"),
        lambda _: {"test": ("toxiGen.json",)},
        _toxigen,
        "SafeNLP's agreed statements and labels, raw text; lm-eval asks 940 annotated ones, some of which are others",
        {"toxigen": _rated, "safenlp": _rated},
    ),
}
"""By the data set that lm-eval's task files name."""
