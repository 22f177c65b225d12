"""Windows of levels as arrays of tiles, and as sequences: column by column, from the bottom up.

A column is cut into pieces of some rows. A piece that windows have more than once is a token, so that its tiles stay
together; any other is spelled tile by tile, so that every level can be written. Windows of a level overlap, so that
nearly every piece counts more than once, even one that stands in a level a single time. Columns that no level has come
about where known pieces stand above each other for the first time, or by spelling.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.modalities.level.adherence import WordAdherence
from tfgen.modalities.level.reading import ENDINGS
from tfgen.modalities.level.tiles import TileSet
from tfgen.modalities.level.words import Words
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.specification import CATEGORICAL, ArraySpecification, Part
from tfgen.representations.sequences.codec import SequenceCodec, TokenStream
from tfgen.representations.sequences.specification import SequenceSpecification

PLURAL = "levels"
MOST_TOKENS = 30_000  # different ones; of 16 bits that a stored token has, one is taken


class LevelArrayCodec(ArrayCodec):
    """Stored: places of tiles uint8 [n, rows, columns]. Inside and outside: one-hot [n, rows, columns, tiles]."""

    outside_peak = 1.0
    written_by: Any = None  # LevelModality.of_codec, made once

    def __init__(
        self, specification: ArraySpecification, tiles: TileSet, words: Words, form: Mapping[str, Any], rule: str
    ):
        super().__init__(specification)
        self.tiles, self.word_set, self.form, self.rule = tiles, words, form, rule

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a window."""
        return self.specification.shape[:2]

    @classmethod
    def of(
        cls, size: tuple[int, int], count: int, tiles: TileSet, words: Words, form: Mapping[str, Any], rule: str
    ) -> "LevelArrayCodec":
        specification = ArraySpecification((*size, len(tiles)), (Part(len(tiles), CATEGORICAL),), count, plural=PLURAL)
        return cls(specification, tiles, words, form, rule)

    def encode(self, values: Any) -> Any:
        if isinstance(values, np.ndarray):
            return np.eye(len(self.tiles), dtype=np.float32)[values]
        import tensorflow as tf

        return tf.one_hot(tf.cast(values, tf.int32), len(self.tiles))

    def decode(self, values: Any) -> np.ndarray:
        return np.argmax(values, axis=-1).astype(np.uint8)

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "window": list(self.specification.shape[:2]), **_facts(self)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "LevelArrayCodec":
        """What `to_json` gave."""
        return cls(ArraySpecification.from_json(state["example"]), *_from_facts(state))


