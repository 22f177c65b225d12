"""A worker that follows the chief of its crew: it takes the same steps, and keeps nothing."""

import contextlib
import tempfile
from pathlib import Path

from tfgen import checkpoints, files
from tfgen.console import say
from tfgen.run import Run
from tfgen.training import private
from tfgen.training.callbacks import stopping_by
from tfgen.training.crew import Crew
from tfgen.training.new_run import Beginning, resume_run
from tfgen.training.request import FitRequest
from tfgen.training.steps import Steps, make_model
from tfgen.trust.energy import Meter


def follow(request: FitRequest, crew: Crew) -> None:
    """Takes all steps that the chief has planned for its run, on the same data.

    Raises:
        UserError: the chief could not begin, or this worker has other data than it.
        Failure: the chief is gone.
    """
    with crew.explaining(), tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as held:
        run = _receive_run(crew, Path(folder) / "run")
        meter = held.enter_context(Meter())
        crew.joules = lambda: meter.spent().joules
        with stopping_by(crew.stop) if request.interruptible else contextlib.nullcontext():
            _take_steps(_begin(request, crew, run, held), crew)


def _receive_run(crew: Crew, path: Path) -> Run:
    for name, content in crew.receive_run().items():
        files.write_bytes(path / name, content, 0o600)
    for name in ("checkpoints", "samples"):
        (path / name).mkdir()
    return Run.open(str(path))


def _begin(request: FitRequest, crew: Crew, run: Run, held: contextlib.ExitStack) -> Beginning:
    """The run as if it were resumed here."""
    given = {"model": run.record["model"], "data": request.data, "labels": request.labels}
    try:
        beginning = resume_run(FitRequest(**given, output=str(run.path), resume=True), held)
    except Exception:
        crew.count_ready(False)
        raise
    crew.count_ready(True)
    return beginning


def _take_steps(beginning: Beginning, crew: Crew) -> None:
    run, examples = beginning.run, beginning.examples
    model = make_model(run, examples, crew)
    private.make_private(run, model)
    model.before_fit(examples)
    steps = Steps(run, model, examples, crew)
    say(f"Following the chief, as one of {crew.workers} workers.")
    while (order := crew.receive_steps()) is not None:
        plan, state = order
        run.record.update(plan["record"])
        checkpoints.restore(model.state(), state)
        private.take_noise(run, model)
        steps.take(plan["start"], plan["stop"])
