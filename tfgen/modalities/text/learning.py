"""A vocabulary from a text: its characters, or the pieces that occur most (byte-level BPE); or bytes, from none."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Library

from tfgen.errors import UserError
from tfgen.modalities.text.coders import PATTERN, byte_name
from tfgen.modalities.text.reading import cut
from tfgen.modalities.text.tokenizer import Tokenizer, add_special_tokens

KINDS = ("characters", "bytes", "bpe")
FEW_CHARACTERS = 1_500_000  # up to here a model learns spelling and words at once; from here on longer tokens pay
MOST_LETTERS = 2000  # characters with an id of their own; rarer ones are spelled in bytes
LEARNED_FROM = 20_000_000  # characters that BPE looks at: more hardly changes what it finds, and takes memory
SMALLEST, LARGEST = 512, 8192  # of what is chosen; a user may choose otherwise
_CHARACTERS_FOR_EACH = 1000  # a token is then met some 250 times, enough to learn what it means
_CUT = 2**16
_COUNTED_AT_ONCE = 2**20


def learn(
    pieces: Iterable[str],
    kind: str = "auto",
    vocabulary_size: int | None = None,
    characters: int = 0,
    markers: Sequence[str] = (),
) -> Tokenizer:
    """A tokenizer for a text of about so many `characters`, which is gone through once.

    `vocabulary_size` is that of BPE, with all special tokens; a text with little variety gives fewer.
    """
    kind = choose_kind(kind, vocabulary_size, characters)
    counter = CharacterCounter()
    if kind != "bpe":
        for piece in pieces:
            counter.add(piece)
        library = _of_characters(counter.most_common(MOST_LETTERS) if kind == "characters" else [])
    else:
        size = vocabulary_size or choose_size(characters)
        library = _of_pieces(_spread(counter.watch(pieces), characters), size - len(markers) - 1)
    add_special_tokens(library, markers)
    return Tokenizer(library, counter.alphabet())


def choose_kind(kind: str, vocabulary_size: int | None, characters: int) -> str:
    """Characters for little text and BPE for more, where the user has no wish. Raises UserError for other kinds."""
    if kind == "auto":
        return "bpe" if vocabulary_size or characters >= FEW_CHARACTERS else "characters"
    if kind not in KINDS:
        raise UserError(f"tokenizer={kind} is no kind of tokenizer.", f"Choose one of: {', '.join(KINDS)}.")
    if kind != "bpe" and vocabulary_size:
        raise UserError(f"A tokenizer of {kind} has no vocabulary_size.", "Leave it out, or set tokenizer=bpe.")
    return kind


def choose_size(characters: int) -> int:
    """The size of a vocabulary that a text of so many characters can teach, a power of two."""
    wanted = max(1, characters // _CHARACTERS_FOR_EACH)
    return min(LARGEST, max(SMALLEST, 2 ** (wanted.bit_length() - 1)))


class CharacterCounter:
    """How often each character occurs."""

    def __init__(self):
        self._counts = np.zeros(128, np.int64)
        self._waiting: list[str] = []
        self._length = 0

    def add(self, text: str) -> None:
        """Counts the characters of one text; small ones are counted together."""
        self._waiting.append(text)
        self._length += len(text)
        if self._length >= _COUNTED_AT_ONCE:
            self._count()

    def watch(self, texts: Iterable[str]) -> Iterator[str]:
        """Hands texts on and counts them."""
        for text in texts:
            self.add(text)
            yield text

    def most_common(self, count: int) -> list[str]:
        """The most frequent characters, at most so many, in the order of Unicode."""
        self._count()
        codes = np.flatnonzero(self._counts)
        often = codes[np.argsort(-self._counts[codes], kind="stable")[:count]]
        return [chr(code) for code in sorted(often.tolist())]

    def alphabet(self) -> list[str]:
        """All characters that occur, in the order of Unicode."""
        self._count()
        return [chr(code) for code in np.flatnonzero(self._counts).tolist()]

    def _count(self) -> None:
        codes = np.frombuffer("".join(self._waiting).encode("utf-32-le"), "<u4")
        counts = np.bincount(codes.astype(np.int64), minlength=len(self._counts))
        counts[: len(self._counts)] += self._counts
        self._counts, self._waiting, self._length = counts, [], 0


def _of_characters(letters: list[str]) -> Library:
    """One token for each of these characters; all others are spelled in bytes, so any text can be written."""
    names = [byte_name(byte) for byte in _needed_bytes(letters)]
    vocabulary = {token: number for number, token in enumerate([*letters, *names])}
    library = Library(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return library


def _needed_bytes(letters: list[str]) -> list[int]:
    """The bytes that the spelling of another character can need: a small vocabulary is a faster model."""
    known = {ord(letter) for letter in letters}
    never = {0xC0, 0xC1, *range(0xF5, 0x100)}
    return [byte for byte in range(256) if byte not in never and not (byte < 128 and byte in known)]


def _of_pieces(texts: Iterator[str], size: int) -> Library:
    library = Library(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERN), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    library.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, min_frequency=2, show_progress=False)
    library.train_from_iterator(texts, trainer)
    return library


def _spread(texts: Iterable[str], characters: int) -> Iterator[str]:
    """Parts of the texts, evenly over all of them, that are LEARNED_FROM characters together; all if they are fewer."""
    share = min(1.0, LEARNED_FROM / max(1, characters))
    seen = taken = 0
    for text in texts:
        for part in cut(text, _CUT):
            seen += len(part)
            if taken + len(part) / 2 <= share * seen:
                taken += len(part)
                yield part
