"""The fit, top to bottom: read the data, plan by the clock, train, keep everything."""

import contextlib
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen import checkpoints, files
from tfgen.catalog import MODALITIES
from tfgen.console import count, duration, say, several, size
from tfgen.environment import peak_memory
from tfgen.errors import Failure, UserError
from tfgen.representations.base import Examples
from tfgen.run import START, Run
from tfgen.training import private
from tfgen.training.best import ENOUGH_EXAMPLES as ENOUGH_TO_MEASURE
from tfgen.training.best import Best
from tfgen.training.callbacks import Reports, Stopwatch, TrainingMonitor, stopping_by, tensorboard_writer
from tfgen.training.crew import Crew, open_crew
from tfgen.training.follow import follow
from tfgen.training.history import History, plot_losses
from tfgen.training.new_run import Beginning, create_run, resume_run
from tfgen.training.plan import Costs, Intervals, Pace, horizon_at, most_measurements, seconds_left, steps_within
from tfgen.training.progress import Progress
from tfgen.training.request import FitRequest
from tfgen.training.steps import Steps, make_model
from tfgen.trust import canaries
from tfgen.trust.energy import FitEnergy, Meter

_MEASURE_SECONDS = 3.0
_MEASURE_SHARE = 0.1  # of the minutes, at the most
_WORTH_MEASURING = 1000  # steps; fewer are over before a forecast is of use


@dataclass(frozen=True)
class Hooks:
    """What a fit shows and measures, made by stages that it doesn't know: functions of (run, model, examples).

    sheets: an object whose `write()` shows samples.
    tracker: an object that measures the model (tfgen.training.best).
    """

    sheets: Callable[[Run, Any, Examples], Any]
    tracker: Callable[[Run, Any, Examples], Any]


def fit(request: FitRequest, hooks: Hooks) -> Run | None:
    """Trains a model on data and gives the run; None in a worker that follows another one, which has the run.

    Raises:
        UserError: the request can't work; nothing was written.
        KeyboardInterrupt: the user stopped it while no step was under way, or twice; the run can be resumed.
        Failure: the model diverged or collapsed, or the disk is full; the last good weights are kept.
    """
    crew = open_crew(request.strategy)
    if not crew.leads:
        follow(request, crew)
        return None
    with crew.leading(), contextlib.ExitStack() as held:
        meter = held.enter_context(Meter())
        beginning = resume_run(request, held) if request.resume else create_run(request, held, crew.replicas)
        run = beginning.run
        try:
            crew.send_run(run)
        except UserError:
            if not request.resume:
                shutil.rmtree(run.path)  # nobody has learned anything
            raise
        energy = FitEnergy(run, meter, request.carbon, lambda: crew.elsewhere)
        crew.joules = lambda: meter.spent().joules
        try:
            _fit_locked(beginning, request, hooks, energy, crew)
        except BaseException as error:
            _note_stop(run, energy)
            if isinstance(error, KeyboardInterrupt):
                say(f"Stopped at once; what was saved is kept. Continue: {run.resume_command}")
            raise
    return run


def _note_stop(run: Run, energy: FitEnergy) -> None:
    """Says in the record of a run that was torn off that nobody is at work on it."""
    if run.record["status"] not in ("started", "running"):
        return
    with contextlib.suppress(OSError):  # of a full disk, which was said
        try:
            reached = checkpoints.load_newest(run.checkpoints).step
        except UserError:  # before the first, or none is whole
            reached = 0
        private.note_spent(run, reached)
        energy.record(status="stopped", reached=run.record["reached"] if "kept" in run.record else reached)


def _fit_locked(beginning: Beginning, request: FitRequest, hooks: Hooks, energy: FitEnergy, crew: Crew) -> None:
    run, examples = beginning.run, beginning.examples
    _use_deterministic_kernels()
    model = make_model(run, examples, crew)
    step = _restore(run, model)
    private.make_private(run, model)
    model.before_fit(examples)
    data, sheets = Steps(run, model, examples, crew), hooks.sheets(run, model, examples)
    best = _open_best(run, model, data, hooks)
    model.horizon.assign(horizon_at(step, run.record["steps"], run.record.get("shortened", ())) or 1)
    first, save_seconds, pace, left = step == 0 and "kept" not in run.record, 0.0, None, None
    if first:
        save_seconds = _save_start(run, model)
    if not run.record["steps"]:
        pace, left = _plan(beginning, model, data, sheets, best, save_seconds, request.save_every, energy)
    elif run.record["steps"] - step > _WORTH_MEASURING:
        left = _seconds_per_step(model, data, _MEASURE_SECONDS, energy) * (run.record["steps"] - step)
    if best is not None and best.every is None:
        best.every = best.interval(run.record["steps"])
        run.update(evaluate_every=best.every)
    if first and "start" in run.record:
        _measure_start(run, best)
    private.calibrate(run, model)
    _say_plan(run, model, examples, left, energy, crew)
    _train(run, model, data, sheets, request, best, pace, save_seconds, energy)


