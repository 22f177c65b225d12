"""Words for a person: one line at a time on standard error, and numbers as people read them.

Nothing is said unless somebody asked for it: the command line does, and a Python caller by `verbose=True`.
"""

import contextlib
import shlex
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


class Preparation:
    """Says now and then how far something has come that takes a while; nothing when it is quick.

    words: what is said, of `done`, `total` and how long is `left`. every: seconds.
    """

    def __init__(self, words: str = "Preparing: {done} of {total}", every: float = _EVERY_SECONDS):
        self._words, self._every = words, every
        self._began = self._said = time.monotonic()

    def show(self, done: int, total: int) -> None:
        """Called with counts, as often as there is news."""
        now = time.monotonic()
        if now - self._said >= self._every:
            self._said = now
            left = duration((now - self._began) * (total - done) / max(done, 1))
            say(self._words.format(done=done, total=total, left=left))


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


def harmless(text: object) -> str:
    """Without letters that a terminal obeys."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def command_line(*words: object) -> str:
    """A command of tfgen as it can be pasted into a shell: words with spaces and such are quoted."""
    return shlex.join(["tfgen", *map(str, words)])


def several(number: int, noun: str) -> str:
    """"1 step", "2 steps"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: int) -> str:
    """Bytes as '870 MB' or '1.3 GB'."""
    return f"{number / 2**30:.1f} GB" if number >= 2**30 else f"{number / 2**20:.0f} MB"
