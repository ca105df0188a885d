"""How near the estimates of memory are: random Llama models of growing size, trained and asked, against what was used.

    python benchmarks/memory.py

For each model it prints what `models/footprint.py` says before (certain, likely) and the peak that the stage's record
has after, less what any worker holds before it computes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import leaven
from leaven import workspace
from leaven.models import ref

SIZES = ((256, 8), (512, 8), (768, 12))  # hidden size, layers
LENGTH, BATCH = 128, 8


def model(folder: Path, hidden_size: int, layers: int) -> Path:
    """Save a random Llama with the pocket's tokenizer."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(ref.local_folder("pocket"))
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden_size, num_hidden_layers=layers, num_attention_heads=8,
        intermediate_size=hidden_size * 4, max_position_embeddings=512,
    )  # fmt: skip
    place = folder / f"{hidden_size}x{layers}"
    LlamaForCausalLM(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def study(path: Path, peft: dict[str, Any] | None) -> leaven.Study:
    """One arm, a few steps, a few answers."""
    sft = {"data": "webgpt", "max_steps": 3, "max_length": LENGTH, "per_device_train_batch_size": BATCH}
    return leaven.Study(
        name=f"{path.name}{'-lora' if peft else ''}",
        model={"model_name_or_path": str(path)},
        data={
            "webgpt": {"source": "pocket:webgpt", "format": "webgpt", "take": 64},
            "eli5": {"source": "pocket:eli5", "format": "eli5", "take": 64},
        },
        arms={"clean": {}},
        train=[{"sft": {**sft, "peft": peft} if peft else sft}],
        evaluate=[{"generate": {"prompts": "eli5", "max_new_tokens": 64, "metrics": ["length"]}}],
        compare={"to": "clean"},
    )


def main() -> None:
    """Run them one after another and print a table."""
    print(f"{'model':>12} {'stage':>9} {'certain':>8} {'likely':>8} {'measured':>9}   MiB (batch {BATCH} x {LENGTH})")
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        for hidden_size, layers in SIZES:
            path = model(Path(folder), hidden_size, layers)
            for peft in (None, {"r": 8}):
                made = leaven.run(study(path, peft), runs)
                store = workspace.store(runs)
                tasks = {task.kind: task for task in workspace.named_stages(made.folder)}
                base = min((store.record(task) or {})["cost"]["peak_mb"] for task in tasks.values())
                for kind in ("sft", "generate"):
                    needs, peak = tasks[kind].needs, (store.record(tasks[kind]) or {})["cost"]["peak_mb"]
                    print(f"{made.folder.name:>12} {kind:>9} {needs['least_mb']:>8} {needs['memory_mb']:>8} "
                          f"{peak - base:>9}")  # fmt: skip


if __name__ == "__main__":
    main()