def _open_best(run: Run, model, data: Steps, hooks: Hooks) -> Best | None:
    """What measures the model while it learns; None where nobody asked, or there is nothing to measure by."""
    examples = data.examples
    # A look at what is held out would cost privacy too; and what no step changes need not be measured twice.
    if "privacy" in run.record or model.fitted_at_once:
        return None
    if not run.record.get("evaluate_every") and not examples.holds_out:
        return None
    if not examples.measurable:  # a run of version 0.1, which measured all the same
        say("Nothing is held out, so nothing can be measured: the fit ends with its last weights.")
        return None
    return Best(run, model, hooks.tracker(run, model, examples), data.epoch(ENOUGH_TO_MEASURE))


def _use_deterministic_kernels() -> None:
    """On a GPU, many kernels add up in an order of chance unless told not to; those of processors are not asked."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


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


def _save_start(run: Run, model) -> float:
    """Writes the checkpoint of step 0; the seconds that it took."""
    began = time.monotonic()
    checkpoints.save(run.checkpoints, checkpoints.capture(model.state()), 0)
    seconds = time.monotonic() - began
    if "start" in run.record and not model.frozen():
        (run.path / START).unlink(missing_ok=True)  # the checkpoints hold all of it
    return seconds


def _measure_start(run: Run, best: Best | None) -> None:
    """Measures what was learned before, since the steps may make it worse."""
    if best is not None:
        best.measure(0.0)
    elif "preset" in run.record["start"]:
        say("Nothing is held out to measure by, so no one can tell whether the steps make it worse.")


def _plan(
    beginning: Beginning, model, data: Steps, sheets, best: Best | None, save_seconds: float, save_every: float,
    energy: FitEnergy,
) -> tuple[Pace, float]:
    """Measures the first steps and what happens beside them, forgets them, and plans how many fit into the minutes.

    Gives what keeps to them, and how many seconds the fit will take.
    """
    say("Trying the first steps, to plan by ...")
    run = beginning.run
    seconds = run.record["minutes"] * 60
    step = _seconds_per_step(model, data, min(_MEASURE_SECONDS, _MEASURE_SHARE * seconds), energy)
    sheets.write()
    after = _seconds_of(lambda: plot_losses([{"step": 0, **{metric.name: 0.0 for metric in model.metrics}}] * 2))
    fitted = model.after_fit_seconds(data.epoch_size, step)
    costs = Costs(
        step,
        sheet=_seconds_of(sheets.write),
        save=save_seconds,
        measurement=0.0 if best is None else best.seconds(),
        after=after + fitted + private.seconds(run),
        saves_at_end=2 if best is not None or fitted else 1,
    )
    unit = data.examples.steps_per_call(model.config)
    deadline = beginning.clock + seconds
    left = deadline - time.monotonic()
    if best is not None:
        best.most = most_measurements(left, save_seconds)
    if best is not None and "start" in run.record:
        left -= costs.measurement + costs.save
    intervals = Intervals(unit, save_every, None if best is None else best.interval)
    steps, enough = steps_within(left, costs, intervals), data.enough
    if enough is not None and enough < steps:
        more = "need more noise" if "privacy" in run.record else "learn it by heart"
        say(f"{several(enough, 'step')} are enough for this data; more would {more}. For others: --steps N")
        steps = enough
    if seconds_left(0, steps, costs, intervals) > left:
        say("The minutes are too few for this model: what comes before and after the steps takes longer than they do.")
    run.update(steps=steps)
    model.horizon.assign(steps)
    expected = min(deadline - time.monotonic(), seconds_left(0, steps, costs, intervals))
    return Pace(deadline, run.record["minutes"], costs, intervals), expected


def _seconds_of(function: Callable[[], Any]) -> float:
    began = time.monotonic()
    function()
    return time.monotonic() - began


def _seconds_per_step(model, data: Steps, seconds: float, energy: FitEnergy) -> float:
    """Runs steps for some seconds and forgets them."""
    before = checkpoints.capture(model.state())
    stopwatch = Stopwatch(seconds, energy.meter)
    data.take(0, 10**6, stopwatch)
    if not stopwatch.has_measured:  # another worker was told to stop
        raise KeyboardInterrupt
    checkpoints.restore(model.state(), before)
    energy.watts = stopwatch.watts * data.crew.workers
    return stopwatch.seconds_per_step


def _say_plan(run: Run, model, examples: Examples, left: float | None, energy: FitEnergy, crew: Crew) -> None:
    summary = MODALITIES.load(examples.modality).summary(examples)
    say(f"Data: {summary} from {run.record['data']['source']}.")
    for note in examples.report.notes:
        say(f"  {note}")
    if examples.report.broken:
        number = len(examples.report.broken)
        broken = f"{number} {'file or row is' if number == 1 else 'files or rows are'} broken and left out"
        say(f"  {broken}; {run.path / 'data.json'} names them.")
    parameters = count(_numbers(model.trained_variables()))
    if model.frozen():
        parameters += f" to learn beside {count(_numbers(model.frozen().values()))}"
    state = _numbers(model.state().values()) * 4
    steps, done = run.record["steps"], int(model.step.numpy())
    say(
        f"Model: {run.record['model']}, {parameters} parameters; memory about {size(peak_memory() + state)}; "
        + ("fitted at once, " if model.fitted_at_once else "")
        + f"{f'step {done} to ' if done else ''}{several(steps, 'step')}"
        + ("" if model.fitted_at_once else f" of {model.config.batch_size}")
        + (f", about {duration(left)} and {energy.forecast(left).short()}." if left and left > 0 else ".")
    )
    if len(examples) < model.few_examples:
        say(f"  {model.of_few}")
    if crew.replicas > 1:
        say(f"  {crew.replicas} replicas share each batch, in {several(crew.workers, 'worker')}.")
    if "canaries" in run.record:
        say(f"Canaries: {canaries.in_words(run)} are among them; tfgen evaluate tries to tell which.")
    for sentence in private.plan_in_words(run, examples):
        say(sentence)
    say(f"Run: {run.path}. Ctrl-C stops and keeps everything.")


def _numbers(variables: Iterable) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def _train(
    run: Run, model, data: Steps, sheets, request: FitRequest, best: Best | None, pace: Pace | None, save: float,
    energy: FitEnergy,
) -> None:
    start, stop = int(model.step.numpy()), run.record["steps"]
    run.update(status="running")
    history, progress = History(run, start), Progress(start, stop)
    reports = Reports(history, progress, tensorboard_writer(run) if request.tensorboard else None)
    monitor = TrainingMonitor(run, reports, sheets.write, request.save_every, save, best, pace, energy)
    monitor.set_model(model)  # Keras does it in fit(), which a run that was killed at its very end no longer needs
    try:
        with stopping_by(monitor.interrupt) if request.interruptible else contextlib.nullcontext():
            if start < stop and not monitor.exhausted and "kept" not in run.record:
                data.take(start, stop, monitor, *request.callbacks)
            _conclude(run, model, data, sheets, monitor, energy)
    except OSError as error:
        if _was_raised_by(request.callbacks, error):
            raise
        raise Failure(
            f"The run can't be written: {error.strerror or error}.", "Make room or mend the folder, then use --resume."
        ) from error
    finally:
        progress.close()
        history.close()
        if best is not None:
            best.close()


def _was_raised_by(callbacks: Sequence, error: BaseException) -> bool:
    """Whether an error comes from a method of one of these."""
    callers = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(caller is callback for caller in callers for callback in callbacks)


def _conclude(run: Run, model, data: Steps, sheets, monitor, energy: FitEnergy) -> None:
    if not monitor.problem:
        step = int(model.step.numpy())
        finished = step >= run.record["steps"] or monitor.exhausted or "kept" in run.record
        monitor.save()
        if finished and not monitor.problem:
            monitor.conclude(data.epoch())
    rows = run.history()
    if rows:
        files.write_bytes(run.path / "losses.png", plot_losses(rows))
    if monitor.problem:
        step = checkpoints.load_newest(run.checkpoints).step
        private.note_spent(run, step, finished=True)  # a failed fit isn't gone on with
        energy.record(status="failed", problem=monitor.problem)
        raise Failure(f"{monitor.problem} The weights from step {step} are kept.", model.remedy)
    sheets.write()
    reached = run.record["reached"] if "kept" in run.record else step
    private.note_spent(run, step, finished)
    spent = energy.record(status="finished" if finished else "stopped", reached=reached)
    say(f"Energy: {spent.in_words()}" if spent else "Energy: not known, since the sessions before were not measured.")
    if run.record.get("warning"):
        say(f"{run.record['warning']} {model.remedy}")
