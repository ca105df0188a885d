"""Verbs of judging: answers ranked by a judge, and people's preferences as answers that a judge can be asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError, ModelError
from leaven.rows import Row
from leaven.stages import measuring, speaker
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of, write_batches

if TYPE_CHECKING:
    from leaven.data.canonical import Batches
    from leaven.generate.asked import Reply
    from leaven.score.judges.candidates import Candidate, Candidates
    from leaven.score.judges.declared import ByMetric, ByWords
    from leaven.score.judges.questions import Question
    from leaven.score.judges.verdicts import Verdict


class _Material(NamedTuple):
    """What is judged: the prompts, the answers, and both together as judges see them."""

    prompts: list[Row]
    answers: list[Row]
    asked: list[Candidates]

    @property
    def rankable(self) -> list[Candidates]:
        """The prompts with answers that can be ranked."""
        return [one for one in self.asked if one.unrankable is None]


_MOST_REASONS = 20  # that a record names


class _Found(NamedTuple):
    """What a judge that is asked nothing in words makes of answers: scores, why one has none, and facts."""

    scores: dict[Candidate, float | None]
    reasons: dict[Candidate, str]
    facts: Facts


def ranks(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Prompts and the answers to each -> how a judge ranks them; of a judge of pairs its votes as well.

    ``judge`` is one of the registry. Equal answers to a prompt are judged as one. What cannot be judged is null, with
    the reason. Asking 0 is what is built on; asking 1 is of the same answers in another order, for reliability alone.
    """
    from leaven.registry import JUDGES
    from leaven.score.judges import candidates, declared, tally

    judge = JUDGES.get(args["judge"]["name"]).call(args=_own(args))
    prompts = table_of(inputs["prompts"]).to_pylist()
    answers = tables.read(inputs["answers"] / "generations.parquet").to_pylist()
    given = _Material(prompts, answers, candidates.gathered(prompts, answers))
    if isinstance(judge, declared.ByWords):
        made, facts = _by_words(judge, given.asked, args["seed"], out)
    else:
        found = _found(judge, given, args, inputs, out)
        made, facts = tally.by_scores(given.asked, found.scores, found.reasons), found.facts
    tables.write(out / "ranks.parquet", "ranks", made)
    return {**_counted(given, made), **facts}


def _own(args: Args) -> Args:
    """Return a judge's own arguments: its server with what is around it, its metric without the version."""
    own = dict(args["judge"]["args"])
    if "server" in own:
        own["server"] = {**own["server"], **args.get("around", {}).get("server", {})}
    if isinstance(own.get("metric"), dict):
        own["metric"] = {name: value for name, value in own["metric"].items() if name != "version"}
    return own


def _counted(given: _Material, made: Sequence[Row]) -> Facts:
    """Count what was judged, by its first asking."""
    first = [row for row in made if row["asking"] == 0]
    from leaven.generate.asked import alike

    unscored = Counter(alike(row["reason"]) for row in first if row["rank"] is None)
    return {
        "prompts": len(given.prompts),
        "unanswered": len(given.prompts) - len(given.asked),
        "answers": len(first),
        "judged": len(first) - sum(unscored.values()),
        "unscored": sum(unscored.values()),
        "reasons": dict(unscored.most_common(_MOST_REASONS)),
        "prompts_judged": len({row["id"] for row in first if row["rank"] is not None}),
    }


def _found(judge: Any, given: _Material, args: Args, inputs: Inputs, out: Path) -> _Found:
    from leaven.score.judges import candidates, declared

    if isinstance(judge, declared.ByChance):
        return _Found(candidates.by_chance(given.rankable, args["seed"]), {}, {})
    if isinstance(judge, declared.ByMetric):
        return _by_metric(judge, given, args, inputs, out)
    assert isinstance(judge, declared.ByReward), f"nobody asks {judge!r}"
    return _by_reward(given.rankable, args, inputs, out)


def _by_metric(judge: ByMetric, given: _Material, args: Args, inputs: Inputs, out: Path) -> _Found:
    from leaven.registry import METRICS
    from leaven.score.flows import flow
    from leaven.score.judges.candidates import Candidate
    from leaven.score.judges.declared import direction

    sign = 1.0 if direction(judge) == "higher" else -1.0
    wanted = {Candidate(one.id, sample) for one in given.rankable for sample in one.texts}
    told = [row for row in given.answers if Candidate(row["prompt_id"], row["sample"]) in wanted]
    prompts = {row["id"]: row for row in given.prompts}
    plugin = METRICS.get(judge.metric.name)
    own = measuring.arguments(plugin, judge.metric.args, args, inputs, out)
    made = plugin.call(*(flow(name, told, prompts) for name in plugin.flows), args=own) if told else []
    values = made[judge.value or plugin.name] if isinstance(made, dict) else made
    scores = {
        Candidate(row["prompt_id"], row["sample"]): None if value is None else sign * value
        for row, value in zip(told, values, strict=True)
    }
    why = f"metric {plugin.name} gives it no value"
    reasons = {one: why for one, score in scores.items() if score is None}
    return _Found(scores, reasons, measuring.facts(plugin, own) if told else {})


