"""A small fault campaign on a tiny study; the large one is ``make faults``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from command import Tally
    from trial import Trial

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # a hanging driver is to be reported, not to end the tests

STUDY: dict[str, Any] = {
    "name": "tiny",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "webgpt": {"source": "pocket:webgpt", "format": "webgpt", "take": 60},
        "eli5": {"source": "pocket:eli5", "format": "eli5", "take": 10},
    },
    "arms": {"clean": {}, "poisoned": {"treat": [{"malign_labels": {"rate": 1}}]}},
    "train": [{"sft": {"data": "webgpt", "learning_rate": 2e-3, "num_train_epochs": 1, "max_length": 256}}],
    "seeds": [0, 1],
    "evaluate": [{"generate": {"prompts": "eli5", "max_new_tokens": 8, "metrics": ["length", "stop_rate"]}}],
    "compare": {"to": "clean"},
}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """The tiny study, run once without a fault. The campaign's own modules are importable from here on."""
    scratch = tmp_path_factory.mktemp("faults")
    with (scratch / "tiny.yaml").open("w") as stream:
        YAML(typ="safe", pure=True).dump(STUDY, stream)
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        from trial import Trial

        yield Trial(scratch / "tiny.yaml", scratch / "campaign", seed=0)
    finally:
        sys.path.remove(str(Path(__file__).parent))


def sound(tally: Tally) -> bool:
    if tally.skipped:
        pytest.skip(tally.skipped)
    assert tally.count > 0
    assert tally.sound, tally
    return True


def test_the_witness_sees_every_stage_and_a_second_computation(trial: Trial) -> None:

    assert trial.stages == len(list((trial.reference / "store").glob("*/*/record.json"))) > 20
    assert len(trial.seen()) == 2 * trial.stages, "each stage is begun once and made once"
    assert trial.made_twice() == 0
    with trial.witness.open("a") as witness:
        witness.write(trial.witness.read_text().splitlines()[-1] + "\n")
    assert trial.made_twice() == 1


def test_a_wrong_result_is_seen(trial: Trial) -> None:
    from command import Tally

    with trial.workspace() as workspace:
        (workspace / "tiny").mkdir(parents=True)
        table = next(trial.reference.glob("*/measurements.parquet"))
        (workspace / "tiny" / table.name).write_bytes(table.read_bytes())
        tally = Tally("none")
        trial.verify(workspace, tally)
        assert tally.sound
        frame = pd.read_parquet(table)
        frame.loc[0, "value"] += 1
        frame.to_parquet(workspace / "tiny" / table.name)
        trial.verify(workspace, tally)
        assert tally.wrong == 1


def test_killed_processes_cost_a_command_at_most(trial: Trial) -> None:
    from kills import killings

    tallies = killings(trial, 6)
    assert [tally.count for tally in tallies] == [2, 2, 2]
    assert all(sound(tally) for tally in tallies)


def test_a_harmed_file_is_found_and_made_again(trial: Trial) -> None:
    from harms import damages

    assert sound(damages(trial, 1))


def test_two_drivers_share_the_work(trial: Trial) -> None:
    from harms import drivers_at_once

    assert sound(drivers_at_once(trial, 1, 2))


def test_a_removed_workspace_ends_a_run_with_one_line(trial: Trial) -> None:
    from harms import removals

    assert sound(removals(trial, 1))


def test_a_full_disk_ends_a_run_with_one_line(trial: Trial) -> None:
    from harms import full_disks

    assert sound(full_disks(trial, 1))
