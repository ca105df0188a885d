"""What a study costs: what was measured times what its author says it costs, and never a 0 for what nobody measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from leaven.engine.machine import Gpu, Machine
from leaven.engine.nearest import Explained
from leaven.engine.plan import Planned
from leaven.engine.stage import Needs, Stage
from leaven.gather import spent
from leaven.gather.spent import Making, Piece
from leaven.study.prices import Prices

PRICES = Prices(
    gpu_hour=2.0, core_hour=0.1, input_tokens=1.0, output_tokens=4.0,
    human_label={"price": 0.5, "source": "a paper"},  # type: ignore[arg-type]
)  # fmt: skip


def stage(kind: str, verb: str = "", args: Mapping[str, Any] = {}, **inputs: Stage) -> Stage:
    return Stage(kind, 1, f"leaven.stages:{verb or kind}", args, inputs, title=f"{kind} x")


def factory(makes: str = "preferences", judge: Mapping[str, Any] | None = None) -> dict[str, Stage]:
    """A factory's stages: a model is trained, answers, a judge that is trained on top of it ranks, pairs are built."""
    sft = stage("sft", "train")
    prompts = stage("prompts")
    answers = stage("answers", model=sft, prompts=prompts)
    reward = stage("reward", "train", before=sft)
    ranks = stage("ranks", args={"judge": judge or {"name": "reward", "args": {}}}, prompts=prompts, answers=answers,
                  model=reward)  # fmt: skip
    rows = stage("built", args={"makes": makes}, prompts=prompts, answers=answers, ranks=ranks)
    return {"sft": sft, "prompts": prompts, "answers": answers, "reward": reward, "ranks": ranks, "built": rows}


def record(kind: str = "sft", *, facts: Mapping[str, Any] = {}, needs: Mapping[str, Any] = {}, **more: Any) -> Any:
    return {"kind": kind, "facts": dict(facts), "needs": dict(needs), "made_by": {"threads": 4},
            "cost": {"wall_s": 1800.0}, "args": {}, **more}  # fmt: skip


def test_a_stage_on_gpus_is_paid_by_gpu_hours_and_another_by_core_hours() -> None:
    gpu = spent.of_record(record(facts={"device": "NVIDIA H100, NVIDIA H100"}, needs={"gpu": True}))
    cpu = spent.of_record(record(facts={"device": "cpu"}, needs={"gpu": True}))
    found = spent.reckoned({"a": gpu, "b": cpu}, [], PRICES, None)
    assert (gpu.gpus, gpu.gpu_seconds, gpu.core_seconds) == (2, 3600, 0)
    assert (cpu.gpus, cpu.gpu_seconds, cpu.core_seconds) == (0, 0, 7200)
    assert found.total.price == pytest.approx(1 * 2.0 + 2 * 0.1) and not found.total.least


def test_a_stage_that_was_cut_off_cost_at_least_what_is_known_of_it() -> None:
    whole = spent.of_record(record(facts={"device": "cpu"}))
    cut_off = spent.of_record(record(facts={"device": "cpu"}, cost={"wall_s": 1800.0, "earlier_s": 600.0}))
    found = spent.reckoned({"a": whole, "b": cut_off}, [], PRICES, None)
    assert found.total.least and found.total.price == pytest.approx(4 * 0.1)
    assert not spent.reckoned({"a": whole}, [], PRICES, None).total.least


def test_each_process_of_a_training_has_a_gpu_though_the_first_one_names_its_own_alone() -> None:
    around = {"launch": {"preset": "zero3", "processes": 4}}
    one = spent.of_record(record(facts={"device": "NVIDIA H100"}, needs={"gpu": True, "around": around}))
    assert one.gpus == 4
    on_cores = spent.of_record(record(facts={"device": "cpu"}, needs={"gpu": False, "around": around}))
    assert on_cores.gpus == 0


@pytest.mark.parametrize(
    "unknown",
    [
        record(needs={"gpu": True}),  # it may have computed on one, and does not say
        record(cost={}),
        record(made_by={}),
    ],
)
def test_what_nobody_measured_is_no_zero(unknown: Any) -> None:
    known = Piece("sft", 3600.0, 0, 1)
    alone = spent.reckoned({"a": spent.of_record(unknown)}, [], PRICES, None)
    assert alone.total.price is None and alone.total.least
    both = spent.reckoned({"a": spent.of_record(unknown), "b": known}, [], PRICES, None)
    assert both.total.price == pytest.approx(0.1) and both.total.least, "a lower bound, and said to be one"


