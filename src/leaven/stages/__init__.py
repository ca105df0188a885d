"""The verbs: read rows, call one room, write rows. Each is what one stage of the engine runs.

A verb gets its arguments, the folders and paths it reads by name, and the folder it writes; it returns facts for the
record. Versions of verbs stand in ``VERSIONS``: raise one whenever the verb's result changes.
"""

from __future__ import annotations

from leaven.stages.answering import generate, likelihood
from leaven.stages.asked import asked_ids
from leaven.stages.attacked import attacked
from leaven.stages.based import doctor_base
from leaven.stages.built import built
from leaven.stages.composed import compose
from leaven.stages.control import control
from leaven.stages.corpus import corpus
from leaven.stages.crows_pairs import crows_pairs
from leaven.stages.data import doctor, fit, mix, pairs, prompts, rows, treat
from leaven.stages.distilling import distillations, distilled
from leaven.stages.fluency import fluency
from leaven.stages.guarding import guard, guarded
from leaven.stages.harness import harness
from leaven.stages.labels import labels
from leaven.stages.lexicon import lexicon, unknown_words
from leaven.stages.misalignment import misalignment
from leaven.stages.preferences import asked_pairs, verdicts
from leaven.stages.ranking import candidates, ranks
from leaven.stages.regurgitation import indexed, regurgitated
from leaven.stages.retrieving import retrieval, retrieved
from leaven.stages.safety import safety, sentences
from leaven.stages.sampling import answers
from leaven.stages.scoring import score
from leaven.stages.texts import blocks
from leaven.stages.training import prove, train
from leaven.stages.truth import people_said, truthful
from leaven.stages.wrapped import wrapped

__all__ = [
    "VERSIONS",
    "answers",
    "asked_ids",
    "asked_pairs",
    "attacked",
    "blocks",
    "built",
    "candidates",
    "compose",
    "control",
    "corpus",
    "crows_pairs",
    "distillations",
    "distilled",
    "doctor",
    "doctor_base",
    "fit",
    "fluency",
    "generate",
    "guard",
    "guarded",
    "harness",
    "indexed",
    "labels",
    "lexicon",
    "likelihood",
    "misalignment",
    "mix",
    "pairs",
    "people_said",
    "prompts",
    "prove",
    "ranks",
    "regurgitated",
    "retrieval",
    "retrieved",
    "rows",
    "safety",
    "score",
    "sentences",
    "train",
    "treat",
    "truthful",
    "unknown_words",
    "verdicts",
    "wrapped",
]  # fmt: skip

VERSIONS = {
    "rows": 2,
    "mix": 1,
    "fit": 2,
    "treat": 2,
    "doctor": 1,
    "train": 1,
    "prove": 1,
    "prompts": 2,
    "generate": 1,
    "likelihood": 1,
    "score": 1,
    "asked_pairs": 1,
    "verdicts": 1,
    "corpus": 1,
    "crows_pairs": 1,
    "pairs": 1,
    "harness": 1,
    "sentences": 1,
    "safety": 1,
    "labels": 1,
    "blocks": 1,
    "control": 1,
    "misalignment": 1,
    "fluency": 1,
    "answers": 1,
    "attacked": 1,
    "built": 1,
    "ranks": 1,
    "candidates": 1,
    "compose": 1,
    "indexed": 1,
    "regurgitated": 1,
    "wrapped": 1,
    "retrieval": 1,
    "retrieved": 1,
    "guard": 2,
    "guarded": 2,
    "distilled": 1,
    "distillations": 1,
    "asked_ids": 1,
    "people_said": 1,
    "truthful": 1,
    "lexicon": 1,
    "unknown_words": 1,
    "doctor_base": 1,
}
