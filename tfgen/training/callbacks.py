"""What happens between training steps: reports, samples, checkpoints, health, the clock, and a clean stop."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from tfgen import checkpoints
from tfgen.console import say
from tfgen.errors import UserError
from tfgen.run import Run
from tfgen.training.best import Best
from tfgen.training.history import History
from tfgen.training.plan import SHEETS, Pace, horizon_at, save_interval
from tfgen.training.progress import Progress
from tfgen.trust.energy import FitEnergy, Meter

_UNHEALTHY_REPORTS = 10  # in a row before a fit gives up
_FEWER = 1.3  # times the seconds between checkpoints that were told of last, before it is told of anew


def means_since_last(model: Any) -> dict[str, float]:
    """The means of what `train_step` tracked since they were last reset."""
    return {metric.name: float(metric.result()) for metric in model.metrics}


def reset_means(model: Any) -> None:
    """Not right after a report: Keras gives the means at the end of an epoch to the caller's callbacks."""
    for metric in model.metrics:
        metric.reset_state()


class Stopwatch(keras.callbacks.Callback):
    """Times executions for `seconds`, from the end of the first, which includes tracing; then stops the fit."""

    def __init__(self, seconds: float, meter: Meter):
        super().__init__()
        self.seconds = seconds
        self._meter = meter
        self._marks: list[tuple[int, float]] = []
        self._joules: list[float] = []  # until the first mark and until the last

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        reset_means(self.model)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        means_since_last(self.model)  # what a report costs, which is much beside the steps of a tiny model
        self._marks.append((int(self.model.step.numpy()), time.perf_counter()))
        if len(self._marks) == 1:
            self._joules.append(self._meter.spent().joules)
        if len(self._marks) >= 3 and self._marks[-1][1] - self._marks[0][1] >= self.seconds:
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        self._joules.append(self._meter.spent().joules)

    @property
    def watts(self) -> float:
        """The mean power while the steps ran."""
        return (self._joules[-1] - self._joules[0]) / max(self._marks[-1][1] - self._marks[0][1], 1e-9)

    @property
    def has_measured(self) -> bool:
        """Whether there were executions enough; not where somebody stopped them."""
        return len(self._marks) > 1

    @property
    def seconds_per_step(self) -> float:
        """The median over executions."""
        pairs = zip(self._marks, self._marks[1:], strict=False)
        return float(np.median([(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairs]))


class Reports:
    """Where a fit's reports go: its history, the screen, and TensorBoard if there is a writer."""

    def __init__(self, history: History, progress: Progress, writer: Callable[[int, dict[str, float]], None] | None):
        self.history, self.progress, self.writer = history, progress, writer

    def add(self, step: int, seconds: float, speed: float, means: dict[str, float], measured: dict[str, float]) -> None:
        """The means since the last report, and what was measured last, which is shown beside them."""
        times = {"step": step, "seconds": round(seconds, 3), "steps_per_second": round(speed, 2)}
        self.history.add({**times, **means})
        self.progress.show(step, {**means, **measured}, speed)
        self.add_scalars(step, means)

    def add_scalars(self, step: int, values: dict[str, float]) -> None:
        """Numbers for TensorBoard alone."""
        if self.writer is not None:
            self.writer(step, values)


class TrainingMonitor(keras.callbacks.Callback):
    """Follows a fit. After it, `problem` is a sentence where the model diverged or collapsed, `interrupted` says
    whether the user stopped it, and `exhausted` whether nothing better came for as long as the user had patience."""

    def __init__(
        self,
        run: Run,
        reports: Reports,
        write_sheet: Callable[[], None],
        save_every: float,
        save_seconds: float = 0.0,
        best: Best | None = None,
        pace: Pace | None = None,
        energy: FitEnergy | None = None,
    ):
        """`save_seconds` is what a checkpoint takes, 0 where that isn't known yet; `pace` keeps a fit to its minutes,
        and is None where the steps were given; `energy` is recorded with each checkpoint."""
        super().__init__()
        self.run = run
        self.reports = reports
        self.write_sheet = write_sheet
        self.save_every = save_every
        self.best = best
        self.pace = pace
        self.energy = energy
        self.problem: str | None = None
        self.interrupted = False
        self.exhausted = best is not None and best.exhausted
        self._measured: dict[str, float] = {}
        self._unhealthy = 0
        self._began = time.monotonic()
        self._last = (0, self._began)
        self._beside = 0.0  # seconds of measurements, checkpoints and samples
        self._saved = self._began
        self._sheet = 0
        self._note_save(save_seconds)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._saved = time.monotonic()
        self._last = (self._step(), self._saved)
        self._sheet = self._sheet_of(self._step())

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        reset_means(self.model)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step, now = self._step(), time.monotonic()
        means = means_since_last(self.model)
        before = self._last[0]
        speed = (step - before) / max(now - self._last[1], 1e-9)
        self._last = (step, now)
        self.reports.add(step, self._seconds(now), speed, means, self._measured)
        self._check(step, means)
        if not self.problem and not self._unhealthy and self.best is not None and self.best.due(before, step):
            self._measure(now)
        ended = self._keep_horizon(step)
        if self.problem or self.interrupted or self.exhausted or ended:
            self.model.stop_training = True
        elif not self._unhealthy:
            self._save_when_due(step)

    def _measure(self, now: float) -> None:
        try:
            self._measured = {self.best.name: self.best.measure(self._seconds(now))}
        except (checkpoints.NotFinite, ValueError):
            self.problem = f"Weights stopped being numbers near step {self._step()}."
            return
        self.reports.add_scalars(self._step(), self._measured)
        if self.best.objection is not None and not self.exhausted:
            say(f"{self.best.objection} The fit ends here, with the best weights before.")
        self.exhausted = self.best.exhausted
        self._pause(now)

    def _pause(self, began: float) -> None:
        """What happened since `began` was no training."""
        now = time.monotonic()
        self._beside += now - began
        self._last = (self._step(), now)

    def _seconds(self, now: float) -> float:
        return self.reports.history.seconds + now - self._began

    def _check(self, step: int, means: dict[str, float]) -> None:
        for name, value in means.items():
            if not np.isfinite(value):
                self.problem = f"The {name.replace('_', ' ')} stopped being a number near step {step}."
                return
        sentence = self.model.symptom(means)
        self._unhealthy = self._unhealthy + 1 if sentence else 0
        if self._unhealthy >= _UNHEALTHY_REPORTS and step * 20 > int(self.model.horizon.numpy()):
            self.problem = sentence

    def _keep_horizon(self, step: int) -> bool:
        """Brings the horizon closer where the clock says so, or did at this step of an earlier fit; whether it is
        reached."""
        steps, shortened = self.run.record["steps"], self.run.record.get("shortened", [])
        if self.pace is not None and step < steps:
            now = time.monotonic()
            shorter = self.pace.shorter(step, steps, now, now - self._began - self._beside, now - self._saved)
            if shorter is not None:
                shortened = [*shortened, {"at": step, "from": steps, "steps": shorter}]
                self.run.update(steps=shorter, shortened=shortened)
                self.reports.progress.shorten(shorter)
                say(f"Steps take longer than planned: {shorter} in place of {steps}, to end by the clock.")
                steps = shorter
        horizon = horizon_at(step, steps, shortened)
        if int(self.model.horizon.numpy()) != horizon:
            self.model.horizon.assign(horizon)
        return step >= horizon

    def _save_when_due(self, step: int) -> None:
        began = time.monotonic()
        if began - self._saved >= self._interval:
            self.save()
            self._saved = time.monotonic()
            self._note_save(self._saved - began)
        if self._sheet_of(step) > self._sheet:
            self._sheet = self._sheet_of(step)
            self.write_sheet()
        self._pause(began)

    def _note_save(self, seconds: float) -> None:
        """Makes checkpoints fewer where they take long to write."""
        self._interval = save_interval(self.save_every, seconds)
        if self.pace is not None and seconds:
            self.pace.note_save(seconds)
        if self._interval > _FEWER * self.run.record.get("save_every", self.save_every):
            self.run.update(save_every=round(self._interval))
            say(f"A checkpoint takes {seconds:.1f} s to write, so there will be one every {self._interval:.0f} s.")

    def save(self) -> None:
        """Writes a checkpoint, or notes that the weights are no longer numbers."""
        try:
            checkpoints.save(self.run.checkpoints, checkpoints.capture(self.model.state()), self._step())
        except checkpoints.NotFinite:
            self.problem = f"Weights stopped being numbers near step {self._step()}."
            self.model.stop_training = True
            return
        if self.energy is not None:
            self.energy.record()

    def conclude(self, batches: Any) -> None:
        """What the model fits once after its last step, or its best one; the weights are safe already."""
        before = checkpoints.capture(self.model.state())
        if self.best is not None and not self._restore_best():
            return
        try:
            self.model.after_fit(batches)
        except ValueError as error:
            self.problem = f"The model trained, but its latents can't be sampled: {error}."
            return
        after = checkpoints.capture(self.model.state())
        changed = any(before[name].tobytes() != after[name].tobytes() for name in after)
        del before, after  # large, and saving needs as much again
        if changed:
            self.save()

    def _restore_best(self) -> bool:
        """Goes back to the best weights; False where they are no numbers. A fit killed after it repeats only this."""
        if "kept" not in self.run.record:
            reached = self._step()
            self._measure(time.monotonic())
            if self.problem:
                return False
            best = self.best.restore()
            kept = reached if best is None else best
            warning = self.best.warning(kept)
            self.run.update(reached=reached, kept=kept, **({"warning": warning} if warning else {}))
        else:
            self.best.restore()
        return True

    def interrupt(self, number: int, frame: Any) -> None:
        """A signal handler: stops after the steps under way; a second signal stops at once."""
        if self.interrupted:
            signal.default_int_handler(number, frame)
        self.interrupted = True  # which is looked at after the step, before other workers are told
        # Not through print: the signal may have come in the middle of one.
        os.write(2, b"\nStopping after the steps under way; everything is kept. (Once more to stop at once.)\n")

    def _step(self) -> int:
        return int(self.model.step.numpy())

    def _sheet_of(self, step: int) -> int:
        return step * SHEETS // int(self.model.horizon.numpy())


@contextlib.contextmanager
def stopping_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """While the block runs, Ctrl-C and a polite kill call `handler`, which ends a fit between two steps."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, own in before.items():
            signal.signal(number, own)


def tensorboard_writer(run: Run):
    """Writes scalars for TensorBoard into the run's folder."""
    import tensorflow as tf

    try:
        writer = tf.summary.create_file_writer(str(run.path / "tensorboard"))
    except Exception as error:  # TensorFlow's own class for "TensorBoard is not installed" is private
        raise UserError(f"TensorBoard can't be written: {error}", "Install it with: pip install tensorboard") from error

    def write(step: int, means: dict[str, float]) -> None:
        with writer.as_default(step=step):
            for name, value in means.items():
                tf.summary.scalar(name, value)

    return write
