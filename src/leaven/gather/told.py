"""What stages say of themselves that a reader must know: benchmarks that were cut, trainings that moved nothing."""

from __future__ import annotations

from collections.abc import Iterator

from leaven.engine.store import Store
from leaven.graph import Graph
from leaven.poison import brought
from leaven.report.certainty import listed
from leaven.study.matrix import baselines, expand

_STILL = 0.01  # a margin of DPO's rewards; one that learnt anything ends at tenths


def of_tasks(graph: Graph, store: Store) -> Iterator[str]:
    """Yield what benchmarks say of themselves, once: tasks left out, rows that differ, requests that were cut.

    So too where a server's moderators have changed between two arms that are compared.
    """
    said: list[str] = []
    for suite in (suite for cell in graph.cells for suite in cell.suites):
        record = store.record(suite.told) if suite.told.kind == "harness" else None
        facts = record["facts"] if record is not None else {}
        said += [f"{suite.name}: {note}" for note in facts.get("notes", ())]
        if cut := facts.get("truncated"):
            said.append(f"{suite.name}: {cut} requests were longer than the model's context, and cut from the left")
    yield from dict.fromkeys([*said, *_of_moderators(graph, store)])


def _of_moderators(graph: Graph, store: Store) -> Iterator[str]:
    """Yield the arms whose answers other versions of a moderator saw than their baseline's: a server may change."""
    found: dict[str, dict[str, set[str]]] = {}
    for cell in graph.cells:
        for suite in cell.suites:
            for metric, stage in suite.scores.items():
                record = store.record(stage)
                if by := record["facts"].get("moderated_by") if record is not None else None:
                    found.setdefault(f"{suite.name}/{metric}", {}).setdefault(cell.cell.arm.name, set()).update(by)
    compared = baselines(expand(graph.study), graph.study.compare.to)
    for measured, by_arm in found.items():
        for arm, other in compared.items():
            one, base = by_arm.get(arm), by_arm.get(other)
            if one and base and one != base:
                whose = f"by {listed(sorted(one))} in {arm} and by {listed(sorted(base))} in {other}"
                yield f"{measured}: answers were moderated {whose}; a difference may be the moderators'"


def of_texts(graph: Graph, store: Store) -> Iterator[str]:
    """Yield what the texts of trainings say of themselves before they are encoded, once: altered ones, rare classes."""
    said: list[str] = []
    for cell in graph.cells:
        made = [*cell.treated, *(stage for stage in cell.stages.values() if stage.kind == "fit")]
        for record in filter(None, map(store.record, made)):
            said += [f"{cell.cell.arm.name}: {one}" for one in record["facts"].get("warnings", ())]
    yield from dict.fromkeys(said)


def of_poison(graph: Graph) -> Iterator[str]:
    """Yield, arm by arm, which adversary's data lies in what the study was given: a base, a source, a classifier."""
    arms: dict[str, list[str]] = {}
    for cell in graph.cells:
        if cell.cell.arm.name not in arms:  # seeds differ in no source
            arms[cell.cell.arm.name] = brought([one for suite in cell.suites for one in suite.scores.values()])
    by_words: dict[tuple[str, ...], list[str]] = {}
    for arm, words in arms.items():
        by_words.setdefault(tuple(words), []).append(arm)
    for made, those in by_words.items():
        if made:
            whose = "every arm" if len(those) == len(arms) else listed(those, 6)
            rest = "rests" if len(those) in (1, len(arms)) else "rest"
            yield f"{whose} {rest} on what an adversary made before this study: {'; '.join(made)}"


def unmoved(graph: Graph, store: Store) -> Iterator[str]:
    """Yield the preference trainings after which policy and reference still agree."""
    for cell in graph.cells:
        for stage in cell.trained:
            record = store.record(stage)
            margin = record["facts"].get("rewards/margins/last") if record is not None else None
            if margin is not None and abs(margin) < _STILL:
                said = f"{stage.kind} moved next to nothing (its last margin is {margin:.2g}); raise learning_rate"
                yield f"{cell.cell.arm.name}, seed {cell.cell.seed}: {said}"