def _by_reward(asked: Sequence[Candidates], args: Args, inputs: Inputs, out: Path) -> _Found:
    """Read each prompt with each answer, through the chat template, as the reward model was trained on them."""
    from leaven.data import chat
    from leaven.generate import preference as room
    from leaven.models import load
    from leaven.score.judges.candidates import Candidate

    model, tokenizer, is_reward = speaker.judge(args, inputs)
    if not is_reward:
        raise ModelError("this arm's model is a policy, which gives no rewards; name an arm that ends with `reward`")
    load.prove_finite(model)
    answered = {Candidate(one.id, sample): (one.prompt, text) for one in asked for sample, text in one.texts.items()}
    texts = [chat.render(tokenizer, [*prompt, _said(text)]) for prompt, text in answered.values()]
    read = dict(zip(answered, chat.ids(tokenizer, texts), strict=True))
    limit = load.context_length(model.config)
    reasons = {
        one: f"longer than the model's context of {limit} tokens"
        for one, ids in read.items()
        if limit is not None and len(ids) > limit
    }
    wanted = [room.Conversation(one.id, str(one.sample), ids) for one, ids in read.items() if one not in reasons]
    report, scores = progress.Progress(out, "answers"), dict[Candidate, float | None]()
    for row_id, sample, value, _ in room.rewards(model, wanted):
        scores[Candidate(row_id, int(sample))] = value
        report(len(scores), len(wanted))
    spent = {"prompt_tokens": sum(len(one.ids) for one in wanted), "completion_tokens": 0}
    return _Found(scores, reasons, {**spent, **load.device_facts(model)})


def _said(text: str) -> tables.Message:
    return {"role": "assistant", "content": text}


def _by_words(judge: ByWords, asked: Sequence[Candidates], seed: int, out: Path) -> tuple[list[Row], Facts]:
    """Send the questions, and one more for each reply that cannot be read; what was answered is never sent again."""
    from leaven.generate.asked import prove_answered
    from leaven.generate.openai import ask
    from leaven.score.judges import declared, questions, tally, verdicts

    wanted = questions.questions(judge, asked, seed)
    journal, report = out / progress.FOLDER / "replies.jsonl", progress.Progress(out, "questions")
    journal.parent.mkdir(exist_ok=True)
    replies = ask(judge.server, [one.request for one in wanted], journal, report) if wanted else {}
    prove_answered(list(replies.values()))
    said = [verdicts.read(judge, len(one.shown), replies[one.request.id]) for one in wanted]
    mended = {
        at: questions.repair(judge, wanted[at], _text(replies[wanted[at].request.id]), verdict.why)
        for at, verdict in enumerate(said)
        if verdict.why is not None and not verdict.final
    }
    more = ask(judge.server, list(mended.values()), journal, report) if mended else {}
    at_once = sum(one.why is None for one in said)
    for at, request in mended.items():
        said[at] = verdicts.mended(said[at], verdicts.read(judge, len(wanted[at].shown), more[request.id]))
    made, votes = tally.by_words(judge, asked, zip(wanted, said, strict=True))
    if isinstance(judge, declared.Pairing):
        tables.write(out / "votes.parquet", "votes", votes)
    return made, _spent(wanted, said, at_once, [*replies.values(), *more.values()])


def _text(reply: Reply) -> str:
    return reply.texts[0] if reply.texts else ""


def _spent(wanted: Sequence[Question], said: Sequence[Verdict], at_once: int, replies: Sequence[Reply]) -> Facts:
    """Count what was asked and read; ``asked`` leaves repairs out, ``requests`` has them."""
    parsed = sum(one.why is None for one in said)
    return {
        "asked": len(wanted),
        "asked_again": sum(one.asking for one in wanted),
        "repaired": parsed - at_once,
        "unread": len(wanted) - parsed,
        "parse_rate": parsed / len(wanted) if wanted else None,
        "parsed_at_once": at_once / len(wanted) if wanted else None,
        "requests": len(replies),
        "prompt_tokens": sum(one.prompt_tokens for one in replies),
        "completion_tokens": sum(one.completion_tokens for one in replies),
    }


def candidates(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Preferences by people -> prompts, and both answers to each: sample 0 is the preferred one, sample 1 the other.

    Ties, equal answers and answers of several turns are left out and counted.
    """
    from leaven.data import canonical
    from leaven.score.judges import people

    path = rows_of(inputs["rows"])
    if tables.kind(path) != "preferences":
        raise DataError("people's preferences are two answers to a prompt, and these rows have one; name preferences")
    with tables.Writer(out / "generations.parquet", "generations") as answers:

        def prompts() -> Batches:
            for batch in canonical.some(people.usable(_read(path))):
                answers.write(answer for row in batch.rows for answer in people.answers_of(row))
                batch.rows = [people.prompt_of(row) for row in batch.rows]
                yield batch

        return {**write_batches(out, "examples", prompts()), "generations": answers.count}


def _read(path: Path) -> Batches:
    from leaven.data.canonical import Batch

    for batch in tables.batches(path):
        yield Batch(batch.to_pylist(), [], batch.num_rows)
