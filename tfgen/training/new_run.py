"""A request and data to a run, new or resumed; whatever can be wrong is found before anything is written."""

import contextlib
import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen import config, files
from tfgen.catalog import DATASETS, MODALITIES, MODELS
from tfgen.console import Preparation, say
from tfgen.data import open_data
from tfgen.data.examples import fit_command
from tfgen.environment import environment
from tfgen.errors import UserError
from tfgen.training.initial_weights import DEFAULT_SIZE, check_overrides, open_start
from tfgen.training.request import DEFAULT_MINUTES, DEFAULT_SEED, FitRequest, check
from tfgen.run import Run, all_runs, free_name, is_free, locate

if TYPE_CHECKING:
    from tfgen.representations.base import Examples


@dataclass(frozen=True)
class Beginning:
    """A run and its data; `clock` is when its minutes began, by time.monotonic: once the data were there."""

    run: Run
    examples: "Examples"
    clock: float


def create_run(request: FitRequest, held: contextlib.ExitStack) -> Beginning:
    """A new run, locked for as long as `held` is: everything that can be wrong is found before a folder is made."""
    check(request)
    start, size = open_start(request), request.size or DEFAULT_SIZE
    model_class = start.model_class
    own, of_data = config.split_settings(request.settings, model_class.Config)
    check_overrides(own, of_data, start)
    settings = start.settings(own, size)
    source = model_class.default_data if request.data is None else request.data
    examples = _open(source, {**of_data, **start.data}, model_class.representations, request.labels)
    clock = time.monotonic()
    _check_representation(request.model, model_class, examples)
    examples = start.widen(examples)
    examples.check(settings)
    if request.evaluate_every is not None and not examples.measurable:
        raise UserError(
            "Nothing is held out, so there is nothing to measure a model by.",
            "Leave --evaluate-every out, or hold something out with --set holdout=0.1.",
        )
    wanted = f"{examples.name}-{request.model}"
    if request.output:
        _check_free(locate(request.output))
    modality = MODALITIES.load(examples.modality)
    kept = {} if isinstance(source, str) else dict([modality.keep_in_memory(examples, request.data)])
    known = {"fingerprint": examples.fingerprint, "count": len(examples)}
    data = {**_source(source, examples, kept), "settings": examples.kept(of_data), **known}
    record = {**_record(request, settings, examples), **start.record(size), "data": data}
    # Made once, so that settings which don't fit each other are refused before a folder is made.
    model = model_class(settings, examples.codec.specification, examples.conditions(), seed=0)
    contents = {**examples.codec.files(), **kept, **start.files(model, record)}
    parts = (record, examples.codec_json(), examples.report.to_json(), contents, held)
    if request.output:
        path = locate(request.output)
        try:
            return Beginning(Run.create(path, *parts), examples, clock)
        except FileExistsError:  # by now
            _check_free(path)
            raise
    run = _create_with_free_name(wanted, parts)
    if run.name != wanted:
        _say_what_could_go_on(wanted)
    return Beginning(run, examples, clock)


def _check_free(path: Path) -> None:
    if not is_free(path):
        raise UserError(f"'{path}' exists already.", "Choose another name with -o, or continue it with --resume.")


def _create_with_free_name(wanted: str, parts: tuple[Any, ...]) -> Run:
    """Another fit that begins at once may take the name first; then the next number is tried."""
    while True:
        with contextlib.suppress(FileExistsError):
            return Run.create(locate(free_name(wanted)), *parts)


def _say_what_could_go_on(name: str) -> None:
    """Says where an unfinished fit has the name that a new run would have had."""
    with contextlib.suppress(UserError):
        run = Run.open(name)
        with files.locked(run.path):  # else it is at work
            if run.record["status"] not in ("finished", "failed"):
                say(f"A new run begins; '{name}', which is not finished, goes on with: {run.resume_command}")