class LevelSequenceCodec(SequenceCodec):
    """Tokens: tiles, tiles that end a column, pieces from below, words, the beginning and the end.

    Prompts are words; lines of a level go on from there. A sequence as a person gets it has a line for each row, where
    the tokens follow the columns.
    """

    unit = "tile"
    kind = "completions"
    written_by: Any = None  # LevelModality.of_codec, made once

    def __init__(
        self,
        size: tuple[int, int],
        pieces: Sequence[tuple[int, bytes]],
        longest: int,
        count: int,
        tiles: TileSet,
        words: Words,
        form: Mapping[str, Any],
        rule: str,
    ):
        """
        Args:
            size: rows and columns of a window.
            pieces: those that are tokens: the row that each begins at, from the bottom, and its tiles from there up.
            longest: tokens of the longest window, with its end.
        """
        self.size, self.pieces, self.longest = size, tuple(pieces), longest
        self.tiles, self.word_set, self.form, self.rule = tiles, words, form, rule
        self._ids = {piece: 2 * len(tiles) + place for place, piece in enumerate(self.pieces)}
        self.first_word = 2 * len(tiles) + len(self.pieces)
        self.begin = self.first_word + len(words.texts)
        self._specification = SequenceSpecification(self.begin + 2, self.begin + 1, self.begin, count, plural=PLURAL)

    @classmethod
    def learned(
        cls, windows: np.ndarray, piece_rows: int, tiles: TileSet, words: Words, form: Mapping[str, Any], rule: str
    ) -> "LevelSequenceCodec":
        """With the pieces of `piece_rows` rows that some windows uint8 [n, rows, columns] have more than once: the
        commonest of them, where they are more than there may be tokens."""
        rows, columns = windows.shape[1:]
        found: Counter[tuple[int, bytes]] = Counter()
        distinct, counts = np.unique(_columns(windows), axis=0, return_counts=True)
        for column, times in zip(distinct, counts.tolist(), strict=True):
            for piece in _cut(column, piece_rows):
                found[piece] += times
        several = sorted(piece for piece, times in found.items() if times > 1 and len(piece[1]) > 1)
        most = max(0, MOST_TOKENS - 2 * len(tiles) - len(words.texts) - 2)
        pieces = sorted(sorted(several, key=lambda piece: -found[piece])[:most])
        codec = cls((rows, columns), pieces, 0, 0, tiles, words, form, rule)
        codec.longest = max((len(codec.window_ids(window)) for window in windows), default=0) + 1
        return codec

    def counting(self, count: int) -> "LevelSequenceCodec":
        """The same for so many tokens to learn."""
        known = self.tiles, self.word_set, self.form, self.rule
        return LevelSequenceCodec(self.size, self.pieces, self.longest, count, *known)

    @property
    def specification(self) -> SequenceSpecification:
        return self._specification

    @cached_property
    def usual_sampling(self) -> dict[str, Any]:
        """See SequenceCodec: the model as it is, since less chance copies more (docs/log.md), room for a window, and
        several attempts at one that bears its words out."""
        how = {"temperature": 1.0, "top_p": 1.0, "length": self.longest + self.longest // 4}
        return how if self.adherence is None else {**how, "attempts": self.adherence.attempts}

    @property
    def known_prompts(self) -> Sequence[str]:
        return self.word_set.texts

    @cached_property
    def adherence(self) -> WordAdherence | None:
        return WordAdherence(self) if self.word_set.measured else None

    @cached_property
    def piece_rows(self) -> int:
        """Rows of a piece; 1 where every tile is a token."""
        return max((len(tiles) for _, tiles in self.pieces), default=1)

    # To tokens.

    def window_ids(self, window: np.ndarray) -> np.ndarray:
        """Ids int32 [n] of a window uint8 [rows, columns], without an end."""
        top, ids = self.size[0] - 1, []
        for column in window.T[:, ::-1]:
            for start, tiles in _cut(column, self.piece_rows):
                known = self._ids.get((start, tiles))
                if known is not None:
                    ids.append(known)
                else:
                    ids += [
                        tile + len(self.tiles) * (start + place == top) for place, tile in enumerate(tiles)
                    ]
        return np.array(ids, np.int32)

    def opening_ids(self, words: Sequence[int]) -> np.ndarray:
        """Ids int32 [n] that ask for words, by their places, and begin a level."""
        return np.array([*(self.first_word + place for place in words), self.begin], np.int32)

    def encode(self, text: str) -> np.ndarray:
        try:
            tiles = self.tiles.parse(text)
        except ValueError:
            strange = sorted(set(text) - set(self.tiles.letters) - set("\n"))
            what = f"{', '.join(map(repr, strange[:10]))} is no tile of these levels."
            raise UserError(what, f"Their tiles are: {self.tiles.letters}") from None
        if tiles.size and len(tiles) != self.size[0]:
            raise UserError(
                f"The level has {len(tiles)} rows, those that were learned have {self.size[0]}.",
                "Give as many lines, each a row of tiles.",
            )
        return self.window_ids(tiles)

    def prompt_ids(self, prompt: str) -> np.ndarray:
        """Of words that the data bears out, or of the first columns of a level as lines, or of both."""
        lines = prompt.strip("\n").split("\n")
        if len(lines) == 1:
            return self.opening_ids(self.word_set.parse(prompt))
        asked = self.word_set.parse(lines.pop(0)) if len(lines) == self.size[0] + 1 else []
        return np.concatenate([self.opening_ids(asked), self.encode("\n".join(lines))])

    # From tokens.

    def token_bytes(self) -> list[bytes]:
        letters = self.tiles.letters
        top = self.size[0]
        pieces = [
            "".join(letters[tile] for tile in tiles) + "\n" * (start + len(tiles) == top)
            for start, tiles in self.pieces
        ]
        words = [f"{text}, " for text in self.word_set.texts]
        return [each.encode() for each in (*letters, *(f"{letter}\n" for letter in letters), *pieces, *words, "", "")]

    def units(self) -> np.ndarray:
        """Tiles of each token; an end is predicted like one."""
        sizes = [1] * (2 * len(self.tiles)) + [len(tiles) for _, tiles in self.pieces]
        return np.array([*sizes, *[0] * len(self.word_set.texts), 0, 1], np.int64)

    def grid(self, ids: Iterable[int]) -> np.ndarray:
        """Tiles uint8 [rows, columns] of ids. A piece stands where it belongs: what lies under it is filled with
        nothing; a column that is left unfinished is so above."""
        rows, columns, column, count = self.size[0], [], [], len(self.tiles)

        def close() -> None:
            columns.append((column + [self.tiles.background] * rows)[:rows])
            column.clear()

        for number in np.asarray(ids).tolist():
            if number >= self.first_word:
                continue
            if number < 2 * count:
                column.append(number % count)
                if number >= count or len(column) >= rows:
                    close()
                continue
            start, tiles = self.pieces[number - 2 * count]
            if len(column) > start:
                close()
            column.extend([self.tiles.background] * (start - len(column)))
            column.extend(tiles)
            if len(column) >= rows:
                close()
        if column:
            close()
        return np.array(columns, np.uint8).reshape(-1, rows).T[::-1]

    def words_asked(self, ids: Iterable[int]) -> list[int]:
        """The places of the words in an opening."""
        numbers = np.asarray(ids).tolist()
        return [number - self.first_word for number in numbers if self.first_word <= number < self.begin]

    def written(self, ids: Iterable[int]) -> str:
        """Rows of letters, below the words that were asked for where they are among the ids."""
        asked = self.word_set.text(self.words_asked(ids))
        return (f"{asked}\n" if asked else "") + self.rows(ids)

    def rows(self, ids: Iterable[int]) -> str:
        """The level alone."""
        return "\n".join(self.tiles.rows(self.grid(ids)))

    def stream(self) -> TokenStream:
        return LevelStream(self)

    def words(self, text: str) -> list[str]:
        """The columns of a level from the bottom up, whether it comes row by row, as people get it, or by columns."""
        lines = text.strip("\n").split("\n")
        if len(lines) == self.size[0] and len(lines[0]) != self.size[0]:
            return ["".join(column)[::-1] for column in zip(*lines, strict=False)]
        return lines

    def symbols(self) -> tuple[Any, ...]:
        letters = self.tiles.letters
        pieces = (("piece", start, "".join(letters[tile] for tile in tiles)) for start, tiles in self.pieces)
        words = (("word", text) for text in self.word_set.texts)
        return (*letters, *(f"{letter}\n" for letter in letters), *pieces, *words, "begin", "end")

    def to_json(self) -> dict[str, Any]:
        pieces = [[start, "".join(self.tiles.letters[tile] for tile in tiles)] for start, tiles in self.pieces]
        return {
            **super().to_json(), "window": list(self.size), "pieces": pieces, "longest": self.longest,
            "kind": self.kind, **_facts(self),
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "LevelSequenceCodec":
        """What `to_json` gave."""
        tiles, words, form, rule = _from_facts(state)
        pieces = [(start, bytes(map(tiles.letters.index, text))) for start, text in state["pieces"]]
        size, count = tuple(state["window"]), state["example"]["count"]
        return cls(size, pieces, state["longest"], count, tiles, words, form, rule)


class LevelStream(TokenStream):
    """A level is told row by row, so nothing of it can be shown before its last column is there."""

    def __init__(self, codec: LevelSequenceCodec):
        super().__init__(())
        self._codec, self._made = codec, []

    def push(self, token: int) -> str:
        self._made.append(int(token))
        return ""

    def finish(self) -> str:
        return self._codec.rows(self._made)


def _columns(windows: np.ndarray) -> np.ndarray:
    """All columns from the bottom up, uint8 [n, rows]."""
    return np.swapaxes(windows, 1, 2).reshape(-1, windows.shape[1])[:, ::-1]


def _cut(column: np.ndarray, piece_rows: int) -> list[tuple[int, bytes]]:
    """The pieces of a column that begins at the bottom: the row of each, and its tiles."""
    content = np.ascontiguousarray(column).tobytes()
    return [(start, content[start : start + piece_rows]) for start in range(0, len(content), piece_rows)]


def _facts(codec: LevelArrayCodec | LevelSequenceCodec) -> dict[str, Any]:
    return {
        "tiles": codec.tiles.to_json(), "words": codec.word_set.to_json(), "form": dict(codec.form), "rule": codec.rule,
    }


def _from_facts(state: Mapping[str, Any]) -> tuple[TileSet, Words, dict[str, Any], str]:
    tiles, words = TileSet.from_json(state["tiles"]), Words.from_json(state["words"])
    if state["form"]["ending"] not in ENDINGS:  # a part of names of files
        raise ValueError(f"{state['form']['ending']!r} is no ending of levels")
    if state["form"].get("between", "") not in ("", " ", "\t"):
        raise ValueError("tiles are parted by spaces or tabs")
    return tiles, words, state["form"], state["rule"]
