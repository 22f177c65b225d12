"""Words for a person: one line at a time on standard error, and numbers as people read them."""

import sys
import time

_EVERY_SECONDS = 3.0


def say(text: str) -> None:
    """One line of talk; standard output is for data."""
    print(text, file=sys.stderr, flush=True)


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


def size(number: int) -> str:
    """Bytes as '870 MB' or '1.3 GB'."""
    return f"{number / 2**30:.1f} GB" if number >= 2**30 else f"{number / 2**20:.0f} MB"
