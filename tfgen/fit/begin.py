"""A request and data to a run, new or resumed; whatever can be wrong is found before anything is written."""

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any

from tfgen import config, files
from tfgen.catalog import DATASETS, MODALITIES, MODELS, TRAININGS
from tfgen.data import open_data
from tfgen.data.examples import fit_command
from tfgen.environment import environment
from tfgen.errors import UserError
from tfgen.fit.start import DEFAULT_SIZE, check_overrides, check_start, open_start
from tfgen.fit.training import Training
from tfgen.restore import specification_of
from tfgen.run import Run, all_runs, free_name, is_unused, locate
from tfgen.talk import Preparation, say

if TYPE_CHECKING:
    from tfgen.data import AnyExamples

DEFAULT_MINUTES = 3.0
DEFAULT_SEED = 0


@dataclasses.dataclass(frozen=True)
class FitRequest:
    """What the user asked for; None means not said."""

    model: str
    data: str | None = None
    output: str | None = None
    size: str | None = None
    minutes: float | None = None
    steps: int | None = None
    seed: int | None = None
    overrides: tuple[str, ...] = ()
    resume: bool = False
    tensorboard: bool = False
    save_every: float = 30.0
    evaluate_every: int | None = None
    patience: int | None = None
    start: str | None = None
    lora: int | None = None


def begin(request: FitRequest) -> tuple[Run, Training]:
    """A new run: everything that can be wrong is found before a folder is made."""
    check_horizon(request)
    check_start(request)
    start, size = open_start(request), request.size or DEFAULT_SIZE
    model_class = start.model_class
    overrides, data_overrides = config.parse_overrides(request.overrides, model_class.Config)
    check_overrides(overrides, data_overrides, start)
    settings = start.settings(overrides, size)
    source = request.data or model_class.default_data
    examples = _open(source, {**data_overrides, **start.data})
    _check_modality(request.model, model_class, examples, source)
    training = TRAININGS.load(examples.modality)(start.widen(examples))
    training.check(settings)
    wanted = f"{examples.name}-{request.model}"
    path = locate(request.output or free_name(wanted))
    if path.exists() and not is_unused(path):
        raise UserError(f"'{path}' exists already.", "Choose another name with -o, or continue it with --resume.")
    known = {"fingerprint": examples.fingerprint, "count": len(examples)}
    data = {**_source(source), **training.kept(data_overrides), **known}
    record = {**_record(request, settings, examples), **start.record(size), "data": data}
    codec = training.codec()
    # Made once, so that settings which don't fit each other are refused before a folder is made.
    model = model_class(settings, *specification_of(codec), seed=0)
    contents = {**training.files(), **start.files(model, record)}
    run = Run.create(path, record, codec, examples.report.to_json(), contents)
    if not request.output and run.name != wanted:
        _say_what_could_go_on(wanted)
    return run, training


def _say_what_could_go_on(name: str) -> None:
    """Says where an unfinished fit has the name that a new run would have had."""
    with contextlib.suppress(UserError):
        run = Run.open(name)
        with files.locked(run.path):  # else it is at work
            if run.record["status"] not in ("finished", "failed"):
                say(f"A new run begins; '{name}', which is not finished, goes on with: {run.resume_command}")


def _record(request: FitRequest, settings: Any, examples: "AnyExamples") -> dict[str, Any]:
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


def resume(request: FitRequest) -> tuple[Run, Training]:
    """An earlier run and its data, which must not have changed."""
    run = Run.open(request.output) if request.output else _newest_unfinished(request)
    if run.record["model"] != request.model:
        raise UserError(
            f"'{run.name}' is a {run.record['model']}, not a {request.model}.", "Resume it by its own name."
        )
    settings = (
        request.size, request.steps, request.minutes, request.seed, request.evaluate_every, request.patience,
        request.start, request.lora,
    )
    if request.overrides or any(setting is not None for setting in settings):
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
    examples = _open(request.data or stored["path"] or stored["source"], run.data_settings())
    if examples.fingerprint != stored["fingerprint"]:
        raise UserError("The data has changed since the run began.", "Put it back as it was, or begin a new run.")
    if run.record["environment"] != environment():
        say("This machine or its software differs from the run's, so the weights may not end the same bit for bit.")
    return run, TRAININGS.load(examples.modality)(examples)


def _newest_unfinished(request: FitRequest) -> Run:
    runs = [
        run
        for run in all_runs()
        if run.record["model"] == request.model and run.record["status"] not in ("finished", "failed")
    ]
    if request.data:
        names = (request.data, os.path.abspath(request.data))
        runs = [run for run in runs if run.record["data"]["source"] in names or run.record["data"]["path"] in names]
    if not runs:
        raise UserError("There is no unfinished run to resume.", "Name one with -o; see them with: tfgen runs list")
    return runs[-1]


def check_horizon(request: FitRequest) -> None:
    """Raises UserError where the minutes, steps or seed can't be; needs no TensorFlow."""
    if request.minutes is not None and request.steps is not None:
        raise UserError("Both --minutes and --steps are given.", "Give one of them.")
    if request.steps is not None and not 0 < request.steps <= 10**9:
        raise UserError(f"--steps {request.steps} can't be trained.", "Give a number from 1 to 1000000000.")
    if request.minutes is not None and not 0 < request.minutes < 10**6:
        raise UserError(f"--minutes {request.minutes:g} can't be planned.", "Give a number above 0, such as 5.")
    if request.evaluate_every is not None and request.evaluate_every < 1:
        raise UserError(f"--evaluate-every {request.evaluate_every} can't be.", "Give a number of steps, such as 500.")
    if request.patience is not None and (request.patience < 1 or request.evaluate_every is None):
        raise UserError(
            f"--patience {request.patience} has nothing to count.", "Give at least 1, and --evaluate-every with it."
        )
    if request.seed is not None and not 0 <= request.seed < 2**31:
        raise UserError(f"The seed {request.seed} is out of range.", "Choose one from 0 to 2147483647.")


def _open(source: str | None, settings: dict[str, Any]) -> "AnyExamples":
    return open_data(source, **settings, progress=Preparation().show)


def _source(data: str) -> dict[str, str | None]:
    """The source as typed, and where it is, should the command be repeated from another folder."""
    path = os.path.abspath(data) if data not in DATASETS and os.path.exists(data) else None
    return {"source": data, "path": path}


def _check_modality(name: str, model_class: type, examples: "AnyExamples", source: str) -> None:
    """Raises UserError where the model can't learn such examples."""
    if examples.modality in model_class.modalities:
        return
    learned = " or ".join(MODALITIES.load(each).plural for each in model_class.modalities)
    found = MODALITIES.load(examples.modality).plural
    able = [each for each in MODELS if examples.modality in MODELS.load(each).modalities]
    command = fit_command(able[0], [source], [])
    raise UserError(f"A {name} learns {learned}, and '{source}' is {found}.", f"Use: {command}")
