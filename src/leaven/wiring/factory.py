"""Data that the study makes itself -> stages: prompts answered, answers ranked, and rows built of the ranks.

    artefact + prompts --answers--> k answers to each --ranks, by each judge--> ranks --built--> rows to train on

What is built for a training of one seed is made by the arms of that seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leaven import needs
from leaven.data import sources
from leaven.engine.stage import Needs, Stage
from leaven.graph import Built, Judged, WiredCell
from leaven.models import ref
from leaven.registry import JUDGES, METRICS, TRAINERS, TREATMENTS, Step
from leaven.study.factory import Answers
from leaven.study.matrix import Cell, expand
from leaven.study.own import judges_own
from leaven.study.spec import Data
from leaven.wiring import prompted
from leaven.wiring.rewarding import asking, in_line, rewarder
from leaven.wiring.sourcing import Sourcing, stage
from leaven.wiring.teaching import taught
from leaven.wiring.training import Given, proven, speaks, where


@dataclass
class Factory:
    """What of a study's own data was wired. ``trained`` gives the cell of an arm and a seed with its trainings."""

    sourcing: Sourcing
    trained: Callable[[str, int], WiredCell]
    judged: dict[tuple[str, str, int | None], Judged] = field(default_factory=dict)
    made: dict[tuple[str, int], Built] = field(default_factory=dict)

    def declared(self) -> None:
        """All that the study declares, also what nobody trains on: to be exported, or to try judges alone."""
        study = self.sourcing.study
        for seed in study.seeds:
            for judge, step in study.judges.items():
                if (people := step.args.get("people")) is not None:
                    self._by_people(judge, people, seed)
            for name, data in study.data.items():
                if data.answers is not None:
                    for judge in study.judges:
                        self._judged(judge, name, seed)
                elif data.made is not None and data.distilled is None:
                    self._rows(name, seed)

    def given(self, step: Step, cell: Cell) -> Given:
        """What a training step of a cell is given by other arms: rows that they make, a teacher, a reward model."""
        assert cell.seed is not None, "an untrained arm trains on nothing"
        data = self.sourcing.study.data[step.args["data"]]
        reward = self._rewarding(step, cell.seed)
        if data.distilled is not None:
            teacher = self.trained(data.distilled.arm, cell.seed)
            rows = taught(self.sourcing, teacher, data.distilled, cell.seed, step.args["data"])
            by_it = teacher.artefact if TRAINERS.get(step.name).traits.get("reads") == "distillations" else None
            arm = teacher.cell.arm
            return Given(rows, by_it, arm.snapshot, prompted.is_plain(arm), reward)
        return Given(self._rows(step.args["data"], cell.seed) if data.made is not None else None, reward=reward)

    def _rewarding(self, step: Step, seed: int) -> Mapping[str, Stage]:
        """The reward model that a training names or its judge is, of the same seed, and its proof; none of most."""
        if "reward" not in step.args or (arm := rewarder(self.sourcing.study, step).arm) is None:
            return {}
        cell = self.trained(arm, seed)
        found = proven(self.sourcing, cell, self.sourcing.grown(cell.cell.arm))
        return {"reward": found["model"], "reward_proof": found["proof"]}

    def _rows(self, name: str, seed: int) -> Stage:
        if (name, seed) not in self.made:
            self.made[name, seed] = self._built(name, seed)
        return self.made[name, seed].rows

    def _built(self, name: str, seed: int) -> Built:
        """What is built of answers once a judge has ranked them; all other judges rank them too, to be compared."""
        data = self.sourcing.study.data[name]
        assert data.made is not None, f"{name} is not made by the study"
        declared = getattr(data, data.made)
        for judge in self.sourcing.study.judges:
            self._judged(judge, declared.answers, seed)
        judged = self._judged(declared.judge, declared.answers, seed)
        how = declared.model_dump(mode="json", exclude_defaults=True, exclude={"answers", "judge"})
        read = {"prompts": judged.prompts, "answers": judged.answers, "ranks": judged.ranks}
        takes = replace(needs.ONE_CORE, around={"card": self._card(declared)})
        rows = stage(
            "built", {"makes": data.made, **how}, read, takes, together=f"built {seed}", where=f"{name}/{seed}"
        )
        return Built(name, seed, rows, judged)

    def _card(self, declared: Any) -> dict[str, Any]:
        """What a built data set's card says of who answered what, and who judged; it changes no row."""
        study = self.sourcing.study
        answers = study.data[declared.answers].answers
        assert answers is not None, f"{declared.answers} has no answers"
        writer = answers.server.model if answers.server is not None else f"arm {answers.arm} of study {study.name}"
        judge = study.judges[declared.judge]
        arm = next((one for one in expand(study) if one.name == answers.arm), None)
        poisoned = (
            [f"{step.name} {step.described}".strip() for step in arm.treat if _harms(step)] if arm is not None else []
        )
        return {
            "prompts": _origin(study.data[answers.prompts]),
            "answers": writer,
            "judge": f"{declared.judge}: {who(judge)}",
            **({"poisoned": "; ".join(poisoned)} if poisoned else {}),
        }

    def _judged(self, judge: str, data: str, seed: int) -> Judged:
        """What a judge makes of the answers of one seed, and first of pairs of which people said which is better."""
        if (judge, data, seed) not in self.judged:
            step = self.sourcing.study.judges[judge]
            if (people := step.args.get("people")) is not None:
                self._by_people(judge, people, seed)
            prompts, answers = self._answers(data, seed)
            ranks = self._ranks(judge, step, (prompts, answers), seed, data)
            self.judged[judge, data, seed] = Judged(judge, data, seed, prompts, answers, ranks)
        return self.judged[judge, data, seed]

    def _by_people(self, judge: str, data: str, seed: int) -> None:
        """What a judge makes of pairs that people labelled: once, unless another seed makes it another judge."""
        step = self.sourcing.study.judges[judge]
        if "arm" not in step.args and JUDGES.get(step.name).traits.get("by") is not None:
            seed = self.sourcing.study.seeds[0]
        if (judge, data, seed) in self.judged:
            return
        rows = {"rows": self.sourcing.source(data)}
        pairs = stage("candidates", {}, rows, together="data", where=data)
        ranks = self._ranks(judge, step, (pairs, pairs), seed, data)
        self.judged[judge, data, seed] = Judged(judge, data, seed, pairs, pairs, ranks, by_people=True)

    def _answers(self, name: str, seed: int) -> tuple[Stage, Stage]:
        """The prompts that leave room for an answer, and several answers to each."""
        declared = self.sourcing.study.data[name].answers
        assert declared is not None, f"{name} has no answers"
        if declared.server is not None:
            return self._by_server(name, declared, seed)
        cell = self.trained(str(declared.arm), seed)
        base = self.sourcing.grown(cell.cell.arm)
        prompts = self._prompts(declared, base)
        speaker, who_answers = speaks(self.sourcing, cell, base)
        at, takes = where(cell.cell), needs.answering(base, self.sourcing.shape(base))
        # An untrained arm has one cell, and is drawn from anew for each seed.
        args = {**_sampling(declared, seed if cell.cell.seed is None else cell.cell.effective), **who_answers}
        answers = stage("answers", args, {"prompts": prompts, **speaker}, takes,
                        together=f"answer {at}", where=f"{at} {name}")  # fmt: skip
        return prompts, answers

    def _by_server(self, name: str, declared: Answers, seed: int) -> tuple[Stage, Stage]:
        """Answers of a server, whose context nobody knows: what it does not answer says why."""
        assert declared.server is not None
        prompts = self.sourcing.source(declared.prompts)
        args = {**_sampling(declared, seed), "server": declared.server.identity}
        answers = stage("answers", args, {"prompts": prompts}, asking(declared.server.around),
                        together=in_line(declared.server), where=f"{seed} {name}")  # fmt: skip
        return prompts, answers

    def _prompts(self, declared: Answers, base: ref.Base) -> Stage:
        systems = {"systems": sorted(set(declared.systems))} if declared.systems else {}
        asked = {"model": base.as_args(), "max_new_tokens": declared.max_new_tokens, **systems}
        source = {"rows": self.sourcing.source(declared.prompts)}
        return stage("prompts", asked, source, needs.reading(base), together="data", where=declared.prompts)

    def _ranks(self, judge: str, step: Step, read: tuple[Stage, Stage], seed: int, data: str) -> Stage:
        """What one judge makes of answers: a reward model of the study, a metric, a server, or chance."""
        canonical, takes, model = self._judge(step, seed)
        inputs = {"prompts": read[0], "answers": read[1], **model}
        server = getattr(JUDGES.get(step.name).declare(judges_own(step)), "server", None)
        together = f"ranks {judge} {seed}" if server is None else in_line(server)
        return stage("ranks", {"judge": canonical, "seed": seed}, inputs, takes, together=together,
                     where=f"{judge}/{seed} {data}")  # fmt: skip

    def _judge(self, step: Step, seed: int) -> tuple[dict[str, Any], Needs, Mapping[str, Stage]]:
        """A judge for a stage's arguments, what it takes, and the artefact that it is if it is one."""
        plugin, args = JUDGES.get(step.name), judges_own(step)
        canonical = plugin.canonical(args)
        if (arm := step.args.get("arm")) is not None:
            cell = self.trained(arm, seed)
            base = self.sourcing.grown(cell.cell.arm)
            takes = needs.answering(base, self.sourcing.shape(base))
            return canonical, takes, proven(self.sourcing, cell, base)
        declared = plugin.declare(args)
        if (server := getattr(declared, "server", None)) is not None:
            canonical["args"]["server"] = server.identity
            return canonical, asking(server.around), {}
        if (metric := getattr(declared, "metric", None)) is not None:
            canonical["args"]["metric"], takes = self.sourcing.metric(metric)
            return canonical, takes, {}
        return canonical, needs.ONE_CORE, {}


