"""The fit, top to bottom: read the data, plan by the clock, train, keep everything."""

import contextlib
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen import checkpoints, files
from tfgen.catalog import MODALITIES
from tfgen.console import count, duration, say, size
from tfgen.errors import Failure
from tfgen.training.best import ENOUGH_EXAMPLES as ENOUGH_TO_MEASURE
from tfgen.training.best import Best
from tfgen.training.callbacks import Stopwatch, TrainingMonitor, tensorboard_writer
from tfgen.training.history import History, plot_losses
from tfgen.training.new_run import begin, resume
from tfgen.training.plan import Costs, Pace, horizon_at, steps_within
from tfgen.training.progress import Progress
from tfgen.training.request import FitRequest
from tfgen.representations.base import Examples
from tfgen.restore import build_model
from tfgen.run import START, Run

_MEASURE_SECONDS = 3.0
_WORTH_MEASURING = 1000  # steps; fewer are over before a forecast is of use
_ENOUGH_EXAMPLES = 60000


@dataclass(frozen=True)
class Hooks:
    """What a fit shows and measures, made by stages that it doesn't know: functions of (run, model, examples).

    sheets: an object whose `write()` shows samples.
    tracker: an object that measures the model (tfgen.training.best).
    """

    sheets: Callable[[Run, Any, Examples], Any]
    tracker: Callable[[Run, Any, Examples], Any]


def fit(request: FitRequest, hooks: Hooks) -> Run:
    """Trains a model on data and gives the run.

    Raises:
        UserError: the request can't work; nothing was written.
        KeyboardInterrupt: the user stopped it while no step was under way, or twice.
        Failure: the model diverged or collapsed, or the disk is full; the last good weights are kept.
    """
    with contextlib.ExitStack() as held:
        run, examples = resume(request, held) if request.resume else begin(request, held)
        try:
            _fit_locked(run, examples, request, hooks)
        except KeyboardInterrupt:  # before or after the steps, or a second one: the first lets a step end
            if run.record["status"] == "running":
                run.update(status="stopped", reached=checkpoints.load_newest(run.checkpoints).step)
            say(f"Stopped at once; what was saved is kept. Continue: {run.resume_command}")
            raise
    return run