def _record(request: FitRequest, settings: Any, examples: "Examples") -> dict[str, Any]:
    """What run.json says of a fit that is about to begin, but for its data."""
    return {
        "model": request.model,
        "modality": examples.modality,
        "status": "started",
        "seed": DEFAULT_SEED if request.seed is None else request.seed,
        "steps": request.steps or 0,
        "minutes": None if request.steps else request.minutes or DEFAULT_MINUTES,
        "evaluate_every": request.evaluate_every,
        "patience": request.patience,
        "config": dataclasses.asdict(settings),
        "environment": environment(),
        "lineage": None,
    }


def resume_run(request: FitRequest, held: contextlib.ExitStack) -> Beginning:
    """An earlier run, locked for as long as `held` is, and its data, which must not have changed."""
    run = Run.open(request.output) if request.output else _newest_unfinished(request)
    if run.record["model"] != request.model:
        raise UserError(
            f"'{run.name}' is a {run.record['model']}, not a {request.model}.", "Resume it by its own name."
        )
    settings = (
        request.size, request.steps, request.minutes, request.seed, request.evaluate_every, request.patience,
        request.start, request.lora,
    )
    if request.settings or any(setting is not None for setting in settings):
        raise UserError(
            "A resumed fit keeps the settings that it began with.",
            "Leave the settings out, or begin a new run with -o.",
        )
    if run.record["status"] == "failed":
        raise UserError(
            f"'{run.name}' failed, and would fail again: {run.record['problem']}",
            "Begin a new run with other settings.",
        )
    if run.record["status"] == "finished":
        raise UserError(
            f"'{run.name}' is finished.", "Begin a new run for more steps: the schedules end with the last."
        )
    stored = run.record["data"]
    source = run.data_source() if request.data is None else request.data
    examples = _open(source, run.data_settings(), MODELS.load(request.model).representations, request.labels)
    if examples.fingerprint != stored["fingerprint"]:
        raise UserError("The data has changed since the run began.", "Put it back as it was, or begin a new run.")
    if run.record["environment"] != environment():
        say("This machine or its software differs from the run's, so the weights may not end the same bit for bit.")
    held.enter_context(files.locked(run.path))
    return Beginning(run, examples, time.monotonic())


def _newest_unfinished(request: FitRequest) -> Run:
    runs = [
        run
        for run in all_runs()
        if run.record["model"] == request.model and run.record["status"] not in ("finished", "failed")
    ]
    if request.data is not None:
        names = (request.data, os.path.abspath(str(request.data)))
        runs = [run for run in runs if run.record["data"]["source"] in names or run.record["data"]["path"] in names]
    if not runs:
        raise UserError("There is no unfinished run to resume.", "Name one with -o; see them with: tfgen runs list")
    return runs[-1]


def _open(source: Any, settings: dict[str, Any], representations: tuple[str, ...], labels: Any) -> "Examples":
    """The examples in the first representation that the model learns and the data has."""
    return open_data(
        source, labels=labels, representation=representations[0], **settings, progress=Preparation().show
    )


def _source(data: Any, examples: "Examples", kept: dict[str, bytes]) -> dict[str, str | None]:
    """The source as typed, and where it is, should the command be repeated from another folder; of data in memory,
    the run's own file of it."""
    if kept:
        return {"source": examples.source, "path": None, "file": next(iter(kept))}
    path = os.path.abspath(data) if data not in DATASETS and os.path.exists(data) else None
    return {"source": data, "path": path}


def _check_representation(name: str, model_class: type, examples: "Examples") -> None:
    """Raises UserError where the model can't learn such examples."""
    if examples.representation in model_class.representations:
        return
    modalities = [MODALITIES.load(each) for each in MODALITIES]
    learned = [each.plural for each in modalities if set(each.representations) & set(model_class.representations)]
    found = MODALITIES.load(examples.modality).plural
    able = [each for each in MODELS if examples.representation in MODELS.load(each).representations]
    command = fit_command(able[0], [examples.source], [])
    raise UserError(f"A {name} learns {' or '.join(learned)}, and '{examples.source}' is {found}.", f"Use: {command}")
