"""What the warm server imports before it forks, and how many threads a worker may use.

Classes are named one by one: importing ``transformers`` alone leaves its lazy modules unimported, and each stage would
pay for them (2.7 s instead of 0.1). Nothing here computes: a matrix product before the fork hangs the children.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterable

NAMES = (
    "filelock:FileLock",
    "threadpoolctl:threadpool_limits",
    "numpy",
    "pandas",
    "pyarrow.parquet:read_table",
    "pydantic:BaseModel",
    "torch",
    "datasets:Dataset",
    "safetensors.torch:load_file",
    "transformers:AutoConfig",
    "transformers:AutoModelForCausalLM",
    "transformers:AutoModelForSequenceClassification",
    "transformers:AutoTokenizer",
    "transformers:GenerationConfig",
    "transformers:LlamaForCausalLM",
    "transformers:LlamaForSequenceClassification",
    "transformers:LogitsProcessorList",
    "transformers:PreTrainedTokenizerFast",
    "transformers:Trainer",
    "peft:LoraConfig",
    "trl:DPOConfig",
    "trl:DPOTrainer",
    "trl:RewardConfig",
    "trl:RewardTrainer",
    "trl:SFTConfig",
    "trl:SFTTrainer",
    "torch.utils.tensorboard:SummaryWriter",
    "nltk.stem.porter:PorterStemmer",
)
_ASKING = ("transformers.utils.import_utils", "accelerate.utils.imports", "peft.import_utils", "trl.import_utils")


def preload(names: Iterable[str]) -> None:
    """Import what stages will need, then keep the collector from touching (and so copying) it in each worker."""
    for name in names:
        module, _, attribute = name.partition(":")
        try:
            found = importlib.import_module(module)
            if attribute:
                getattr(found, attribute)
        except Exception as error:  # the stage that needs it imports it again, and its failure is on record
            print(f"not preloaded: {name} ({type(error).__name__}: {error})", file=sys.stderr)  # noqa: T201
    gc.collect()
    gc.freeze()


def forget_devices() -> None:
    """Forget what libraries found out about GPUs while none was visible: a worker may see one."""
    for name in _ASKING:
        for found in list(vars(sys.modules[name]).values()) if name in sys.modules else []:
            clear = getattr(found, "cache_clear", None)
            if callable(clear):
                clear()


def limit_threads(count: int) -> None:
    """Set the threads of every numeric library that is loaded; those loaded later read the environment."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
