"""Ranks, votes and what was built of them -> what the page shows of judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.engine.store import Store
from leaven.gather.samples import spoken
from leaven.graph import Graph, Judged
from leaven.report.judges.found import CHANCE, AgreementInfo, BuiltInfo, JudgeInfo, Judging, RankedAnswer, RankedSample
from leaven.score.judges.candidates import ALONE, EQUAL
from leaven.stats.judged.between import between
from leaven.stats.judged.reliability import reliability
from leaven.study.matrix import expand
from leaven.wiring.factory import who

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 3  # prompts of each data set that a reader is shown
_NO_ANSWER = "not answered: "  # how the reason begins where a server gave no answer that could be ranked

Place = tuple[str, str, bool]  # judge, data, by people


def judging(graph: Graph, store: Store) -> Judging:
    """Return everything that the page shows of judges and of what was built of their ranks."""
    if not (graph.judged or graph.built):
        return Judging()
    return Judging(
        list(judges(graph, store)), list(agreements(graph, store)), list(built(graph, store)),
        list(ranked(graph, store)),
    )  # fmt: skip


def judges(graph: Graph, store: Store) -> Iterator[JudgeInfo]:
    """Yield how far each judge can be trusted, over all seeds whose ranks are there."""
    for (judge, data, by_people), runs in _by_judge(graph.judged, store).items():
        ranks = _together(runs, lambda one: _ranks(store, one))
        able = _could_be(ranks)
        if not able.any():
            continue
        votes = _together(runs, lambda one: _read(store, one, "votes"))
        found = reliability(ranks[able], votes, _together(runs, lambda one: _lengths(store, one)), by_people=by_people)
        built = list(dict.fromkeys(one.data for one in graph.built if one.judged.judge == judge))
        first = (ranks["asking"] == 0) & ranks["rank"].isna()
        yield JudgeInfo(
            judge, str(runs[0].ranks.args["judge"]["name"]), who(graph.study.judges[judge]), data,
            [one.seed for one in runs if one.seed is not None], found, by_people, _repaired(store, runs),
            _counted(ranks[first & able]), _counted(ranks[first & ~able]), built, _trained_on(graph, built),
            _evaluates(graph, runs[0]),
        )  # fmt: skip


def _by_judge(judged: Iterable[Judged], store: Store) -> dict[Place, list[Judged]]:
    """Return what is there of each judge and data set, seed by seed."""
    found: dict[Place, list[Judged]] = {}
    for one in judged:
        if _is_there(store, one):
            found.setdefault((one.judge, one.data, one.by_people), []).append(one)
    return found


def _is_there(store: Store, one: Judged) -> bool:
    return None not in map(store.record, (one.prompts, one.answers, one.ranks))


def _together(runs: Sequence[Judged], read: Any) -> Any:
    """Return the tables of several runs as one, with ``run``; None where there is none."""
    import pandas as pd

    parts = [(run, read(one)) for run, one in enumerate(runs)]
    there = [part.assign(run=run) for run, part in parts if part is not None]
    return pd.concat(there, ignore_index=True) if there else None


def _ranks(store: Store, one: Judged) -> pd.DataFrame:
    """Return a judge's ranks with ``same``, which equal answers share: not every judge has places that tell it."""
    found: pd.DataFrame = tables.read(store.folder(one.ranks) / "ranks.parquet").to_pandas()
    return found.merge(_answers(store, one)[["id", "sample", "same"]], on=["id", "sample"], how="left")


def _read(store: Store, one: Judged, kind: str) -> pd.DataFrame | None:
    path = store.folder(one.ranks) / f"{kind}.parquet"
    return tables.read(path).to_pandas() if path.exists() else None


def _could_be(ranks: pd.DataFrame) -> pd.Series[bool]:
    """Say which answers a judge could rank: not those that nobody gave, nor those of a prompt with one answer."""
    reason = ranks["reason"].fillna("").astype(str)
    return ~(reason.isin([ALONE, EQUAL]) | reason.str.startswith(_NO_ANSWER))


def _answers(store: Store, one: Judged) -> pd.DataFrame:
    """Return the characters of each answer, and a number that equal ones share."""
    import pandas as pd

    read = tables.read(store.folder(one.answers) / "generations.parquet")
    texts = [text or "" for text in read.column("text").to_pylist()]
    asked = {"id": read.column("prompt_id").to_pylist(), "sample": read.column("sample").to_pylist()}
    return pd.DataFrame({**asked, "length": [len(text) for text in texts], "same": pd.factorize(pd.Series(texts))[0]})


def _lengths(store: Store, one: Judged) -> pd.DataFrame:
    return _answers(store, one).drop(columns="same")


def _counted(ranks: pd.DataFrame) -> dict[str, int]:
    return dict(Counter(ranks["reason"].fillna("no reason given").astype(str)).most_common())


def _repaired(store: Store, runs: Sequence[Judged]) -> int | None:
    """Return how many replies could be read only at the second try; None of judges that are asked nothing."""
    said = [_facts(store, one).get("repaired") for one in runs]
    known = [count for count in said if count is not None]
    return sum(known) if known else None


def _facts(store: Store, one: Judged) -> Mapping[str, Any]:
    record = store.record(one.ranks)
    return record["facts"] if record is not None else {}


