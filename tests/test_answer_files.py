"""What a report does to an answer that is there: it is kept where the store has less, and says what is unfinished."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import leaven
from leaven import Study, answered, provenance, verbs, workspace
from leaven import rows as tables
from leaven.engine import run as engine
from leaven.engine.pending import Outcome
from leaven.engine.stage import Stage, closure
from leaven.errors import ReportError
from leaven.graph import Graph
from leaven.report import formats
from leaven.report.page import render

OLD = {
    "versions": {"leaven": "0.0.1"}, "python": "3.11.1", "machine": "another", "commit": "a" * 40, "dirty": True,
    "threads": 1,
}  # fmt: skip
NEWER = {**OLD, "commit": "b" * 40, "dirty": False, "threads": 2}


@pytest.fixture
def folder(raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of two arms and two seeds that was planned and stopped before anything was computed."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run", stop)
    raw["arms"] = {"clean": {}, "poisoned": {"treat": [{"malign_labels": {"rate": 1}}]}}
    raw["compare"] = {"to": "clean", "primary": ["toxicity"]}
    raw["seeds"] = [0, 1]
    with pytest.raises(KeyboardInterrupt):
        verbs.run(Study(**raw), tmp_path)
    return tmp_path / "small"


def commit(folder: Path, stages: Sequence[Stage], made_by: dict[str, Any] = OLD) -> None:
    """Put results of stages into the store, as a run would have left them."""
    store = workspace.store(folder.parent)
    store.open()
    for stage in stages:
        if store.record(stage) is None:
            partial = store.begin(stage)
            _write(stage, partial)
            facts = {
                "rows": 2,
                "rows_in": 2,
                "drops": {},
                "ledger": [],
                "warnings": [],
                "tokens_trained": 1,
                "steps": 1,
            }
            facts |= {"seconds": 1.0, "final_loss": 1.0}
            store.commit(stage, {"facts": facts, "made_by": made_by, "began_by": [], "cost": {"wall_s": 1.0}})


def _write(stage: Stage, place: Path) -> None:
    """Write what the answer reads of a stage: two questions, no text, a score for each question."""
    import pyarrow as pa

    items = [f"r{number}" for number in range(2)]
    asked = [{"id": item, "prompt": [{"role": "user", "content": f"{item}?"}]} for item in items]
    metric = stage.title.rpartition(" ")[2]
    scores = [{"row_id": item, "sample": 0, "metric": metric, "value": 0.5} for item in items]
    files: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
        "prompts": ("rows", "examples", asked), "score": ("scores", "scores", scores),
        "generate": ("generations", "generations", []), "treat": ("ledger", "ledger", []),
    }  # fmt: skip
    name, kind, lines = files.get(stage.kind, ("made", "drops", []))
    tables.write(place / f"{name}.parquet", kind, pa.Table.from_pylist(lines, schema=tables.schema(kind)))


def graph_of(folder: Path) -> Graph:
    return answered.opened(folder)[0]


def finished(folder: Path) -> dict[str, bytes]:
    commit(folder, closure(graph_of(folder).targets))
    answered.report(folder)
    return held(folder)


def held(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in workspace.ANSWER}


def test_a_run_that_was_copied_without_its_store_keeps_its_answer(folder: Path, tmp_path: Path) -> None:
    before = finished(folder)
    alone = tmp_path / "elsewhere" / "small"
    shutil.copytree(folder, alone, symlinks=True)
    for again in (answered.report, answered.findings, lambda run: answered.text(run, "md")):
        with pytest.raises(ReportError, match=r"none of the \d+ results .* answer is kept .* makes them again") as told:
            again(alone)
        assert f"`leaven run {alone / 'study.yaml'} --workspace {alone.parent}`" in str(told.value)
    assert held(alone) == before and len(leaven.results(alone).measurements)
    assert verbs.check(alone / "study.yaml", workspace=alone.parent).name == "small", "the command is a true one"


def test_a_store_that_lost_some_results_replaces_no_answer(folder: Path) -> None:
    before, graph = finished(folder), graph_of(folder)
    store = workspace.store(folder.parent)
    store.discard(graph.cells[-1].suites[0].scores["toxicity"])
    with pytest.raises(ReportError, match=r"has only (\d+) of the (\d+) results"):
        answered.report(folder)
    assert held(folder) == before
    commit(folder, closure(graph.targets))
    answered.report(folder)
    assert held(folder)["comparisons.json"] == before["comparisons.json"]


def test_a_run_that_brings_back_less_keeps_the_answer_that_is_there(
    raw: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = finished(folder)
    shutil.rmtree(folder.parent / "store")

    def fail(targets: Sequence[Stage], store: Any, *_: Any) -> Outcome:
        store.open()
        return Outcome(failed={stage.key: "no memory" for stage in targets})

    monkeypatch.setattr(engine, "run", fail)
    ran = verbs.run(Study(**raw), folder.parent)
    assert held(folder) == before and ran.report == folder / "report.html"
    assert "that answer is kept as it is" in ran.warnings[0] and not ran.outcome.complete


def test_a_view_of_a_store_that_lost_some_results_says_so_and_is_made(folder: Path) -> None:
    finished(folder)
    store = workspace.store(folder.parent)
    store.discard(graph_of(folder).cells[-1].suites[0].scores["toxicity"])
    found = answered.findings(folder)
    assert "has only" in found.warnings[0] and not found.measurements.empty
    assert formats.render(found, "csv")


def test_an_unfinished_run_says_so_first_in_every_format(folder: Path) -> None:
    graph = graph_of(folder)
    stages = closure(graph.targets)
    commit(folder, stages[:3])
    found = answered.findings(folder)
    said = (
        f"3 of {len(stages)} stages are done; `leaven run {folder / 'study.yaml'} --workspace {folder.parent}` goes on."
    )
    assert found.unfinished == said and found.missing == ["Nothing was measured yet."]
    page = render(found)
    assert page.index("3 of ") < page.index("Nothing can be said") and "was not measured (" not in page
    assert formats.render(found, "md").split("\n\n")[1].startswith(f"3 of {len(stages)} stages are done")
    assert said in formats.render(found, "json") and f"% Unfinished: {said}" in formats.render(found, "latex")
    first = [stage for cell in graph.cells[:1] for suite in cell.suites for stage in suite.scores.values()]
    commit(folder, closure([*first, graph.cells[0].suites[0].told]))
    some = answered.findings(folder).missing
    assert some and all(gap.startswith("clean, seed 1: ") for gap in some), "poisoned has nothing at all: said once"
    commit(folder, stages)
    assert answered.findings(folder).unfinished is None


def test_a_shipped_study_goes_on_by_its_name(tmp_path: Path) -> None:
    study = verbs.load("quickstart", settings=["seeds=[0, 1]"])
    command = answered.goes_on(study, tmp_path / "quickstart").command
    assert command == f"`leaven run quickstart --set 'seeds=[0, 1]' --workspace {tmp_path}`"
    other = study.model_copy(update={"question": "Another?"})
    assert "leaven run STUDY.yaml --set" in answered.goes_on(other, tmp_path / "quickstart").command


def test_provenance_tells_who_made_the_stages_and_who_the_page(folder: Path) -> None:
    graph = graph_of(folder)
    stages = closure(graph.targets)
    trained = [cell.trained[0] for cell in graph.cells]
    commit(folder, [stage for stage in stages if stage not in trained])
    commit(folder, trained[:-1], OLD)
    commit(folder, trained[-1:], NEWER)
    made = provenance.of(graph, workspace.store(folder.parent))
    makers = [(one["commit"][0], one["dirty"], one["trainings"], one["stages"]) for one in made["makers"]]
    assert makers == [("a", True, 3, len(stages) - 1), ("b", False, 1, 1)]
    assert made["made_by"] == {name: value for name, value in OLD.items() if name != "threads"}
    assert made["written_by"]["versions"]["leaven"] != "0.0.1"
    told = provenance.for_people(made)
    others = f"3 trainings, {len(stages) - 4} other stages"
    assert told["commit"] == f"{'a' * 40}, with local changes ({others}); {'b' * 40} (1 training)"
    assert told["versions"] == "Python 3.11.1, leaven 0.0.1" and told["machine"] == "another"
    assert told["time"] == f"{len(stages)} s in {len(stages)} of {len(stages)} stages"
    assert f"leaven {made['written_by']['versions']['leaven']}" in told["page written"]


def test_provenance_of_nothing_claims_no_maker(folder: Path) -> None:
    made = provenance.of(graph_of(folder), workspace.store(folder.parent))
    assert made["made_by"] is None and made["makers"] == []
    assert set(provenance.for_people(made)) == {"page written", "keys"}
