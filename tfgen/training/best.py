"""The best weights of a fit by a score that is measured now and then, and when to stop looking for better ones.

quality.jsonl   one line per measurement: step, seconds, and a distance or a loss
best/           the weights with the lowest one so far, and best.json, which says so
"""

import json
import math
import time
from typing import TYPE_CHECKING, Any

from tfgen import checkpoints, files
from tfgen.console import say
from tfgen.errors import UserError
from tfgen.run import Run
from tfgen.training.history import History

if TYPE_CHECKING:
    from tfgen.evaluate.tracker import Tracker

FILE = "quality.jsonl"
ENOUGH_EXAMPLES = 2000  # for what a model fits after its last step, when it is only to be measured
MEASUREMENTS = 20  # of a fit that measures itself unasked, at the most
MEASURING_SHARE = 0.2  # of its steps' work, at the most


class Best:
    """Measures every so many steps; the fit asks `due`, and calls `measure` when it is."""

    def __init__(self, run: Run, model: Any, tracker: "Tracker", batches: Any):
        self.run, self.model, self.batches = run, model, batches
        # Steps between measurements; None until a fit that nobody told has been planned.
        self.every: int | None
        self.every, self.patience = run.record["evaluate_every"], run.record["patience"]
        self.most = MEASUREMENTS  # of a fit that nobody told; fewer where writing weights takes long
        self.folder = run.path / "best"
        self.folder.mkdir(exist_ok=True)
        files.remove_leftovers(self.folder)
        self._tracker = tracker
        self.name = self._tracker.name
        self._history = History(run, int(model.step.numpy()), FILE)

    @property
    def exhausted(self) -> bool:
        """Whether as many measurements as the user's patience have brought nothing better, or one speaks against it."""
        if self.objection is not None:
            return True
        if self.patience is None:
            return False
        values = [row[self.name] for row in self.run.history(FILE)]
        return bool(values) and len(values) - 1 - values.index(min(values)) >= self.patience

    @property
    def objection(self) -> str | None:
        """Why the fit should learn no longer, in a sentence, where a measurement says so."""
        return next(filter(None, map(self._tracker.objection, self.run.history(FILE))), None)

    def interval(self, steps: int) -> int:
        """Steps between measurements in a fit of so many steps, where nobody told: by their work, so that they repeat.
        """
        if self.every is not None:
            return self.every
        affordable = MEASURING_SHARE * steps / self._tracker.steps_worth(self.model.config)
        return max(1, steps // int(max(1, min(MEASUREMENTS, self.most, affordable))))

    def due(self, before: int, step: int) -> bool:
        """Whether a measurement belongs between two steps."""
        return step // self.every > before // self.every

    def measure(self, seconds: float) -> float:
        """Measures the model as it is now, and keeps its weights if they are the best so far."""
        step = int(self.model.step.numpy())
        last = (self.run.history(FILE) or [{}])[-1]
        if last.get("step") == step:
            return last[self.name]
        self.model.after_fit(self.batches)
        value = self._tracker.measure()
        if not math.isfinite(value):
            raise ValueError(f"the {self.name} is no number")
        row = {"step": step, "seconds": round(seconds, 3), self.name: value, **self._tracker.beside()}
        # The first weights are kept in any case, since a fit ends with some.
        is_fine = self._tracker.objection(row) is None or self._record() is None
        if value < self._lowest() and is_fine:
            checkpoints.save(self.folder, checkpoints.capture(self.model.state()), step, keep=1)
            files.write_json(self.folder / "best.json", {"step": step, self.name: value})
        # Last, since what has a row isn't measured again when a killed fit goes on.
        self._history.add(row)
        return value

    def seconds(self) -> float:
        """How long one measurement takes."""
        self._measure_and_forget()
        began = time.perf_counter()
        self._measure_and_forget()
        return time.perf_counter() - began

    def restore(self) -> int | None:
        """Gives the model its best weights, if those are not the ones that it has; their step."""
        best = self._record()
        if best is None or best["step"] == int(self.model.step.numpy()):
            return None
        try:
            stored = checkpoints.load_newest(self.folder)
        except UserError as error:  # damaged; the last weights are whole
            say(f"The best weights can't be restored: {error.what_is_wrong} The last ones are kept.")
            return None
        checkpoints.restore(self.model.state(), stored.arrays)
        return best["step"]

    def warning(self, kept: int) -> str | None:
        """A sentence where the weights that are kept are those that the fit began with, since no others were better."""
        if kept > 0:
            return None
        start, *later = (row[self.name] for row in self.run.history(FILE))
        name = self.name.replace("_", " ")
        return (
            f"No step made it better: the {name} was {start:.3f} at the start, which is kept, and never below "
            f"{min(later):.3f} after."
        )

    def close(self) -> None:
        self._history.close()

    def _measure_and_forget(self) -> None:
        before = checkpoints.capture(self.model.state())
        self.model.after_fit(self.batches)
        self._tracker.measure()
        checkpoints.restore(self.model.state(), before)

    def _lowest(self) -> float:
        best = self._record()
        return math.inf if best is None else best[self.name]

    def _record(self) -> dict[str, float] | None:
        try:
            return json.loads((self.folder / "best.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
