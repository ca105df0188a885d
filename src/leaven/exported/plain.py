"""Run alone, in a fresh process: an exported folder is loaded as anybody would load it, without Leaven, and asked.

    python plain.py FOLDER JOB OUT

``JOB`` and ``OUT`` are JSON files. The job names what the folder ``makes`` (policy or reward), whether it is an
``adapter``, in which ``dtype`` it computes, the ``texts`` (lists of ids) and the ``conversation`` that it is asked.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_KINDS = {"policy": "AutoModelForCausalLM", "reward": "AutoModelForSequenceClassification"}
_ANSWER = 16  # tokens


def main(folder: str, job_file: str, out_file: str) -> None:
    """Load, ask, write what came of it."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    told = ask(folder, job)
    Path(out_file).write_text(json.dumps(told), encoding="utf-8")


def ask(folder: str, job: dict[str, Any]) -> dict[str, Any]:
    """Return what a folder makes of the job's texts, how its tokenizer renders the conversation, and its answer."""
    from transformers import AutoTokenizer

    code = {"trust_remote_code": bool(job["trust_remote_code"])}
    tokenizer = AutoTokenizer.from_pretrained(folder, **code)
    model = _loaded(folder, job, code)
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id  # where a padded text ends
    model.eval()
    prompt = rendered(tokenizer, job["conversation"])
    values = [_value(model, ids, job["makes"]) for ids in job["texts"]]
    answer = "" if job["makes"] == "reward" else _answer(model, tokenizer, prompt or job["texts"][0][:8])
    return {"values": values, "prompt": prompt, "answer": answer}


def _loaded(folder: str, job: dict[str, Any], code: dict[str, Any]) -> Any:
    import torch
    import transformers

    auto, device = getattr(transformers, _KINDS[job["makes"]]), "cuda" if torch.cuda.is_available() else "cpu"
    head = {"num_labels": 1} if job["makes"] == "reward" else {}
    how = {} if job["quantized"] else {"dtype": getattr(torch, job["dtype"])}
    if not job["adapter"]:
        return auto.from_pretrained(folder, use_safetensors=True, **how, **head, **code).to(device)
    from peft import PeftConfig, PeftModel

    about = PeftConfig.from_pretrained(folder)
    below = auto.from_pretrained(about.base_model_name_or_path, revision=about.revision, **how, **head, **code)
    return PeftModel.from_pretrained(below, folder).to(device)


def rendered(tokenizer: Any, conversation: list[dict[str, str]]) -> list[int] | None:
    """Return a conversation's ids by the tokenizer's chat template, None if it has none."""
    if tokenizer.chat_template is None:
        return None
    text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _value(model: Any, text: list[int], makes: str) -> float:
    """Return a text's log-probability but for its first token (nats), or the reward that it is given."""
    import torch

    ids = torch.tensor([text], device=model.device)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float()
    if makes == "reward":
        return float(logits[0, 0])
    each = torch.log_softmax(logits[0, :-1], dim=-1).gather(1, ids[0, 1:, None])
    return float(each.sum())


def _answer(model: Any, tokenizer: Any, prompt: list[int]) -> str:
    import torch

    ids = torch.tensor([prompt], device=model.device)
    with torch.no_grad():
        made = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=_ANSWER, do_sample=False
        )
    answer: str = tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:4])
