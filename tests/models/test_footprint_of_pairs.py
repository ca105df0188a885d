"""Memory of trainings on preferences, beside that of demonstrations."""

from __future__ import annotations

from leaven.models.footprint import Shape, training
from leaven.registry import TRAINERS

SHAPE = Shape(parameters=100_000_000, hidden_size=512, layers=8, vocabulary=32_000, precision=4)


def needed(trainer: str, **args: object) -> tuple[int, int, int]:
    settings = TRAINERS.get(trainer).declare({"max_length": 512, **args}).model_dump()
    found = training(SHAPE, settings)
    return found.weights, found.least, found.likely


def test_two_answers_take_twice_the_layers_and_no_whole_logits() -> None:
    (weights, least, likely), (other, alike, more) = needed("sft", num_train_epochs=1), needed("dpo")
    assert (weights, least) == (other, alike)
    tokens = 8 * 512
    layers = 2 * tokens * 8 * 512 * 17 * 4 / 1024**2
    assert more - least == round(layers + 4096 * 32_000 * 4 / 1024**2), "a tile of the logits, never all of them"
    assert likely - least == round(tokens * (8 * 512 * 17 * 4 + 32_000 * 12) / 1024**2)
    assert needed("reward")[2] - least == round(layers), "a reward model has no logits at all"


def test_a_second_model_counts_only_where_there_is_one() -> None:
    beforehand, beside = needed("dpo"), needed("dpo", precompute_ref_log_probs=False)
    assert beside[0] == round(2 * SHAPE.parameters * 4 / 1024**2) > beforehand[0]
    assert beside[1] - beforehand[1] == round(SHAPE.parameters * 4 / 1024**2)
    lora = {"peft": {"r": 8}}
    assert needed("dpo", precompute_ref_log_probs=False, **lora) == needed("dpo", **lora)
