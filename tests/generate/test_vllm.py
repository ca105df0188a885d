"""A stand-in called `vllm` is started, waited for, asked and stopped, with all it started, however the block ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from leaven.errors import ModelError
from leaven.generate import vllm
from leaven.generate.asked import Request
from leaven.generate.openai import ask
from leaven.models import ref

STAND_IN = f"""#!{sys.executable}
import json, os, pathlib, signal, subprocess, sys, time
about = pathlib.Path(os.environ["STAND_IN"])
mode = (about / "mode").read_text()
print("loading weights", flush=True)
if mode == "dies":
    sys.exit("ValueError: no such architecture")
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
(about / "said").write_text(json.dumps(dict(args=sys.argv[1:], pids=[os.getpid(), child.pid], key="VLLM_API_KEY" in os.environ)))
if mode == "never":
    time.sleep(600)
from leaven.generate.fake import Fake
named = [one.split("=")[0] for one in sys.argv[1:] if "=" in one]
with Fake(lambda body, sample: body["model"] + " answers", models=["base", *named], port=int(sys.argv[sys.argv.index("--port") + 1])):
    time.sleep(600)
"""


@pytest.fixture
def about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the stand-in says how it was started; it is first on the PATH."""
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", str(tmp_path))
    monkeypatch.setenv("VLLM_API_KEY", "for-another")
    (tmp_path / "mode").write_text("serves")
    return tmp_path


def said(about: Path) -> Any:
    return json.loads((about / "said").read_text())


def is_gone(pid: int, seconds: float = 5) -> bool:
    """Say whether a process ended; one that nobody has buried yet did."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def adapter(folder: Path, rank: int) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    return folder


def test_it_is_started_with_the_adapters_asked_and_stopped_with_all_it_started(about: Path) -> None:
    pytest.importorskip("openai")
    served = vllm.Served("/a/base", {"first": adapter(about / "one", 8), "arm": adapter(about / "two", 24)})
    with vllm.serving(served, about / "vllm.log", more=["--max-model-len", "512"]) as server:
        asked = [Request("q", [{"role": "user", "content": "Who?"}])]
        assert ask(server, asked, about / "a.jsonl")["q"].texts == ("arm answers",)
        base = server.model_copy(update={"model": "base"})
        assert ask(base, asked, about / "b.jsonl")["q"].texts == ("base answers",)
    started = said(about)
    assert all(is_gone(pid) for pid in started["pids"])
    assert not started["key"]
    port = started["args"][5]
    assert started["args"] == [
        "serve", "/a/base", "--host", "127.0.0.1", "--port", port, "--served-model-name", "base", "--generation-config", "vllm", "--dtype", "auto",
        "--enable-lora", "--max-lora-rank", "32", "--lora-modules", f"first={about}/one", f"arm={about}/two",
        "--max-model-len", "512",
    ]  # fmt: skip
    assert "loading weights" in (about / "vllm.log").read_text()


def test_an_error_in_the_block_stops_it_too(about: Path) -> None:
    with pytest.raises(RuntimeError), vllm.serving(vllm.Served("/a/base"), about / "vllm.log"):
        raise RuntimeError
    assert all(is_gone(pid) for pid in said(about)["pids"])


def test_it_ends_when_whoever_started_it_is_killed(about: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from leaven.generate import vllm\n"
        "with vllm.serving(vllm.Served('/a/base'), Path(sys.argv[1])):\n"
        "    print('ready', flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(about / "vllm.log")], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None and starter.stdout.readline() == "ready\n"
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    assert all(is_gone(pid) for pid in said(about)["pids"])


def test_no_program_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ModelError, match="needs the program `vllm` on the PATH"),
        vllm.serving(vllm.Served("/a/base"), tmp_path / "vllm.log"),
    ):
        pass


def test_one_that_ends_at_once_says_its_last_lines(about: Path) -> None:
    (about / "mode").write_text("dies")
    with (
        pytest.raises(ModelError, match=r"(?s)ended before it answered.*no such architecture"),
        vllm.serving(vllm.Served("/a/base"), about / "vllm.log"),
    ):
        pass


def test_one_that_never_answers_is_stopped(about: Path) -> None:
    (about / "mode").write_text("never")
    with (
        pytest.raises(ModelError, match=r"(?s)did not answer within 4 s.*loading weights"),
        vllm.serving(vllm.Served("/a/base"), about / "vllm.log", ready_s=4),
    ):
        pass
    assert all(is_gone(pid) for pid in said(about)["pids"])


def test_a_chat_template_goes_by_a_file(about: Path) -> None:
    with vllm.serving(vllm.Served("owner/name", revision="abc", chat_template="{{ x }}\n"), about / "vllm.log"):
        pass
    arguments = said(about)["args"]
    assert arguments[arguments.index("--revision") + 1] == "abc"
    assert Path(arguments[arguments.index("--chat-template") + 1]).read_text() == "{{ x }}\n"


def test_an_arm_is_served_as_its_training_left_it(tmp_path: Path) -> None:
    base = ref.Base(identity="hub:owner/name@abc", dtype="bfloat16", chat_template="{{ x }}")
    assert vllm.of_arm(base) == vllm.Served("owner/name", {}, "abc", dtype="bfloat16", chat_template="{{ x }}")
    ref.ModelRef(base.as_args(), ("adapter",)).save(tmp_path)
    over = vllm.of_arm(base, tmp_path)
    assert over == vllm.Served("owner/name", {"arm": tmp_path / "adapter"}, "abc", str(tmp_path), "bfloat16")
    assert (over.model, vllm.of_arm(base).model) == ("arm", "base")
    (tmp_path / "model.safetensors").touch()
    ref.ModelRef(base.as_args()).save(tmp_path)
    assert vllm.of_arm(base, tmp_path) == vllm.Served(str(tmp_path), {}, None, str(tmp_path), "bfloat16")


def test_what_vllm_cannot_be_handed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="added_tokens"):
        vllm.of_arm(ref.Base(identity="hub:a/b@c", added_tokens=("<x>",)))
    ref.ModelRef({}, makes="reward").save(tmp_path)
    with pytest.raises(ModelError, match="reward model"):
        vllm.of_arm(ref.Base(identity="hub:a/b@c"), tmp_path)
    with pytest.raises(ModelError, match="rank 512 at most, this one has 1024"):
        vllm.Served("x", {"arm": adapter(tmp_path / "one", 1024)}).command(1, None)
