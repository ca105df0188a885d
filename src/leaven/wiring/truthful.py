"""Answers looked up in data of the study -> stages: in people's labels of other answers, and in a lexicon of words.

    rows --people_said--> labelled answers; answers + these --truthful--> scores
    rows --lexicon--> words; answers + these --unknown_words--> scores

Labels and words are read once for all cells.
"""

from __future__ import annotations

from dataclasses import replace

from leaven.engine.stage import Stage
from leaven.evaluate.hello import UNKNOWN_WORDS, HelloSuite
from leaven.evaluate.truthful import TruthfulSuite
from leaven.graph import WiredSuite
from leaven.score.truth import LEAST
from leaven.wiring.sourcing import Sourcing, stage


def truthful(sourcing: Sourcing, suite: TruthfulSuite, where: str, prompts: Stage, told: Stage) -> WiredSuite:
    """What people's labels say of a cell's answers to ``prompts``, which are those that the suite asks."""
    least = {} if suite.least == LEAST else {"least": suite.least}
    rows = {"rows": sourcing.source(suite.labels)}
    people = stage("people_said", least, rows, together="data", where=suite.labels)
    read = {"people": people, "generations": told, "prompts": prompts}
    together = f"score {where.partition(' ')[0]}"
    scored = stage("truthful", least, read, together=together, where=where)
    return WiredSuite(suite.name, prompts, told, {suite.name: scored}, suite.measures, suite.prompts,
                      is_sampled=suite.sampling.get("do_sample") is not False)  # fmt: skip


def with_lexicon(sourcing: Sourcing, suite: HelloSuite, where: str, made: WiredSuite, told: Stage) -> WiredSuite:
    """A suite of greetings that also counts which of an answer's words stand in none of some data of the study."""
    inputs = {f"of.{name}": sourcing.source(name) for name in suite.lexicon}
    words = stage("lexicon", {}, inputs, together="data", where="+".join(suite.lexicon))
    read, together = {"lexicon": words, "generations": told}, f"score {where.partition(' ')[0]}"
    scored = stage("unknown_words", {}, read, together=together, where=where)
    scores = {**made.scores, UNKNOWN_WORDS.name: scored}
    return replace(made, scores=scores, measures=(*made.measures, UNKNOWN_WORDS))
