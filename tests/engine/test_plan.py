"""What a plan says: what is blocked and why, what is nearest, what it will cost; and how to make things anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from leaven.engine.machine import Gpu, Machine
from leaven.engine.nearest import explain
from leaven.engine.plan import misfit, on, plan
from leaven.engine.run import again, named
from leaven.engine.stage import Needs, Stage
from leaven.engine.store import Store
from leaven.errors import StageError

Make = Callable[..., Stage]
Go = Callable[..., Any]


def test_what_cannot_fit_is_blocked_with_what_rests_on_it(store: Store, stage: Make) -> None:
    big = stage("b", needs=Needs(least_mb=50_000, memory_mb=60_000, knobs="lower max_length"))
    above, beside = stage("a", big), stage("c")
    said = {one.stage.key: (one.state, one.why) for one in on(Machine(2, 24_576), plan([above, beside], store))}
    assert said[big.key] == (
        "blocked",
        "needs at least 48.8 GiB of main memory, and 24.0 GiB may be used; lower max_length",
    )
    assert said[above.key] == ("blocked", f"rests on {big.title}")
    assert said[beside.key][0] == "run"


def test_a_result_that_is_there_fits_anywhere(store: Store, stage: Make, go: Go) -> None:
    big = stage("b", needs=Needs(least_mb=50_000))
    go(big)
    assert [one.state for one in on(Machine(2, 1000), plan([big], store))] == ["hit"]


@pytest.mark.parametrize(
    ("machine", "fits"),
    [
        (Machine(2, 90_000), True),
        (Machine(2, 10_000), False),
        (Machine(2, 90_000, (Gpu("0", 40_000),)), False),
        (Machine(2, 90_000, (Gpu("0", 40_000), Gpu("1", 80_000))), True),
        (Machine(2, 10_000, (Gpu("0", 80_000),)), True),
        (Machine(2, 10_000, (Gpu("MIG-1", None),)), True),
    ],
)
def test_what_computes_on_a_gpu_must_fit_the_gpu(stage: Make, machine: Machine, fits: bool) -> None:
    assert (misfit(stage("x", needs=Needs(gpu=True, least_mb=50_000)), machine) is None) == fits


def test_a_miss_names_the_nearest_record_and_the_fields_that_differ(store: Store, go: Go) -> None:
    def train(rate: float, seed: int, rows: Stage) -> Stage:
        args = {"value": "m", "trainer": {"args": {"learning_rate": rate, "layers": [1, 2]}}, "seed": seed}
        return Stage("k", 1, "verbs_for_tests:write", args, {"rows": rows}, title="train")

    rows = Stage("k", 1, "verbs_for_tests:write", {"value": "rows"}, title="rows")
    go(train(0.1, 0, rows), train(0.5, 7, rows))
    (told,) = [one for one in explain(plan([train(0.2, 0, rows)], store), store) if one.planned.state == "run"]
    assert told.nearest == train(0.1, 0, rows).key
    assert [str(one) for one in told.differs] == ["trainer.args.learning_rate: 0.1 -> 0.2"]
    assert told.cost["wall_s"] >= 0 and told.cost["peak_mb"] > 5

    other = Stage("k", 1, "verbs_for_tests:write", {"value": "other rows"}, title="rows")
    explained = {one.planned.stage.title: one for one in explain(plan([train(0.1, 0, other)], store), store)}
    assert [one.place for one in explained["train"].differs] == ["rows"]
    assert explained["train"].differs[0].now == f"{other.key[:8]} (rows)"


def test_cost_grows_with_the_rows(store: Store, stage: Make) -> None:
    def record(one: Stage, **facts: Any) -> None:
        with store.lock(one):
            store.begin(one)
            about = {"kind": one.kind, "version": 1, "args": dict(one.args), "inputs": {}}
            store.commit(one, {**about, "facts": facts, "cost": {"wall_s": 10.0, "peak_mb": 900}})

    few, many = stage("few"), stage("many")
    record(few, rows=100)
    record(many, rows=300)
    record(stage("train", few), rows=100, tokens_trained=5000)
    (told,) = [one for one in explain(plan([stage("train", many)], store), store) if one.planned.state == "run"]
    assert told.cost == {"wall_s": 30.0, "peak_mb": 900, "rows": 300, "tokens": 15000}


def test_nothing_is_made_up_where_no_record_is_near(store: Store, stage: Make) -> None:
    (told,) = explain(plan([stage("a")], store), store)
    assert (told.nearest, told.differs, told.cost) == (None, (), {})


def test_again_discards_a_stage_and_all_that_rests_on_it(store: Store, stage: Make, go: Go) -> None:
    rows = stage("rows")
    trained, other = stage("train", rows), stage("other")
    go(trained, other)
    doomed = named([trained, other], ["write rows"])
    assert [one.key for one in doomed] == [rows.key, trained.key]
    again(doomed, store)
    assert [one.state for one in plan([trained, other], store)] == ["run", "run", "hit"]
    _, events = go(trained, other)
    assert [event["key"] for event in events if event["event"] == "start"] == [rows.key, trained.key]


@pytest.mark.parametrize("word", ["k", "write *", "{key}"])
def test_again_takes_kinds_patterns_and_keys(store: Store, stage: Make, go: Go, word: str) -> None:
    one = stage("a")
    go(one)
    assert named([one], [word.format(key=one.key[:8])]) == [one]


def test_again_refuses_what_names_nothing_and_what_is_being_made(store: Store, stage: Make, go: Go) -> None:
    one = stage("a")
    with pytest.raises(StageError, match="no stage of this study is called 'sft'"):
        named([one], ["sft"])
    below, above = stage("below"), stage("above", stage("below"))
    go(above)
    with store.lock(above), pytest.raises(StageError, match="write above is being made by another run"):
        again([below, above], store)
    assert store.record(below) is not None, "all of them or none"


def test_a_damaged_result_is_made_again_though_only_a_record_of_it_is_read(store: Store, stage: Make, go: Go) -> None:
    below = stage("below")
    above = stage("above", below)
    go(above)
    (store.folder(below) / "record.json").write_text("{")
    assert [one.state for one in plan([above], store)] == ["run", "hit"]
    _, events = go(above)
    assert [event["key"] for event in events] == [below.key, below.key] and store.record(below) is not None


def test_cost_grows_with_how_often_rows_are_gone_through(store: Store, go: Go, stage: Make) -> None:
    short, long = stage("short", needs=Needs(work=2.0)), stage("long", needs=Needs(work=12.0))
    go(short)
    (was, now) = (explain(plan([one], store), store)[0].cost["wall_s"] for one in (short, long))
    assert now == pytest.approx(6 * was)


def test_what_a_small_model_took_says_nothing_of_a_large_one(store: Store, go: Go, stage: Make) -> None:
    go(stage("x", needs=Needs(like="small")))
    same, large = (stage("y", needs=Needs(like=name)) for name in ("small", "large"))
    (known,), (unknown,) = (explain(plan([one], store), store) for one in (same, large))
    assert known.nearest == unknown.nearest and "wall_s" in known.cost and unknown.cost == {}


@pytest.mark.parametrize(("sizes", "fits"), [((40_000,), False), ((40_000, 40_000), True), ((20_000, 20_000), False)])
def test_a_stage_that_wants_all_gpus_fits_into_them_together(stage: Make, sizes: tuple[int, ...], fits: bool) -> None:
    machine = Machine(2, 10_000, tuple(Gpu(str(n), size) for n, size in enumerate(sizes)))
    assert (misfit(stage("x", needs=Needs(gpu=True, gpus="all", least_mb=50_000)), machine) is None) == fits
