"""Verbatim spans -> stages: an index of what arms were trained on, and what of it stands in the answers of a cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from leaven import needs
from leaven.engine.stage import Needs, Stage
from leaven.evaluate.regurgitation import RegurgitationSuite
from leaven.graph import WiredSuite
from leaven.score.verbatim import tokens
from leaven.wiring.sourcing import Sourcing, stage

if TYPE_CHECKING:
    from leaven.wiring.asking import Asked


def regurgitation(
    sourcing: Sourcing, asked: Asked, suite: RegurgitationSuite, prompts: Stage, told: Stage
) -> WiredSuite:
    """What of the training data stands in a cell's answers; the index is made once for all cells."""
    counted, takes = _counted(sourcing, asked, suite)
    args = {"span": suite.span, **counted}
    read = {"index": _index(sourcing, suite), "generations": told, "prompts": prompts}
    where = f"{asked.where} {suite.name}"
    scored = stage("regurgitated", args, read, takes, together=f"score {asked.where}", where=where)
    return WiredSuite(suite.name, prompts, told, {suite.name: scored}, suite.measures, suite.prompts,
                      is_sampled=suite.sampling.get("do_sample") is not False)  # fmt: skip


def _index(sourcing: Sourcing, suite: RegurgitationSuite) -> Stage:
    inputs = {f"of.{place}": sourcing.source(name) for place, name in enumerate(suite.of)}
    inputs |= {f"held_out.{place}": sourcing.source(name) for place, name in enumerate(suite.held_out)}
    return stage("indexed", {"seed": suite.seed}, inputs, together="data", where="+".join(suite.of))


def _counted(sourcing: Sourcing, asked: Asked, suite: RegurgitationSuite) -> tuple[dict[str, Any], Needs]:
    """Return whose tokens spans are counted in, for a stage's arguments, and where that tokenizer lies."""
    if suite.tokenizer is None:
        base = replace(sourcing.base(asked.arm), from_config=False)
        paths = {"tokenizer": base.path} if base.path else {}
        own = {name: value for name, value in base.as_args().items() if name in ("identity", "trust_remote_code")}
        return {"tokenizer": own}, replace(needs.ONE_CORE, paths=paths)
    declared = suite.tokenizer
    known = sourcing.resolved(f"tokenizer {declared}", lambda: tokens.resolve(declared, ask=sourcing.ask)._asdict())
    paths = {"tokenizer": known["path"]} if known["path"] else {}
    return {"tokenizer": known["args"]}, replace(needs.ONE_CORE, paths=paths)