def test_what_was_used_and_has_no_price_is_named_and_not_free() -> None:
    pieces = {"a": Piece("sft", 3600.0, 1, 4), "b": Piece("rows", 3600.0, 0, 1)}
    found = spent.reckoned(pieces, [], Prices(gpu_hour=2.0), None)
    assert (found.total.price, found.total.least, found.unpriced) == (2.0, True, ["core hours"])
    assert not spent.reckoned(pieces, [], PRICES, None).unpriced


def test_tokens_are_paid_where_a_server_was_asked_alone() -> None:
    facts = {"prompt_tokens": 2_000_000, "completion_tokens": 500_000, "device": "cpu"}
    asked = {"judge": {"name": "rank", "args": {"server": {"model": "m"}}}}
    served = spent.of_record(record("ranks", facts=facts, args=asked, cost={"wall_s": 0.0}))
    own = spent.of_record(record("ranks", facts=facts, args={"judge": {"name": "reward", "args": {}}}))
    writer = spent.of_record(record("answers", facts=facts, args={"server": {"model": "m"}}))
    assert served.billed and writer.billed and not own.billed
    assert spent.reckoned({"a": served}, [], PRICES, None).total.price == pytest.approx(2 * 1.0 + 0.5 * 4.0)
    assert own.prompt_tokens is None, "what a model of the study read is paid as its GPU's time"


def test_a_built_data_set_stands_beside_as_many_labels_by_people() -> None:
    stages = factory()
    known = {one.key: Piece(kind, 3600.0, 1, 1) for kind, one in stages.items()}
    known[stages["built"].key] = Piece("built", 3600.0, 0, 1, rows=100.0, prompts=60.0)
    (one,) = spent.reckoned(known, [Making("ranked", "rm", stages["built"])], PRICES, {"rm": 0.8}).labels
    # The judge's own: its training, its ranking and the building; not the answers, nor what they rest on.
    assert one.price == pytest.approx(2 * 2.0 + 0.1)
    assert (one.unit, one.labels, one.people, one.trained) == ("pair", 100, 50.0, True)
    assert one.saving == pytest.approx(1 - 4.1 / 50)
    assert one.per_label == pytest.approx(0.041) and one.per_correct == pytest.approx(0.041 / 0.8)


def test_the_cost_of_a_correct_label_is_unknown_where_the_agreement_is() -> None:
    stages = factory()
    known = {one.key: Piece(kind, 3600.0, 0, 1, rows=10.0) for kind, one in stages.items()}
    for agreement in (None, {}, {"rm": None}, {"rm": 0.0}):
        (one,) = spent.reckoned(known, [Making("ranked", "rm", stages["built"])], PRICES, agreement).labels
        assert one.per_correct is None and one.per_label is not None


@pytest.mark.parametrize(("makes", "of", "labels", "unit", "people"), [
    ("preferences", "pair", 100, "pair", 50.0), ("preferences", "ranking", 60, "ranking", 30.0),
    ("unpaired", "ranking", 60, "ranking", 30.0),
    ("unpaired", "pair", 60, "ranking", None),  # nobody said what a ranking costs: not the price of a pair
])  # fmt: skip
def test_people_are_paid_by_the_pair_or_by_the_ranking(
    makes: str, of: str, labels: int, unit: str, people: float | None
) -> None:
    stages = factory(makes)
    known = {one.key: Piece(kind, 1.0, 0, 1) for kind, one in stages.items()}
    known[stages["built"].key] = Piece("built", 1.0, 0, 1, rows=100.0, prompts=60.0)
    prices = Prices(human_label={"price": 0.5, "source": "s", "of": of})  # type: ignore[arg-type]
    (one,) = spent.reckoned(known, [Making("ranked", "rm", stages["built"])], prices, None).labels
    assert (one.labels, one.unit, one.people) == (labels, unit, people)
    assert one.price is None and one.saving is None, "nothing but people's labels has a price here"


