"""What a window can be asked for, in words that the data bear out: "no gaps", "few enemies", "many pipes"; its game.

How much of something is few or many is found from the windows that are learned: none has a word of its own where some
windows have none; the others are halved. Where nearly all have some, it is by terciles.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.errors import UserError, nearest
from tfgen.modalities.level.tiles import TileSet

NOUNS = {
    "pipe": "pipes", "enemy": "enemies", "collectible": "coins", "block": "blocks", "cannon": "cannons",
    "door": "doors", "hazard": "hazards", "stair": "stairs",
}
GAPS = "gaps"
_RAREST, _COMMONEST = 0.05, 0.8  # a word of fewer or more windows tells a model next to nothing
_ANY_NUMBER = 10**6  # tiles, more than a window has
MOST_ASKED = 2  # words of one window's prompt


@dataclass(frozen=True)
class Word:
    """Words of one thing: it is there at least `low` and at most `high` times, high none for any number."""

    text: str
    noun: str
    low: int
    high: int | None

    def fits(self, counts: np.ndarray) -> np.ndarray:
        """Whether each of some counts is meant, bool."""
        return (counts >= self.low) & (counts <= (np.inf if self.high is None else self.high))


@dataclass(frozen=True)
class Words:
    """All words that a run knows."""

    measured: tuple[Word, ...] = ()
    games: tuple[str, ...] = ()

    @classmethod
    def of(cls, windows: np.ndarray, tiles: TileSet, games: Sequence[str] = ()) -> "Words":
        """From the windows that are learned, uint8 [n, rows, columns]."""
        found = [word for noun, counts in counts_of(windows, tiles).items() for word in _levels(noun, counts)]
        distinct = tuple(sorted(set(games)))
        return cls(tuple(found), distinct if len(distinct) > 1 else ())

    @property
    def texts(self) -> tuple[str, ...]:
        """Every word as it is typed."""
        return (*(word.text for word in self.measured), *self.games)

    def borne_out(self, windows: np.ndarray, tiles: TileSet) -> np.ndarray:
        """Which measured words each window bears out, bool [n, measured]."""
        counts = counts_of(windows, tiles)
        columns = [word.fits(counts[word.noun]) for word in self.measured]
        return np.stack(columns, 1) if columns else np.zeros([len(windows), 0], bool)

    def in_letters(self, tiles: TileSet) -> dict[str, tuple[str, int, int]]:
        """By each measured word the letters that it counts, none for gaps, and how many there are at the least and at
        the most: for programs that have no tfgen."""
        kinds = {noun: kind for kind, noun in NOUNS.items()}
        return {
            word.text: (
                "" if word.noun == GAPS else tiles.letters_of(tiles.are(kinds[word.noun])),
                word.low,
                _ANY_NUMBER if word.high is None else word.high,
            )
            for word in self.measured
        }

    def parse(self, prompt: str) -> list[int]:
        """The places in `texts` of what a person typed. Raises UserError for what isn't known, or can't be at once."""
        known = {text.casefold(): place for place, text in enumerate(self.texts)}
        found = []
        for part in filter(None, (" ".join(each.split()) for each in re.split(r"[,;\n]| and ", prompt))):
            found += self._parse_part(part.casefold(), known)
        places = sorted(set(found))
        self._check_together([self.measured[place] for place in places if place < len(self.measured)])
        return places

    @staticmethod
    def _check_together(asked: Sequence[Word]) -> None:
        """Raises UserError for words of which no level can bear out both."""
        for one, other in itertools.combinations(asked, 2):
            low, highs = max(one.low, other.low), [each.high for each in (one, other) if each.high is not None]
            if one.noun == other.noun and low > min(highs, default=low):
                raise UserError(f"No level has '{one.text}' and '{other.text}'.", "Leave one of them out.")

    def _parse_part(self, part: str, known: Mapping[str, int]) -> list[int]:
        if part in known:
            return [known[part]]
        # "many pipes few enemies", without a comma.
        tokens = part.split()
        for size in range(len(tokens) - 1, 0, -1):
            if " ".join(tokens[:size]) in known:
                return [known[" ".join(tokens[:size])], *self._parse_part(" ".join(tokens[size:]), known)]
        close = nearest(part, known)
        if not known:
            raise UserError("This run was trained without words, so it can't follow a prompt.", "Leave it out.")
        advice = f"Did you mean '{close[0]}'?" if close else f"It knows: {', '.join(self.texts)}."
        raise UserError(f"The model never saw '{part}'.", advice)

    def prompts(
        self, windows: np.ndarray, tiles: TileSet, games: Sequence[str], seed: int, least: int = 0
    ) -> list[list[int]]:
        """For each window `least` to two of the words that it bears out, by chance: places in `texts`.

        So a model learns to do without a word, as people do.
        """
        generator = np.random.default_rng([seed, 22])
        borne, chosen = self.borne_out(windows, tiles), []
        places = {game: len(self.measured) + place for place, game in enumerate(self.games)}
        for row, game in zip(borne, games, strict=True):
            known = [*np.flatnonzero(row).tolist(), *([places[game]] if game in places else [])]
            count = min(len(known), int(generator.integers(least, MOST_ASKED + 1)))
            chosen.append(sorted(generator.choice(known, count, replace=False).tolist()) if count else [])
        return chosen

    def text(self, places: Sequence[int]) -> str:
        """Some words as one prompt."""
        return ", ".join(self.texts[place] for place in places)

    def to_json(self) -> dict[str, Any]:
        """Plain lists; `from_json` takes it back."""
        words = [[word.text, word.noun, word.low, word.high] for word in self.measured]
        return {"measured": words, "games": list(self.games)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Words":
        """What `to_json` gave."""
        return cls(tuple(Word(*word) for word in value["measured"]), tuple(value["games"]))


def counts_of(windows: np.ndarray, tiles: TileSet) -> dict[str, np.ndarray]:
    """How many tiles of each kind each window has, and columns without ground, int [n] by noun."""
    counts = {
        noun: np.count_nonzero(tiles.are(kind)[windows], axis=(1, 2))
        for kind, noun in NOUNS.items()
        if kind in tiles.kinds
    }
    return {**counts, GAPS: np.count_nonzero(~tiles.solid[windows[:, -1]], axis=1)}


def _levels(noun: str, counts: np.ndarray) -> list[Word]:
    """The words of one noun that are neither rare nor everywhere."""
    some = counts[counts > 0]
    if not len(some) or (noun == GAPS and np.median(counts) > 0.5 * counts.max() > 0):
        return []
    if np.mean(counts == 0) >= _RAREST:
        middle = int(np.median(some))
        found = [Word(f"no {noun}", noun, 0, 0), Word(f"few {noun}", noun, 1, middle)]
        found.append(Word(f"many {noun}", noun, middle + 1, None))
    else:
        low, high = (int(each) for each in np.quantile(counts, [1 / 3, 2 / 3]))
        found = [Word(f"few {noun}", noun, 0, low), Word(f"many {noun}", noun, high + 1, None)]
    return [word for word in found if _RAREST <= np.mean(word.fits(counts)) <= _COMMONEST]
