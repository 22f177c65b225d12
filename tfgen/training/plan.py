"""How many steps fit into the minutes, and when a fit on a machine that grew busy must end sooner.

Arithmetic alone: no clock is read here, so made-up times test it.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

SHEETS = 10  # of samples, over a whole fit
SAVING_SHARE = 0.05  # of the time that writing weights may take
_LEFT = (1 / 2, 1 / 8)  # of the minutes, when the fit may be shortened for the first and the second time
_LATE = 0.06  # of the minutes, from which a forecast shortens the fit
_WINDOW = 0.1  # of the minutes: how long a speed is looked at, but no longer than _LONGEST_WINDOW seconds
_LONGEST_WINDOW = 60.0


@dataclass(frozen=True)
class Costs:
    """Seconds that things take.

    step: a training step.
    sheet: writing samples to look at.
    save: writing the weights.
    measurement: measuring the model, without writing its weights.
    after: what comes once after the last step, such as what the model fits then.
    saves_at_end: how often the weights are written after the last step, beside those of the last measurement.
    """

    step: float
    sheet: float = 0.0
    save: float = 0.0
    measurement: float = 0.0
    after: float = 0.0
    saves_at_end: int = 1

    def at_speed(self, step: float) -> "Costs":
        """With steps that take so long; where the machine has become slower, all else that it computes is slower."""
        slower = max(1.0, step / self.step)
        others = {name: getattr(self, name) * slower for name in ("sheet", "measurement", "after")}
        return replace(self, step=step, **others)


@dataclass(frozen=True)
class Intervals:
    """How often things happen beside the steps.

    unit: steps that run in one call; a report follows each call.
    save_every: seconds between checkpoints, as the user asked.
    evaluate_every: from a fit's number of steps, the steps between measurements; None for no measurements.
    """

    unit: int
    save_every: float
    evaluate_every: Callable[[int], int] | None = None


def save_interval(save_every: float, save: float) -> float:
    """Seconds between checkpoints: as asked, but longer where one takes long to write. 0 is after every report."""
    return max(save_every, save / SAVING_SHARE) if save_every else 0.0


def most_measurements(seconds: float, save: float) -> int:
    """How often a fit of so many seconds may measure itself unasked, since each time may write the best weights."""
    return max(1, int(SAVING_SHARE * seconds / save)) if save else 10**9


def seconds_left(step: int, steps: int, costs: Costs, intervals: Intervals, since_save: float = 0.0) -> float:
    """What the rest of a fit of `steps` steps takes after `step` of them, to the end of all that follows the last."""
    reports = -(-(steps - step) // intervals.unit) - 1  # before the last step
    sheets = min(reports, SHEETS - 1 - step * SHEETS // steps)
    working = (steps - step) * costs.step + sheets * costs.sheet
    at_end = costs.sheet + costs.after + costs.saves_at_end * costs.save
    if intervals.evaluate_every is not None:
        every = intervals.evaluate_every(steps)
        working += min(reports, (steps - 1) // every - step // every) * (costs.measurement + costs.save)
        at_end += costs.measurement + costs.save
    interval = save_interval(intervals.save_every, costs.save)
    saves = min(reports, int((since_save + working) / interval)) if interval else reports
    return working + saves * costs.save + at_end


def steps_within(seconds: float, costs: Costs, intervals: Intervals) -> int:
    """The most steps, at least 1, that take no longer than so many seconds with all that happens beside."""
    return _most(max(1, int(seconds / costs.step)), lambda steps: seconds_left(0, steps, costs, intervals) <= seconds)


def horizon_at(step: int, steps: int, shortened: Sequence[Mapping[str, int]]) -> int:
    """The number of steps that was planned when a fit had made `step`, of one that ended after `steps`.

    `shortened` holds {"at", "from", "steps"} for each time that it was shortened, in order.
    """
    return next((change["from"] for change in shortened if step < change["at"]), steps)


class Pace:
    """Follows a fit by the clock, and says when it must end sooner to keep to its minutes.

    Not before half of the time is over, since a machine that is busy may become quiet again, and a second time near the
    end. The first time, a speed that is too slow must last for two windows, and the second of them alone is judged by.
    """

    def __init__(self, deadline: float, minutes: float, costs: Costs, intervals: Intervals):
        """`deadline` is when the fit should be over, by the clock that tells `shorter` what is now."""
        self.deadline, self.seconds, self.costs, self.intervals = deadline, minutes * 60, costs, intervals
        self._window = min(_WINDOW * self.seconds, _LONGEST_WINDOW)
        self._done = 0  # shortenings
        self._marks: deque[tuple[int, float]] = deque()
        self._suspected: tuple[int, float] | None = None

    def note_save(self, seconds: float) -> None:
        """The last checkpoint took so long to write; the next ones will."""
        self.costs = replace(self.costs, save=seconds)

    def shorter(self, step: int, steps: int, now: float, training: float, since_save: float) -> int | None:
        """The new number of steps, where a fit of `steps` steps would end late; else None. Asked at every report.

        Args:
            training: seconds that the steps themselves took until now.
            since_save: seconds since the last checkpoint.
        """
        time_left = self.deadline - now
        last = self._done == len(_LEFT) - 1 or time_left <= _LEFT[-1] * self.seconds
        window = min(self._window, max(0.0, time_left) / 4) if last else self._window
        self._marks.append((step, training))
        while len(self._marks) > 2 and training - self._marks[1][1] >= window:
            self._marks.popleft()
        if self._done == len(_LEFT) or time_left > _LEFT[self._done] * self.seconds:
            return None
        since = self._marks[0] if self._suspected is None or last else self._suspected
        if step == since[0] or training - since[1] < window:
            return None
        costs = self.costs.at_speed((training - since[1]) / (step - since[0]))

        def rest(steps: int) -> float:
            return seconds_left(step, steps, costs, self.intervals, since_save)

        suspected, self._suspected = self._suspected, None
        if rest(steps) <= time_left + _LATE * self.seconds:
            return None
        if suspected is None and not last:
            self._suspected = (step, training)
            return None
        unit = self.intervals.unit
        calls = _most((steps - step) // unit, lambda calls: rest(step + calls * unit) <= time_left)
        if step + calls * unit >= steps:
            return None
        self._done += 1
        return step + calls * unit


def _most(most: int, fits: Callable[[int], bool]) -> int:
    """The largest number from 1 to `most` that fits, where none fits above one that doesn't; at least 1."""
    low, high = 1, max(1, most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
