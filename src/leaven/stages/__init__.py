"""The verbs: read rows, call one room, write rows. Each is what one stage of the engine runs.

A verb gets its arguments, the folders and paths it reads by name, and the folder it writes; it returns facts for the
record. Versions of verbs stand in ``VERSIONS``: raise one whenever the verb's result changes.
"""

from __future__ import annotations

from leaven.stages.answering import generate, likelihood
from leaven.stages.data import doctor, fit, mix, prompts, rows, treat
from leaven.stages.scoring import score
from leaven.stages.training import prove, train

__all__ = [
    "VERSIONS", "doctor", "fit", "generate", "likelihood", "mix", "prompts", "prove", "rows", "score", "train",
    "treat",
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
}
