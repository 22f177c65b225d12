"""What a person sees while a model trains: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time

from tfgen.console import duration, is_talking, say

LINE_EVERY_SECONDS = 10.0


class Progress:
    """Shows steps, speed, time left and losses on standard error."""

    def __init__(self, start: int, stop: int):
        self.stop = stop
        self._bar = None
        self._last_line: float | None = None
        if is_talking() and sys.stderr.isatty():
            from tqdm import tqdm

            layout = "{percentage:3.0f}% |{bar}| step {n_fmt}/{total_fmt}, {rate_fmt}, {remaining} left{postfix}"
            self._bar = tqdm(total=stop, initial=start, unit=" steps", bar_format=layout, dynamic_ncols=True)

    def show(self, step: int, means: dict[str, float], steps_per_second: float) -> None:
        """Brings the bar or the lines up to date."""
        losses = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in means.items())
        if self._bar is not None:
            self._bar.set_postfix_str(losses, refresh=False)
            self._bar.update(step - self._bar.n)
            return
        now = time.monotonic()
        if self._last_line is None:
            self._last_line = now  # the first report's steps waited for their graph: no speed to plan by
        if step < self.stop and now - self._last_line < LINE_EVERY_SECONDS:
            return
        self._last_line = now
        left = (self.stop - step) / max(steps_per_second, 1e-9)
        say(f"step {step}/{self.stop}, {steps_per_second:.1f} steps/s, {duration(left)} left: {losses}")

    def shorten(self, stop: int) -> None:
        """The fit will end sooner."""
        self.stop = stop
        if self._bar is not None:
            self._bar.total = stop

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