def _trained_on(graph: Graph, built: Sequence[str]) -> list[str]:
    """Return the arms that train on data sets that were built."""
    return [arm.name for arm in expand(graph.study) if any(step.args.get("data") in built for step in arm.train)]


def _evaluates(graph: Graph, one: Judged) -> list[str]:
    """Return the suites' metrics that are this judge: the same metric, the same served model, the same artefact."""
    found = [
        f"{suite.name}/{name}"
        for cell in graph.cells
        for suite in cell.suites
        for name, stage in suite.scores.items()
        if _is_same(one, stage)
    ]
    return list(dict.fromkeys(found))


def _is_same(one: Judged, scores: Any) -> bool:
    own, metric = one.ranks.args["judge"]["args"], scores.args.get("metric")
    if not isinstance(metric, Mapping):
        return False
    server = own.get("server")
    artefact = one.ranks.inputs.get("model")
    by_metric = own.get("metric") is not None and own["metric"] == metric
    by_server = isinstance(server, Mapping) and server.get("model") in models_asked(metric)
    by_model = artefact is not None and scores.inputs.get("model") is not None and (
        scores.inputs["model"].key == artefact.key
    )  # fmt: skip
    return by_metric or by_server or by_model


def models_asked(metric: Mapping[str, Any]) -> list[Any]:
    """Return the served models that a metric, as stages have it, asks; none of most."""
    asked = metric.get("args", {})
    server = asked.get("server")
    return [asked["model"]] if "model" in asked else [server.get("model")] if isinstance(server, Mapping) else []


def agreements(graph: Graph, store: Store) -> Iterator[AgreementInfo]:
    """Yield how the judges of each data set's answers agree, over the seeds; a judge by chance is beside them."""
    by_data: dict[str, dict[str, list[Judged]]] = {}
    for (judge, data, by_people), runs in _by_judge(graph.judged, store).items():
        if not by_people:
            by_data.setdefault(data, {})[judge] = runs
    for data, by_name in by_data.items():
        ranks = {judge: _rankable(store, runs) for judge, runs in by_name.items()}
        chance = [judge for judge, runs in by_name.items() if runs[0].ranks.args["judge"]["name"] == CHANCE]
        found = between({judge: table for judge, table in ranks.items() if len(table)}, beside=chance)
        if found is not None:
            yield AgreementInfo(data, found)


def _rankable(store: Store, runs: Sequence[Judged]) -> pd.DataFrame:
    """Return what could be ranked; ``run`` is the seed, so that judges of one seed's answers meet."""
    import pandas as pd

    parts = [_ranks(store, one).assign(run=one.seed if one.seed is not None else -1) for one in runs]
    every = pd.concat(parts, ignore_index=True)
    return every[_could_be(every)]


def built(graph: Graph, store: Store) -> Iterator[BuiltInfo]:
    """Yield what was built, data set by data set, seed by seed."""
    for one in graph.built:
        record = store.record(one.rows)
        if record is not None:
            facts = record["facts"]
            yield BuiltInfo(
                one.data, one.seed, str(one.rows.args.get("makes", "")), one.judged.judge, one.judged.data,
                facts["rows_in"], facts["prompts_used"], facts["rows"], facts.get("offered"), facts["drops"],
                facts.get("left_out", {}), facts.get("longer_chosen"), facts.get("mean_margin"), facts.get("answers"),
                facts.get("repeats"), facts.get("silent"), facts.get("diversity", {}),
            )  # fmt: skip


def ranked(graph: Graph, store: Store) -> Iterator[RankedSample]:
    """Yield a few prompts of each data set's first seed, with their answers and the ranks of all its judges."""
    seen: dict[str, list[Judged]] = {}
    for (_, data, by_people), runs in _by_judge(graph.judged, store).items():
        if not by_people:
            mine = seen.setdefault(data, [])
            mine += [one for one in runs if not mine or one.answers.key == mine[0].answers.key][:1]
    for data, those in seen.items():
        yield from _samples(store, data, those)


def _samples(store: Store, data: str, those: Sequence[Judged]) -> Iterator[RankedSample]:
    first = those[0]
    asked = tables.read(store.folder(first.prompts) / "rows.parquet").slice(0, SHOWN).to_pylist()
    ids = {row["id"] for row in asked}
    told: dict[str, list[tables.Row]] = {}
    for answer in tables.read(store.folder(first.answers) / "generations.parquet").to_pylist():
        if answer["prompt_id"] in ids:
            told.setdefault(answer["prompt_id"], []).append(answer)
    by_judge = {one.judge: _first_ranks(store, one, ids) for one in those}
    for row in asked:
        answers = [
            RankedAnswer(
                one["sample"], one["text"] or "",
                {judge: ranks.get((row["id"], one["sample"])) for judge, ranks in by_judge.items()},
            )
            for one in sorted(told.get(row["id"], ()), key=lambda one: int(one["sample"]))
        ]  # fmt: skip
        if answers:
            yield RankedSample(data, first.seed, spoken(row["prompt"]), answers)


def _first_ranks(store: Store, one: Judged, ids: set[str]) -> dict[tuple[str, int], float | None]:
    read = tables.read(store.folder(one.ranks) / "ranks.parquet").to_pylist()
    return {(row["id"], row["sample"]): row["rank"] for row in read if row["asking"] == 0 and row["id"] in ids}
