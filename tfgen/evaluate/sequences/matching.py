"""The longest piece of a text that stands word for word in a large one, by hashes of all its windows.

Where a window of some length is found, shorter ones are too: the longest length is found by halving. The windows of the
few texts are sorted, and those of the large one stream past them, so memory does not grow with the large one but for
one sum per character. Hashes are polynomials modulo 2^64 (Karp & Rabin 1987) over characters that are numbered anew.
"""

from dataclasses import dataclass

import numpy as np

_BASE = 0x9E3779B97F4A7C15 | 1  # odd, so that it has an inverse
_BLOCK = 2**20
_SEPARATOR = "\ufffe"  # between the texts; nowhere in the large one
_BITS = 23  # of a hash, for a first look in a table


@dataclass(frozen=True)
class Match:
    """Where in a text its longest piece that is found begins, and its characters."""

    start: int
    length: int


class _Hashed:
    """A text, of which all windows of a length can be hashed."""

    def __init__(self, text: str):
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        self._sums = np.zeros(len(codes) + 1, np.uint64)
        for start in range(0, len(codes), _BLOCK):
            part = _mixed(codes[start : start + _BLOCK].astype(np.uint64))
            powers = _powers(_BASE, start, len(part))
            self._sums[start + 1 : start + 1 + len(part)] = np.cumsum(part * powers) + self._sums[start]
        self._inverse = pow(_BASE, -1, 2**64)

    def __len__(self) -> int:
        return len(self._sums) - 1

    def windows(self, length: int, start: int, stop: int) -> np.ndarray:
        """The hashes uint64 [k] of the windows that begin from `start` to `stop`, as far as there are any."""
        stop = min(stop, len(self) - length + 1)
        if stop <= start:
            return np.zeros(0, np.uint64)
        sums = self._sums[start + length : stop + length] - self._sums[start:stop]
        return sums * _powers(self._inverse, start, stop - start)


class Searched:
    """The large text."""

    def __init__(self, text: str):
        self.text = text
        self._hashed = _Hashed(text)

    def holds(self, hashes: np.ndarray, length: int) -> np.ndarray:
        """bool [m]: whether a window of this length and each hash is in the text."""
        needles, places = np.unique(hashes, return_inverse=True)
        shift = np.uint64(64 - _BITS)
        table = np.zeros(2**_BITS, bool)
        table[needles >> shift] = True
        found = np.zeros(len(needles), bool)
        for start in range(0, len(self._hashed), _BLOCK) if len(needles) else ():
            windows = self._hashed.windows(length, start, start + _BLOCK)
            windows = windows[table[windows >> shift]]
            at = np.minimum(np.searchsorted(needles, windows), len(needles) - 1)
            found[at[needles[at] == windows]] = True
        return found[places]

    def matches(self, texts: list[str]) -> list[Match]:
        """The longest piece of each text that stands here."""
        small = _Texts(texts)
        sizes = np.array([len(text) for text in texts], np.int64)
        found, starts = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
        # Lengths on one grid, so that one look at the large text serves many of the small ones.
        step = 1 << int(sizes.max(initial=0)).bit_length()
        while step > 1:
            step //= 2
            for length in np.unique(found + step):
                rows = np.flatnonzero((found + step == length) & (sizes >= length))
                at = small.first(self, rows, int(length))
                starts[rows[at >= 0]], found[rows[at >= 0]] = at[at >= 0], length
            self._whole(texts, found, starts, step)
        return [Match(int(start), int(length)) for start, length in zip(starts, found, strict=True)]

    def shares(self, texts: list[str], length: int) -> np.ndarray:
        """int64 [n, 2]: how many windows of this length each text has, and how many of them stand here."""
        small = _Texts(texts)
        owners, hashes, _ = small.windows(np.arange(len(texts)), length)
        held = self.holds(hashes, length)
        return np.stack([np.bincount(each, minlength=len(texts)) for each in (owners, owners[held])], axis=1)

    def _whole(self, texts: list[str], found: np.ndarray, starts: np.ndarray, step: int) -> None:
        """Texts that stand here as they are need no more halving, which would come to other lengths for each."""
        for row, text in enumerate(texts):
            if found[row] < len(text) < found[row] + step and 2 * found[row] > len(text) and text in self.text:
                starts[row], found[row] = 0, len(text)


class _Texts:
    """A few texts in one line."""

    def __init__(self, texts: list[str]):
        self._hashed = _Hashed(_SEPARATOR.join(texts))
        sizes = np.array([len(text) for text in texts], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(sizes + 1)[:-1]])
        self._sizes = sizes

    def windows(self, rows: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every window of this length in the texts of these rows: its row, its hash, and where in the text it is."""
        owners, hashes, places = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for row in rows:
            count = int(self._sizes[row]) - length + 1
            if count > 0:
                start = int(self._starts[row])
                owners.append(np.full(count, row))
                hashes.append(self._hashed.windows(length, start, start + count))
                places.append(np.arange(count))
        return np.concatenate(owners), np.concatenate(hashes), np.concatenate(places)

    def first(self, searched: Searched, rows: np.ndarray, length: int) -> np.ndarray:
        """int64 [len(rows)]: where in each text the first window is that is found; -1 where there is none."""
        owners, hashes, places = self.windows(rows, length)
        held = searched.holds(hashes, length)
        found = np.full(len(self._sizes), -1, np.int64)
        found[owners[held][::-1]] = places[held][::-1]  # of several, the first is written last
        return found[rows]


def _mixed(codes: np.ndarray) -> np.ndarray:
    """64 bits for each character, all of them different (Steele et al. 2014)."""
    codes = (codes + np.uint64(1)) * np.uint64(_BASE)
    codes = (codes ^ (codes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return codes ^ (codes >> np.uint64(27))


def _powers(base: int, start: int, count: int) -> np.ndarray:
    """base^start, base^(start + 1), ... modulo 2^64, [count]."""
    powers = np.full(count, base, np.uint64)
    powers[:1] = pow(base, start, 2**64)
    return np.cumprod(powers, dtype=np.uint64)