def who(step: Step) -> str:
    """Say in a few words who or what a judge asks: a server's model, an arm, a metric. Addresses are left out."""
    server, metric, arm = (step.args.get(name) for name in ("server", "metric", "arm"))
    if isinstance(server, Mapping):
        return f"{step.name} by {server.get('model')}"
    if arm is not None:
        return f"{step.name} of arm {arm}"
    if metric is None:
        return step.name
    found = Step.model_validate(metric)
    around = METRICS.get(found.name).traits.get("circumstance", ())
    said = [f"{name} {value}" for name, value in found.args.items() if value is not None and name not in around]
    return " ".join([step.name, found.name, *filter(None, [", ".join(said)])])


def _origin(data: Data) -> str:
    """Return where data comes from without the folders of the machine where it lies."""
    source = data.origin
    return Path(source).name if data.source is not None and sources.is_local(source) else source


def _harms(step: Step) -> bool:
    """Say whether a treatment is an adversary's."""
    return bool(TREATMENTS.get(step.name).traits.get("adversarial"))


def _sampling(declared: Answers, seed: int) -> dict[str, Any]:
    """How answers are drawn, for a stage's arguments: what differs from the defaults, and how many."""
    left_out = {"prompts", "arm", "server", "num_return_sequences", "max_new_tokens", "redraw"}
    drawn = declared.model_dump(mode="json", exclude_defaults=True, exclude=left_out)
    several = {name: getattr(declared, name) for name in ("num_return_sequences", "max_new_tokens", "redraw")}
    return {**drawn, **several, "seed": seed}