def test_seeds_are_one_line_and_what_they_share_is_paid_once() -> None:
    stages = factory()
    answers = stage("answers", args={"seed": 1}, model=stages["sft"], prompts=stages["prompts"])
    ranks = stage("ranks", args={"seed": 1}, prompts=stages["prompts"], answers=answers, model=stages["reward"])
    second = stage("built", args={"makes": "preferences"}, prompts=stages["prompts"], answers=answers, ranks=ranks)
    every = {**stages, "answers 1": answers, "ranks 1": ranks, "built 1": second}
    known = {one.key: Piece(kind, 3600.0, 1, 1) for kind, one in every.items()}
    for one, rows in ((stages["built"], 100.0), (second, 40.0)):
        known[one.key] = Piece("built", 3600.0, 0, 1, rows=rows)
    made = [Making("ranked", "rm", one) for one in (stages["built"], second, second)]
    (found,) = spent.reckoned(known, made, PRICES, None).labels
    assert (found.seeds, found.labels, found.people) == (2, 140, 70.0)
    assert found.price == pytest.approx(3 * 2.0 + 2 * 0.1), "one training of the judge, two rankings, two buildings"
    known[second.key] = Piece("built", 3600.0, 0, 1)
    (partly,) = spent.reckoned(known, made, PRICES, None).labels
    assert partly.labels is None and partly.people is None, "the price is that of both seeds"
    other = [Making("ranked", "rm", stages["built"]), Making("ranked", "llama", second)]
    assert [one.seeds for one in spent.reckoned(known, other, PRICES, None).labels] == [1, 1]


def test_a_ranking_that_is_not_there_makes_the_price_a_lower_bound() -> None:
    stages = factory()
    known = {one.key: Piece(kind, 3600.0, 0, 1, rows=10.0) for kind, one in stages.items() if kind != "reward"}
    (one,) = spent.reckoned(known, [Making("ranked", "rm", stages["built"])], PRICES, None).labels
    assert one.least


def test_without_prices_there_are_quantities_alone() -> None:
    found = spent.reckoned({"a": Piece("sft", 3600.0, 1, 4, tokens=10.0)}, [], None, None)
    assert found.total.price is None and not found.total.least and not found.unpriced
    assert (found.total.gpu_seconds, found.total.tokens, found.currency) == (3600, 10, "")


def test_a_run_is_accounted_by_its_records_and_a_shared_stage_counts_once() -> None:
    stages = factory()
    built = SimpleNamespace(data="ranked", judged=SimpleNamespace(judge="rm"), rows=stages["built"])
    there = {one.key: record(kind, facts={"device": "cpu", "rows": 7}) for kind, one in stages.items()}
    store = SimpleNamespace(record=lambda stage: there.get(stage.key))
    graph = SimpleNamespace(targets=[stages["answers"], stages["ranks"]], built=[built],
                            study=SimpleNamespace(prices=PRICES))  # fmt: skip
    found = spent.account(graph, store, {"rm": 0.7})  # type: ignore[arg-type]
    assert found is not None and found.total.stages == len(stages) == 6
    assert [one.kind for one in found.work] == list(dict.fromkeys(one.kind for one in found.work))
    assert found.total.price == pytest.approx(6 * 0.5 * 4 * 0.1)
    assert [(one.data, one.agreement) for one in found.labels] == [("ranked", 0.7)]
    there.clear()
    assert spent.account(graph, store) is None  # type: ignore[arg-type]


def test_a_plan_is_accounted_by_what_like_stages_took_on_the_gpus_that_there_are() -> None:
    takes = {"one": Needs(gpu=True), "all": Needs(gpu=True, gpus="all"), "none": Needs(cores=2)}
    explained = [
        Explained(Planned(Stage("k", 1, "m:f", {"n": name}, needs=needs), "run", ""), None, (), {"wall_s": 3600.0})
        for name, needs in takes.items()
    ]
    idle = Explained(Planned(Stage("k", 1, "m:f", {"n": 9}), "idle", ""), None, (), {"wall_s": 9e9})
    machine = Machine(8, 1024, (Gpu("0"), Gpu("1"), Gpu("2")))
    found = spent.ahead([*explained, idle], machine, PRICES)
    assert found is not None and found.ahead and found.total.stages == 3
    assert (found.total.gpu_seconds, found.total.core_seconds) == (3600 * 4, 3600 * 2)
    without = spent.ahead(explained, Machine(8, 1024), PRICES)
    assert without is not None and without.total.gpu_seconds == 0
    hit = Explained(Planned(Stage("k", 1, "m:f", {"n": 8}), "hit", ""), None, (), {"wall_s": 9e9})
    assert spent.ahead([hit, idle], machine, PRICES) is None, "there is nothing left to pay"
    both = spent.ahead([*explained, hit], machine, PRICES)
    assert both is not None and both.total == found.total


def test_tokens_that_are_only_encoded_are_not_counted_beside_those_that_are_trained_on() -> None:
    pieces = {"a": Piece("doctor", 1.0, tokens=500.0), "b": Piece("sft", 1.0, tokens=300.0)}
    found = spent.reckoned(pieces, [], None, None)
    assert found.total.tokens == 300 and [one.tokens for one in found.work] == [None, 300]
