"""What is wrong outside a study's file: sources whose head does not fit, models and classifiers that are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.data.hub import is_commit
from leaven.errors import LeavenError, Problem, StudyError
from leaven.registry import METRICS, SUITES, Step
from leaven.study.load import Loaded, Steps
from leaven.study.own import suites_own

if TYPE_CHECKING:
    from leaven.study.spec import Study


def problems(loaded: Loaded) -> list[Problem]:
    """Return what is wrong outside the file: sources whose head does not fit, models and classifiers that are none."""
    from leaven.study.spec import Data

    found: list[Problem] = []
    declared = loaded.raw.get("data")
    for name, raw in declared.items() if isinstance(declared, dict) else []:
        try:
            data = Data.model_validate(raw)
        except ValueError:
            continue  # reported with the study's structure
        if said := _source_problem(data):
            found.append(Problem(loaded.places.of(("data", name, "source")), said))
        elif data.corpus is not None and (said := _corpus_problem(data)):
            found.append(Problem(loaded.places.of(("data", name, "corpus")), said))
    return [*found, *_launch_problems(loaded), *_model_problems(loaded), *_metric_problems(loaded),
            *_suite_problems(loaded), *_token_problems(loaded)]  # fmt: skip


def _launch_problems(loaded: Loaded) -> list[Problem]:
    """Return every key that is refused of the file that says how trainings are started."""
    from leaven.study.launch import Launch, around

    try:
        around(Launch.model_validate(loaded.raw.get("launch")), Path(), loaded.places.of(("launch", "config")))
    except StudyError as error:
        return error.problems
    except ValueError:
        pass  # none is declared, or it is reported with the study's structure
    return []


def unpinned(study: Study) -> list[str]:
    """Return what of the hub the study pins to no commit: a run must ask first, and keys are provisional until then."""
    named = [(f"data {name}", str(data.source).removeprefix("hub:"), data.revision) for name, data in study.data.items()
             if str(data.source).startswith("hub:")]  # fmt: skip
    named += [("model", str(one["model_name_or_path"]), one.get("revision")) for one in _hub_models(study)]
    measured = [Step.model_validate(metric) for suite in study.evaluate for metric in suite.args.get("metrics", [])]
    for one in study.attributes.values():
        measured += [step for step in (one.metric, one.judge.metric if one.judge else None) if step is not None]
    for args in (step.args for step in measured):
        if "/" in str(args.get("classifier", "")) and not Path(str(args["classifier"])).is_dir():
            named.append(("classifier", str(args["classifier"]), args.get("revision")))
    loose = [one for one in named if not is_commit(one[2])]
    return list(dict.fromkeys(f"{what} {name} at {revision or 'main'}" for what, name, revision in loose))


def _hub_models(study: Study) -> list[dict[str, Any]]:
    from leaven.models import ref
    from leaven.study.matrix import expand

    declared = [{**study.model.model_dump(), **arm.model} for arm in expand(study)]
    return [one for one in declared if ref.local_folder(one["model_name_or_path"]) is None]


def _model_problems(loaded: Loaded) -> Iterator[Problem]:
    """Yield what is wrong with the study's model and with those that arms put in its place."""
    from leaven.models import ref
    from leaven.study.matrix import expand_arm
    from leaven.study.spec import Arm, Model

    base, arms = loaded.raw.get("model"), loaded.raw.get("arms")
    if not isinstance(base, dict):
        return
    declared: list[tuple[tuple[str | int, ...], dict[str, Any]]] = [(("model",), base)]
    for stem, raw in arms.items() if isinstance(arms, dict) else []:
        try:
            expanded = list(expand_arm(str(stem), Arm.model_validate(raw or {}), []))
        except (ValueError, LookupError):
            continue  # reported with the study's structure
        declared += [(("arms", str(stem), "model"), {**base, **arm.model}) for arm in expanded if arm.model]
    for steps, one in declared:
        try:
            said = ref.problem(Model.model_validate(one).model_dump())
        except ValueError:
            continue  # as above
        if said:
            yield Problem(loaded.places.of((*steps, "model_name_or_path")), said)


