"""Words for a person: one line at a time on standard error, and numbers as people read them.

Nothing is said unless somebody asked for it: the command line does, and a Python caller by `verbose=True`.
"""

import contextlib
import sys
import time
import warnings
from collections.abc import Iterator

_EVERY_SECONDS = 3.0


_talking = False


@contextlib.contextmanager
def talking(on: bool = True) -> Iterator[None]:
    """Whether anything is said while the block runs."""
    global _talking
    before, _talking = _talking, on
    try:
        yield
    finally:
        _talking = before


def is_talking() -> bool:
    """Whether somebody asked for words, so that a progress bar is welcome too."""
    return _talking


def say(text: str) -> None:
    """One line of talk, where it was asked for; standard output is for data."""
    if _talking:
        print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """As `say`, of what nobody should miss: where nothing is said, a Python warning."""
    if _talking:
        say(text)
    else:
        warnings.warn(text, stacklevel=3)


class Wait:
    """Says now and then how long something takes that is known by its steps; nothing when it is quick."""

    def __init__(self, every: float = 15.0):
        self._began = self._said = time.monotonic()
        self._every = every

    def show(self, done: int, total: int) -> None:
        """Called with counts, as often as there is news."""
        now = time.monotonic()
        if now - self._said >= self._every and 0 < done < total:
            self._said = now
            say(f"... {done} of {total} steps, {duration((now - self._began) * (total - done) / done)} left")


class Preparation:
    """Says now and then how far the preparation of data has come; nothing when it is quick."""

    def __init__(self):
        self._said = time.monotonic()

    def show(self, done: int, total: int) -> None:
        """Called with counts, as often as there is news."""
        if time.monotonic() - self._said >= _EVERY_SECONDS:
            self._said = time.monotonic()
            say(f"Preparing: {done} of {total}")


def duration(seconds: float) -> str:
    """'42 s', '5 min' or '1 h 20 min'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def count(number: int) -> str:
    """1234567 as '1.2 million', 56789 as '57 thousand'."""
    if number >= 10**6:
        return f"{number / 10**6:.1f} million"
    return f"{number / 1000:.0f} thousand" if number >= 10**4 else str(number)


def several(number: int, noun: str) -> str:
    """"1 step", "2 steps"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: int) -> str:
    """Bytes as '870 MB' or '1.3 GB'."""
    return f"{number / 2**30:.1f} GB" if number >= 2**30 else f"{number / 2**20:.0f} MB"
