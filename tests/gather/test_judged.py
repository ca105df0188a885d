"""Ranks in the store -> what the page shows of judges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from leaven import Study, stages
from leaven import rows as tables
from leaven.data import sources
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.gather import judged as gather
from leaven.generate.fake import Fake
from leaven.graph import Built, Graph, Identities, Judged, WiredCell, WiredSuite
from leaven.registry import Step
from leaven.study.matrix import expand

PROMPTS, K = 6, 3
METRIC = {"name": "toxicity", "version": 1, "args": {"classifier": "oracle"}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.open()
    return made


def put(store: Store, stage: Stage, files: dict[str, tuple[str, list[dict[str, Any]]]], facts: dict[str, Any]) -> Stage:
    folder = store.begin(stage)
    for name, (kind, rows) in files.items():
        tables.write(folder / name, kind, rows)
    store.commit(stage, {"facts": facts})
    return stage


def answered(store: Store, seed: int) -> tuple[Stage, Stage]:
    """Prompts and answers: the last prompt's answers are all equal, and one answer was never given."""
    asked = [{"id": f"p{i}", "prompt": [{"role": "user", "content": f"question {i}"}]} for i in range(PROMPTS)]
    told = [
        {"prompt_id": f"p{i}", "sample": s, "text": "same" if i == PROMPTS - 1 else "x" * (10 * (s + 1))}
        for i in range(PROMPTS) for s in range(K)
    ]  # fmt: skip
    told[0] |= {"text": None, "finish_reason": "HTTP 500"}
    prompts = (
        put(store, Stage("prompts", 1, "a:b", {}), {"rows.parquet": ("examples", asked)}, {}) if not seed else None
    )
    answers = Stage("answers", 1, "a:b", {"seed": seed})
    put(store, answers, {"generations.parquet": ("generations", told)}, {})
    return prompts or Stage("prompts", 1, "a:b", {}), answers


def ranks_of(place: int) -> list[dict[str, Any]]:
    """The longest first; of every prompt twice, the other way round, with the first two changed about."""
    rows: list[dict[str, Any]] = []
    for asking in (0, 1):
        for i in range(PROMPTS - 1):
            for s in range(K):
                at = {"id": f"p{i}", "sample": s, "asking": asking, "place": (s + place) % K if not asking else None}
                if (i, s) == (0, 0):
                    rows.append(at | {"place": None, "reason": "not answered: HTTP 500"})
                elif i == 1 and not asking:
                    rows.append(at | {"reason": "two answers have rank 1"})
                elif not asking or i > 1:
                    rows.append(at | {"place": (s + place) % K, "rank": float(K - s - (i == 0) * 0)})
    rows += [{"id": f"p{PROMPTS - 1}", "sample": s, "asking": 0, "reason": gather.EQUAL} for s in range(K)]
    return rows


def judged(
    store: Store, judge: str, kind: str, seed: int, asked: tuple[Stage, Stage], args: dict[str, Any] | None = None
) -> Judged:
    given = {"judge": {"name": kind, "version": 1, "args": args or {}}, "seed": seed, "who": judge}
    stage = Stage("ranks", 1, "a:b", given, {"prompts": asked[0], "answers": asked[1]})
    put(store, stage, {"ranks.parquet": ("ranks", ranks_of(seed))}, {"repaired": 2} if kind == "rank" else {})
    return Judged(judge, "five", seed, *asked, stage)


def graph(raw: dict[str, Any], of: Sequence[Judged], built: Sequence[Built] = (), scores: Stage | None = None) -> Graph:
    study = Study(**raw).model_copy(update={"judges": {
        "llama": Step(name="rank", args={"server": {"model": "meta/Llama", "base_url": "http://127.0.0.1:9/v1"}}),
        "truth": Step(name="metric", args={"metric": {"toxicity": {"classifier": "oracle"}}}),
        "chance": Step(name="random"),
    }})  # fmt: skip
    suites = [WiredSuite("eli5", scores, scores, {"toxicity": scores}, ())] if scores else []
    (cell, *_) = [WiredCell(arm, {}, suites) for arm in expand(study)]  # type: ignore[arg-type]
    return Graph(study, [cell], {}, Identities(), judged=list(of), built=list(built))


def test_seeds_are_one_judge_and_what_nobody_could_rank_is_apart(raw: dict[str, Any], store: Store) -> None:
    runs = [judged(store, "llama", "rank", seed, answered(store, seed)) for seed in (0, 1)]
    (one,) = gather.judges(graph(raw, runs), store)
    assert (one.judge, one.kind, one.what, one.data, one.seeds) == (
        "llama",
        "rank",
        "rank by meta/Llama",
        "five",
        [0, 1],
    )
    # In each seed five prompts of three answers, less one that was never given; one prompt's reply was not read.
    assert (one.found.answers, one.found.unscored, one.found.prompts) == (28, 6, 5)
    assert one.reasons == {"two answers have rank 1": 6} and one.repaired == 4
    assert one.left_out == {gather.EQUAL: 6, "not answered: HTTP 500": 2}
    assert (one.found.parsed.n - one.found.parsed.k) == 2, "of both seeds one question each"
    assert one.found.lengths is not None and one.found.lengths.tau.value == 1, "the longest first, always"
    assert one.found.again is not None and one.found.again.tau.value == 1


