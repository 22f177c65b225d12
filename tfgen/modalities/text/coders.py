"""Strings to ids, quickly: each coder gives exactly what the library gives, only faster where that can be done."""

import json
import re
from typing import Any

import numpy as np
from tokenizers import Tokenizer as Library

_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CHUNK = re.compile(f"[{_SPACE}]*[^{_SPACE}]+|[{_SPACE}]+")
_LONGEST_REMEMBERED = 64  # characters; longer chunks are seldom met twice
_REMEMBERED = 1_500_000  # characters of chunks, some 60 MB with their ids
_BATCH = 4096  # chunks at once: the library's answers take a hundred bytes for each token

# As GPT-2's, with runs bounded (a line of a million letters would be one word, and learning from it takes forever) and
# digits in threes, as later models have them.
PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}{1,64}| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]{1,64}|\s{1,64}(?!\S)|\s{1,64}"
)


class CharacterCoder:
    """One id for each character that has one, the ids of its UTF-8 bytes for others; through arrays."""

    def __init__(self, vocabulary: dict[str, int]):
        letters = {ord(token): number for token, number in vocabulary.items() if len(token) == 1}
        self._ids = np.full(max(letters, default=0) + 2, -1, np.int32)  # the last stands for all beyond
        self._ids[list(letters)] = list(letters.values())
        named = [vocabulary.get(byte_name(byte), letters.get(byte, -1)) for byte in range(256)]
        self._byte_ids = np.array(named, np.int32)

    def encode_many(self, texts: list[str]) -> list[np.ndarray]:
        """Ids int32 [n] of each text."""
        codes = np.frombuffer("".join(texts).encode("utf-32-le"), "<u4")
        ids = self._ids[np.minimum(codes, len(self._ids) - 1)]
        stops = np.cumsum([len(text) for text in texts])
        strange = ids < 0
        if strange.any():
            counts = np.where(strange, _lengths_in_bytes(codes), 1)
            ids = self._with_bytes(ids, codes, strange, counts)
            stops = np.concatenate([[0], np.cumsum(counts)])[stops]
        return np.split(ids, stops[:-1])

    def _with_bytes(
        self, ids: np.ndarray, codes: np.ndarray, strange: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        content = codes[strange].tobytes().decode("utf-32-le").encode()
        spread = np.repeat(ids, counts)
        spread[np.repeat(strange, counts)] = self._byte_ids[np.frombuffer(content, np.uint8)]
        return spread


class ChunkCoder:
    """Remembers the ids of words with the space before them, at which the learned pattern always starts a token."""

    def __init__(self, library: Library):
        self._library = library
        self._known: dict[str, bytes] = {}
        self._size = 0

    def encode_many(self, texts: list[str]) -> list[np.ndarray]:
        """Ids int32 [n] of each text."""
        return [np.frombuffer(self._encode(text), np.int32) for text in texts]

    def _encode(self, text: str) -> bytes:
        chunks = _CHUNK.findall(text)
        new = list(set(chunks).difference(self._known))
        long = {}
        for start in range(0, len(new), _BATCH):
            batch = new[start:start + _BATCH]
            for chunk, encoding in zip(batch, encode_batch(self._library, batch), strict=True):
                content = np.array(encoding.ids, np.int32).tobytes()
                if len(chunk) > _LONGEST_REMEMBERED:
                    long[chunk] = content
                else:
                    self._known[chunk] = content
                    self._size += len(chunk)
        if long:
            encoded = b"".join([long[chunk] if chunk in long else self._known[chunk] for chunk in chunks])
        else:
            encoded = b"".join(map(self._known.__getitem__, chunks))
        if self._size > _REMEMBERED:
            self._known, self._size = {}, 0
        return encoded


class LibraryCoder:
    """The library itself, for a tokenizer whose rules are its own."""

    def __init__(self, library: Library):
        self._library = library

    def encode_many(self, texts: list[str]) -> list[np.ndarray]:
        """Ids int32 [n] of each text."""
        return [np.array(encoding.ids, np.int32) for encoding in encode_batch(self._library, texts)]


def coder_of(library: Library, spells_letters: bool) -> CharacterCoder | ChunkCoder | LibraryCoder:
    """The fastest coder that gives what the library gives."""
    if spells_letters:
        return CharacterCoder(library.get_vocab(with_added_tokens=False))
    splitter = json.loads(library.to_str()).get("pre_tokenizer") or {}
    patterns = [part.get("pattern") for part in splitter.get("pretokenizers", [])]
    return ChunkCoder(library) if {"Regex": PATTERN} in patterns else LibraryCoder(library)


def encode_batch(library: Library, texts: list[str]) -> list[Any]:
    """What the library makes of texts, without the special tokens that its template would add."""
    return library.encode_batch_fast(texts, add_special_tokens=False)


def byte_name(byte: int) -> str:
    """How a vocabulary of characters names a byte."""
    return f"<0x{byte:02X}>"


def bytes_of_tokens(library: Library) -> list[bytes]:
    """The bytes that each id stands for; none for special tokens."""
    vocabulary, added = library.get_vocab(with_added_tokens=False), library.get_added_tokens_decoder()
    described = json.loads(library.to_str())
    steps = json.dumps([described.get("decoder"), described.get("pre_tokenizer")])
    letters = {letter: byte for byte, letter in _letters_of_bytes().items()} if '"ByteLevel"' in steps else {}
    table = [b""] * (max([*vocabulary.values(), *added], default=-1) + 1)
    for token, number in vocabulary.items():
        if letters and all(letter in letters for letter in token):
            table[number] = bytes(letters[letter] for letter in token)
        elif named := re.fullmatch("<0x([0-9A-F]{2})>", token):
            table[number] = bytes([int(named[1], 16)])
        else:
            table[number] = token.encode()
    for number, token in added.items():
        table[number] = b"" if token.special else token.content.encode()
    return table


def _letters_of_bytes() -> dict[int, str]:
    """GPT-2's letter for each byte: itself where it can be printed, else one from 256 on."""
    printed = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printed]
    return {byte: chr(byte) for byte in printed} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def _lengths_in_bytes(codes: np.ndarray) -> np.ndarray:
    return 1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF)