def _fit_locked(run: Run, examples: Examples, request: FitRequest, hooks: Hooks) -> None:
    _use_deterministic_kernels()
    began = time.monotonic()
    model = _make_model(run, examples)
    step = _restore(run, model)
    data, sheets = _Batches(run, model, examples), hooks.sheets(run, model, examples)
    best = None
    if run.record.get("evaluate_every") or examples.holds_out:
        best = Best(run, model, hooks.tracker(run, model, examples), data.epoch(ENOUGH_TO_MEASURE))
    seconds, save = None, 0.0
    if step == 0 and "kept" not in run.record:
        save = _keep_start(run, model, best)
    if not run.record["steps"]:
        _plan(run, model, data, sheets, best, save, request.save_every, began)
    elif run.record["steps"] - step > _WORTH_MEASURING:
        seconds = _seconds_per_step(model, data) * (run.record["steps"] - step)
    model.horizon.assign(horizon_at(step, run.record["steps"], run.record.get("shortened", ())))
    if best is not None and best.every is None:
        best.every = max(1, run.record["steps"] // best.times(run.record["steps"]))
        run.update(evaluate_every=best.every)
    _say_plan(run, model, examples, seconds)
    _train(run, model, data, sheets, request, best)


def _use_deterministic_kernels() -> None:
    """On a GPU, many kernels add up in an order of chance unless told not to; those of processors are not asked."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def _make_model(run: Run, examples: Examples):
    model = build_model(run)
    steps = examples.steps_per_call(model.config)
    model.compile(steps_per_execution=steps, jit_compile=model.jit_compile)
    return model


def _restore(run: Run, model) -> int:
    """Loads the newest whole checkpoint, if there is one; gives the step."""
    for folder in (run.path, run.checkpoints, run.path / "samples"):
        files.remove_leftovers(folder)
    if not any(run.checkpoints.glob("*.npz")):
        return 0
    stored = checkpoints.load_newest(run.checkpoints)
    for name in stored.damaged:
        say(f"The checkpoint {name} is damaged; continuing from step {stored.step} instead.")
    checkpoints.restore(model.state(), stored.arrays)
    return stored.step


class _Batches:
    """The data set of the steps from one to another."""

    def __init__(self, run: Run, model, examples: Examples):
        self.run, self.settings, self.examples = run, model.config, examples

    def between(self, start: int, stop: int):
        return self.examples.batches(self.settings, self.run.record["seed"], start, stop)

    @property
    def epoch_size(self) -> int:
        """Every example about once, but no more than is enough to fit something to."""
        return min(self.examples.count(self.settings), _ENOUGH_EXAMPLES)

    def epoch(self, most: int = _ENOUGH_EXAMPLES):
        """The batches of `epoch_size` examples, or of at most so many."""
        return self.between(0, max(1, min(self.epoch_size, most) // self.settings.batch_size))


def _keep_start(run: Run, model, best: Best | None) -> float:
    """The checkpoint of step 0; and what was learned before is measured, since the steps may make it worse.

    Gives the seconds that the checkpoint took.
    """
    began = time.monotonic()
    checkpoints.save(run.checkpoints, checkpoints.capture(model.state()), 0)
    seconds = time.monotonic() - began
    if "start" not in run.record:
        return seconds
    if not model.frozen():
        (run.path / START).unlink(missing_ok=True)  # the checkpoints hold all of it
    if best is None:
        say("Nothing is held out to measure by, so no one can tell whether the steps make it worse.")
    else:
        best.measure(0.0)
    return seconds


def _plan(
    run: Run, model, data: _Batches, sheets, best: Best | None, save: float, save_every: float, began: float
) -> None:
    """Measures the first steps, forgets them, and plans how many fit into the minutes, with all that happens beside."""
    say("Trying the first steps, to plan by ...")
    seconds_per_step = _seconds_per_step(model, data)
    sheets.write()
    sheet_began = time.monotonic()
    sheets.write()
    sheet = time.monotonic() - sheet_began
    measurement = 0.0 if best is None else best.seconds()
    after = model.after_fit_seconds(data.epoch_size, seconds_per_step)
    costs = Costs(seconds_per_step, sheet, save, measurement, after)
    every, times = (None, None) if best is None else (best.every, best.times)
    budget = run.record["minutes"] * 60 - (time.monotonic() - began)
    if budget < costs.at_end + seconds_per_step:
        say("The minutes are too few for this model: what comes before and after the steps takes longer than they do.")
    clock = {"seconds": budget, "at_end": costs.at_end}
    run.update(steps=steps_within(budget, costs, save_every, every, times), clock=clock)


def _seconds_per_step(model, data: _Batches) -> float:
    """Runs some steps and forgets them."""
    before = checkpoints.capture(model.state())
    stopwatch = Stopwatch(_MEASURE_SECONDS)
    _run_steps(model, data.between(0, 10**6), 10**6, stopwatch)
    checkpoints.restore(model.state(), before)
    return stopwatch.seconds_per_step


def _run_steps(model, batches, count: int, *callbacks) -> None:
    """Trains for `count` steps. Raises Failure where the memory is too small for them."""
    import tensorflow as tf

    try:
        model.fit(batches, epochs=1, steps_per_epoch=count, verbose=0, shuffle=False, callbacks=list(callbacks))
    except tf.errors.ResourceExhaustedError as error:
        raise Failure(
            "The memory is too small for this model.",
            "Lower --size, --set batch_size=... or --set size=..., and begin anew.",
        ) from error


def _say_plan(run: Run, model, examples: Examples, seconds: float | None) -> None:
    summary = MODALITIES.load(examples.modality).summary(examples)
    say(f"Data: {summary} from {run.record['data']['source']}.")
    for note in examples.report.notes:
        say(f"  {note}")
    if examples.report.broken:
        broken = f"{len(examples.report.broken)} files or rows are broken and left out"
        say(f"  {broken}; {run.path / 'data.json'} names them.")
    parameters = count(_numbers(model.trained_variables()))
    if model.frozen():
        parameters += f" to learn beside {count(_numbers(model.frozen().values()))}"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    state = _numbers(model.state().values()) * 4
    steps, done = run.record["steps"], int(model.step.numpy())
    left = seconds or (run.record["minutes"] or 0) * 60 * (steps - done) / steps
    say(
        f"Model: {run.record['model']}, {parameters} parameters; memory about {size(memory + state)}; "
        f"{f'step {done} to ' if done else ''}{steps} steps of {model.config.batch_size}"
        + (f", about {duration(left)}." if left else ".")
    )
    say(f"Run: {run.path}. Ctrl-C stops and keeps everything.")


def _numbers(variables: Iterable) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def _train(run: Run, model, data: _Batches, sheets, request: FitRequest, best: Best | None) -> None:
    start, stop = int(model.step.numpy()), run.record["steps"]
    run.update(status="running")
    history = History(run, start)
    progress = Progress(start, stop)
    writer = tensorboard_writer(run) if request.tensorboard else None
    pace = _pace(run, model, data)
    monitor = TrainingMonitor(run, history, progress, request.save_every, sheets.write, writer, best, pace)
    monitor.set_model(model)  # Keras does it in fit(), which a run that was killed at its very end no longer needs
    try:
        with _signals(monitor) if request.interruptible else contextlib.nullcontext():
            if start < stop and not monitor.exhausted and "kept" not in run.record:
                _run_steps(model, data.between(start, stop), stop - start, monitor, *request.callbacks)
            _conclude(run, model, data, sheets, monitor)
    except OSError as error:
        raise Failure(
            f"The run can't be written: {error.strerror or error}.", "Make room or mend the folder, then use --resume."
        ) from error
    finally:
        progress.close()
        history.close()
        if best is not None:
            best.close()


def _pace(run: Run, model, data: _Batches) -> Pace | None:
    """What keeps a fit to its minutes; None where the steps were given."""
    clock = run.record.get("clock")
    if clock is None:
        return None
    unit = data.examples.steps_per_call(model.config)
    return Pace(clock["seconds"], clock["at_end"], unit, len(run.record.get("shortened", ())))


def _conclude(run: Run, model, data: _Batches, sheets, monitor) -> None:
    if not monitor.problem:
        step = int(model.step.numpy())
        finished = step >= run.record["steps"] or monitor.exhausted or "kept" in run.record
        monitor.save()
        if finished and not monitor.problem:
            monitor.conclude(data.epoch())
    plot_losses(run.history(), run.path / "losses.png")
    if monitor.problem:
        run.update(status="failed", problem=monitor.problem)
        step = checkpoints.load_newest(run.checkpoints).step
        raise Failure(f"{monitor.problem} The weights from step {step} are kept.", model.remedy)
    sheets.write()
    reached = run.record["reached"] if "kept" in run.record else step
    run.update(status="finished" if finished else "stopped", reached=reached)
    if run.record.get("warning"):
        say(f"{run.record['warning']} {model.remedy}")


@contextlib.contextmanager
def _signals(monitor) -> Iterator[None]:
    """Ctrl-C and a polite kill stop the fit between steps; restored afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, monitor.interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