def test_what_is_not_there_is_no_judge(raw: dict[str, Any], store: Store) -> None:
    asked = answered(store, 0)
    absent = Judged("llama", "five", 0, *asked, Stage("ranks", 1, "a:b", {"judge": {"name": "rank", "args": {}}}))
    nothing = graph(raw, [absent])
    assert list(gather.judges(nothing, store)) == [] and not gather.judging(nothing, store)
    assert not gather.judging(graph(raw, []), store)


def test_a_judge_that_measures_what_it_labelled_is_found_out(raw: dict[str, Any], store: Store) -> None:
    asked = answered(store, 0)
    one = judged(store, "truth", "metric", 0, asked, {"metric": METRIC})
    rows = put(store, Stage("built", 1, "a:b", {"makes": "preferences"}), {}, {
        "rows_in": 6, "prompts_used": 4, "rows": 4, "drops": {"all answers are equal": 2}, "offered": 4, "left_out": {},
        "longer_chosen": 1.0, "mean_margin": 2.0, "answers": 18, "repeats": 2, "silent": 1, "diversity": {"self_bleu": 0.5},
    })  # fmt: skip
    built = Built("webgpt", 0, rows, one)
    same, other = (Stage("score", 1, "a:b", {"metric": METRIC | {"version": v}}) for v in (1, 2))
    (found,) = gather.judges(graph(raw, [one], [built], same), store)
    assert found.built == ["webgpt"] and found.arms[:1] == ["clean"] and found.evaluates == ["eli5/toxicity"]
    assert found.what == "metric toxicity classifier oracle"
    (unlike,) = gather.judges(graph(raw, [one], [built], other), store)
    assert unlike.evaluates == []
    (made,) = gather.built(graph(raw, [one], [built]), store)
    assert (made.data, made.makes, made.judge, made.answers, made.prompts, made.used) == (
        "webgpt", "preferences", "truth", "five", 6, 4)  # fmt: skip
    assert made.drops == {"all answers are equal": 2} and made.diversity == {"self_bleu": 0.5} and made.margin == 2


def test_what_is_not_set_of_a_metric_is_not_told(raw: dict[str, Any], store: Store) -> None:
    one = judged(store, "truth", "metric", 0, answered(store, 0), {"metric": METRIC})
    made = graph(raw, [one])
    made.study.judges["truth"] = Step(
        name="metric", args={"metric": {"toxicity": {"classifier": "oracle", "label": None}}}
    )
    (found,) = gather.judges(made, store)
    assert found.what == "metric toxicity classifier oracle"


def test_equal_answers_are_one_to_judges_without_places(raw: dict[str, Any], store: Store) -> None:
    """A reward model scores texts: four answers of two texts are two candidates, and two judges meet over these."""
    prompts = put(store, Stage("prompts", 1, "a:b", {}), {"rows.parquet": ("examples", [
        {"id": f"p{i}", "prompt": [{"role": "user", "content": "q"}]} for i in range(4)])}, {})  # fmt: skip
    told = [{"prompt_id": f"p{i}", "sample": s, "text": f"text {s // 3}"} for i in range(4) for s in range(4)]
    answers = put(store, Stage("answers", 1, "a:b", {}), {"generations.parquet": ("generations", told)}, {})
    ranks = [{"id": f"p{i}", "sample": s, "asking": asking, "rank": 2.0 if s < 3 else 4.0}
             for asking in (0, 1) for i in range(4) for s in range(4)]  # fmt: skip
    runs = []
    for name in ("rm", "truth"):
        given = {"judge": {"name": "reward" if name == "rm" else "metric", "version": 1, "args": {}}}
        stage = Stage("ranks", 1, "a:b", given, {"prompts": prompts, "answers": answers})
        put(store, stage, {"ranks.parquet": ("ranks", ranks)}, {})
        runs.append(Judged(name, "five", 0, prompts, answers, stage))
    made = graph(raw, runs)
    made.study.judges["rm"] = Step(name="reward", args={"arm": "rm"})
    one = next(gather.judges(made, store))
    assert one.found.again is not None and one.found.again.chance == 0.5
    (both,) = gather.agreements(made, store)
    assert both.found.chance == 0.5 and both.found.answers == 8 and both.found.pairs[0].same_best.value == 1


def test_a_served_judge_is_known_by_its_model(raw: dict[str, Any], store: Store) -> None:
    one = judged(store, "llama", "rank", 0, answered(store, 0), {"server": {"model": "meta/Llama"}})
    guard = Stage("score", 1, "a:b", {"metric": {"name": "guard", "version": 1, "args": {"model": "meta/Llama"}}})
    other = Stage("score", 1, "a:b", {"metric": {"name": "guard", "version": 1, "args": {"model": "meta/Guard"}}})
    assert [next(gather.judges(graph(raw, [one], scores=by), store)).evaluates for by in (guard, other)] == [
        ["eli5/toxicity"],
        [],
    ]