def _token_problems(loaded: Loaded) -> Iterator[Problem]:
    """Yield the control tokens that stand in the base's vocabulary already: they would not be new."""
    from leaven.models import ref

    base, attributes = loaded.raw.get("model"), loaded.raw.get("attributes")
    if not isinstance(base, dict) or not isinstance(attributes, dict):
        return
    folder = ref.local_folder(str(base.get("model_name_or_path", "")))
    known = ref.vocabulary(folder) if folder is not None else set()
    for name, raw in attributes.items():
        listed = raw.get("tokens") if isinstance(raw, dict) else None
        for token in listed if isinstance(listed, list) else []:
            if token in known:
                said = f"'{token}' stands in the model's vocabulary already"
                place = loaded.places.of(("attributes", str(name), "tokens"))
                yield Problem(place, said, "write another, such as <|pos|>")


def _metric_problems(loaded: Loaded) -> Iterator[Problem]:
    """Yield what is wrong with what metrics compute with, as far as can be told without the network."""
    for steps, metric in (*_metrics(loaded.raw.get("evaluate")), *_scorers(loaded.raw.get("attributes"))):
        try:
            plugin = METRICS.get(metric.name)
            args = plugin.canonical(metric.args)["args"]
        except (KeyError, ValueError):
            continue  # reported with the study's structure
        try:
            if (resolve := plugin.traits.get("resolve")) is not None:
                resolve(args, ask=False)
        except (LeavenError, OSError, RuntimeError) as error:  # folders that may not be read, homes of nobody
            yield Problem(loaded.places.of(steps), str(error))


def _scorers(attributes: Any) -> Iterator[tuple[Steps, Step]]:
    """Yield the place and the declaration of every attribute's metrics that are written soundly."""
    for name, raw in attributes.items() if isinstance(attributes, dict) else ():
        judge = raw.get("judge") if isinstance(raw, dict) else None
        for steps, one in ((("metric",), raw), (("judge", "metric"), judge)):
            try:
                if isinstance(one, dict) and one.get("metric") is not None:
                    yield ("attributes", str(name), *steps), Step.model_validate(one["metric"])
            except ValueError:
                continue  # reported with the study's structure


def _suite_problems(loaded: Loaded) -> Iterator[Problem]:
    """Yield what is wrong with the files that suites read beside the study's data."""
    suites = loaded.raw.get("evaluate")
    for index, raw in enumerate(suites if isinstance(suites, list) else []):
        try:
            suite = Step.model_validate(raw)
            plugin = SUITES.get(suite.name)
            args = suites_own(suite)
            plugin.declare(args)
        except (KeyError, ValueError):
            continue  # reported with the study's structure
        for inner, said, remedy in plugin.traits.get("outside", lambda args: ())(args):
            yield Problem(loaded.places.of(("evaluate", index, suite.name, *inner)), said, remedy)


def _metrics(suites: Any) -> Iterator[tuple[Steps, Step]]:
    """Yield the place and the declaration of every metric that is written soundly."""
    for index, raw in enumerate(suites if isinstance(suites, list) else []):
        try:
            suite = Step.model_validate(raw)
        except ValueError:
            continue  # reported with the study's structure
        declared = suite.args.get("metrics")
        for place, one in enumerate(declared if isinstance(declared, list) else []):
            try:
                yield ("evaluate", index, suite.name, "metrics", place), Step.model_validate(one)
            except ValueError:
                continue  # as above


def _corpus_problem(data: Any) -> str | None:
    """Say what is wrong with the characters that a corpus keeps, or the sources that it names."""
    from leaven.data import canonical, sources
    from leaven.data.corpus.chosen import source_problem
    from leaven.data.corpus.rules import characters_problem

    corpus = data.corpus
    if corpus.characters is not None and (said := characters_problem(corpus.characters)):
        return said
    named = [*(corpus.sources or ()), *(corpus.without if "without" in corpus.model_fields_set else ())]
    if not named or sources.is_hub(data.source):
        return source_problem(named, (), whole=False)
    try:
        seen = canonical.head_groups(data.source, data.format, canonical.Slice(data.skip, data.take))
    except (KeyError, ValueError, LeavenError):
        return None  # reported with the source or the study's structure
    return source_problem(named, seen, whole=False)


def _source_problem(data: Any) -> str | None:
    from leaven.data import canonical, sources
    from leaven.registry import FORMATS

    if data.source is None:
        return None  # a mixture: its parts are data of their own
    if said := sources.problem(data.source):
        return said
    if sources.is_hub(data.source):
        return None  # `check` asks no network
    try:
        FORMATS.get(data.format.name).declare(data.format.args)
    except (KeyError, ValueError):
        return None  # reported with the study's structure
    try:
        said = canonical.head_problem(data.source, data.format, canonical.Slice(data.skip, data.take), data.bad_rows)
    except LeavenError as error:
        return str(error)
    return said and f"{Path(data.source).name}: {said}"