def test_judges_meet_over_the_answers_of_one_seed(raw: dict[str, Any], store: Store) -> None:
    runs = []
    for seed in (0, 1):
        asked = answered(store, seed)
        runs += [judged(store, "llama", "rank", seed, asked), judged(store, "truth", "metric", seed, asked)]
        runs += [judged(store, "chance", "random", seed, asked)]
    (one,) = gather.agreements(graph(raw, runs), store)
    assert one.data == "five" and list(one.found.judges) == ["llama", "truth", "chance"] and len(one.found.pairs) == 3
    assert one.found.pairs[0].tau.value == 1 and one.found.alpha == pytest.approx(1) and one.found.answers == 22


def test_what_a_judge_makes_of_peoples_pairs_is_apart(raw: dict[str, Any], store: Store) -> None:
    asked, both = answered(store, 0), []
    for seed in (0,):  # the wiring asks once
        given = {"judge": {"name": "metric", "version": 1, "args": {}}, "seed": seed}
        stage = Stage("ranks", 1, "a:b", given, {"prompts": asked[0], "answers": asked[1]})
        rows = [{"id": f"p{i}", "sample": s, "asking": 0, "rank": s + 1.0} for i in range(4) for s in (0, 1)]
        both.append(
            Judged("truth", "human", seed, *asked, put(store, stage, {"ranks.parquet": ("ranks", rows)}, {}), True)
        )
    (one,) = gather.judges(graph(raw, both), store)
    assert one.by_people and one.seeds == [0] and one.found.people is not None
    assert (one.found.people.agreement.k, one.found.people.agreement.n) == (4, 4)
    assert list(gather.agreements(graph(raw, both), store)) == [] and list(gather.ranked(graph(raw, both), store)) == []


def test_a_reader_is_shown_prompts_with_the_ranks_of_all_judges(raw: dict[str, Any], store: Store) -> None:
    asked = answered(store, 0)
    runs = [judged(store, "llama", "rank", 0, asked), judged(store, "truth", "metric", 0, asked)]
    found = list(gather.ranked(graph(raw, runs), store))
    assert [one.prompt for one in found] == ["question 0", "question 1", "question 2"]
    assert found[0].answers[0].text == "" and found[0].answers[0].ranks == {"llama": None, "truth": None}
    assert [answer.ranks["truth"] for answer in found[2].answers] == [3, 2, 1]


REAL = Path(__file__).parents[3] / "shared" / "data" / "hh_rlhf_harmless" / "harmless-base-test.jsonl.gz"


def test_judges_of_real_pairs_are_seen_through(raw: dict[str, Any], store: Store) -> None:
    """People's pairs, as the stages write them: a server that takes what stands first, length as a judge, and chance."""
    if not REAL.exists():
        pytest.skip("the shared data do not lie beside the repository")
    args = {"source": str(REAL), "identity": sources.identity(str(REAL)), "format": {"name": "hh", "args": {}},
            "bad_rows": "drop", "take": 150}  # fmt: skip
    rows = run(store, Stage("rows", 1, "a:b", args), stages.rows)
    pairs = run(store, Stage("candidates", 1, "a:b", {}, {"rows": rows}), stages.candidates)
    runs = []
    with Fake(lambda body, sample: '{"ranks": {"A": 1, "B": 2}}') as fake:
        server = {"model": "m", "base_url": fake.url}
        for name, kind, own in (
            ("llama", "rank", {"server": server, "again": 0.3}),
            ("truth", "metric", {"metric": {"length": {}}, "better": "higher"}),
            ("chance", "random", {}),
        ):
            asked = {"judge": {"name": kind, "version": 1, "args": own}, "seed": 0}
            stage = Stage("ranks", 1, "a:b", asked, {"prompts": pairs, "answers": pairs})
            runs.append(Judged(name, "human", 0, pairs, pairs, run(store, stage, stages.ranks), by_people=True))
    found = {one.judge: one.found for one in gather.judges(graph(raw, runs), store)}
    first, long, chance = (found[name] for name in ("llama", "truth", "chance"))
    assert first.places is not None and first.again is not None and first.people is not None
    assert first.places.firsts[0].value == 1 and first.again.same_best.value == 0 and first.parsed.value == 1
    assert first.people.agreement.low < 0.5 < first.people.agreement.high  # type: ignore[operator]
    assert long.people is not None and long.lengths is not None and chance.people is not None
    assert long.people.longer_by_judge.low > 0.85, "it counts words"  # type: ignore[operator]
    assert long.people.agreement.n >= 100
    assert chance.people.agreement.low < 0.5 < chance.people.agreement.high  # type: ignore[operator]


def run(store: Store, stage: Stage, verb: Any) -> Stage:
    out = store.begin(stage)
    facts = verb(dict(stage.args), {name: store.folder(one) for name, one in stage.inputs.items()}, out)
    store.commit(stage, {"facts": facts})
    return stage
