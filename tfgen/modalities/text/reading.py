"""A text file's encoding, and its text piece by piece, so that a file may be larger than the memory."""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

BLOCK = 2**20  # bytes read at once
LONGEST_PIECE = 2**20  # characters; a text without any space is cut in the middle of a word
_SAMPLE_BYTES = 2**16  # of lines that hold more than ASCII: what an encoding is guessed from
_CONTROL = np.isin(np.arange(256), [*range(9), 11, *range(14, 27), *range(28, 32), 127])
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings that texts really come in; among all that Python knows, rare ones fit many texts by accident.
_PLAUSIBLE = (
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "cp932", "euc_jp",
    "gb18030", "big5", "cp949",
)  # fmt: skip
_LATIN = ("cp1250", "cp1254")
_PAIRS = ("cp932", "euc_jp", "gb18030", "big5", "cp949")  # two bytes for a character


class NotText(Exception):
    """Says why a file is no text: in words, to stand behind the file's name."""


@dataclass(frozen=True)
class Decoding:
    """How a file is read: its encoding, and how many places don't fit it, which become U+FFFD."""

    encoding: str
    broken: int = 0

    @property
    def is_unicode(self) -> bool:
        return self.encoding.startswith("utf")


def examine(path: Path) -> Decoding:
    """Goes through a file and finds its encoding. Raises NotText."""
    try:
        with open(path, "rb") as file:
            decoding = _examine(file)
            for piece in read_pieces(path, decoding.encoding):
                if piece.strip():
                    return decoding
            raise NotText("there is nothing but space in it")
    except OSError as error:
        raise NotText(f"can't be read ({error.strerror or error})") from error


def read_pieces(path: Path, encoding: str) -> Iterator[str]:
    """The text with LF as line ends and what is broken replaced, in pieces that end before a space or a line's end."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
    waiting = ""
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            waiting += decoder.decode(block)
            *pieces, waiting = cut(waiting, LONGEST_PIECE // 4) or [""]
            yield from pieces
    waiting += decoder.decode(b"", final=True)
    if waiting:
        yield waiting


def cut(text: str, longest: int) -> list[str]:
    """A text in pieces of at most `longest` characters, cut where a learned tokenizer starts a new token anyway."""
    pieces, start = [], 0
    while len(text) - start > longest:
        stop = start + (_last_gap(text[start:start + longest]) or longest)
        pieces.append(text[start:stop])
        start = stop
    return [*pieces, text[start:]] if start < len(text) else pieces


def as_text(content: bytes) -> str:
    """UTF-8 with LF as line ends; what is broken is replaced."""
    return unify(content.decode("utf-8-sig", "replace"))


def unify(text: str) -> str:
    """Line ends as LF, and valid Unicode: halves of a pair are joined, and those that stay alone replaced."""
    return clean(text.replace("\r\n", "\n"))


def clean(text: str) -> str:
    """Valid Unicode: pairs of surrogates joined, and lone ones replaced."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _last_gap(text: str) -> int:
    """The last place with a line's end, else a space, right behind a word; 0 where there is none."""
    for mark in "\n ":
        place = text.rfind(mark, 1)
        while place > 0 and text[place - 1].isspace():
            place = text.rfind(mark, 1, place)
        if place > 0:
            return place
    return 0


def _examine(file: BinaryIO) -> Decoding:
    head = file.read(_SAMPLE_BYTES)
    if not head:
        raise NotText("the file is empty")
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if marked:
        return Decoding(marked, _count_broken(file, marked))
    if _CONTROL[np.frombuffer(head, np.uint8)].mean() > 0.1:
        raise NotText("a binary file")
    _refuse_zeros(file)
    broken, fitting = _fit_of_unicode(file)
    if not broken:
        return Decoding("utf-8")
    if 4 * broken <= fitting:
        return Decoding("utf-8", broken)
    encoding = _guess(_telling_lines(file))
    return Decoding(encoding, _count_broken(file, encoding))


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(BLOCK), b"")


def _refuse_zeros(file: BinaryIO) -> None:
    if any(b"\0" in block for block in _blocks(file)):
        raise NotText("a binary file")


def _fit_of_unicode(file: BinaryIO) -> tuple[int, int]:
    """How many bytes are no UTF-8, and how many characters beyond ASCII are."""
    broken, beyond = 0, 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for block in _blocks(file):
        text = decoder.decode(block)
        if not text.isascii():
            codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
            broken += int(np.count_nonzero((codes >= 0xDC80) & (codes <= 0xDCFF)))
            beyond += int(np.count_nonzero(codes > 0x7F))
    broken += len(decoder.decode(b"", final=True))
    return broken, beyond - broken


def _count_broken(file: BinaryIO, encoding: str) -> int:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    found = sum(decoder.decode(block).count("\ufffd") for block in _blocks(file))
    return found + decoder.decode(b"", final=True).count("\ufffd")


def _telling_lines(file: BinaryIO) -> bytes:
    """Lines that hold more than ASCII, enough of them to guess from."""
    file.seek(0)
    found = b""
    while len(found) < _SAMPLE_BYTES and (line := file.readline(_SAMPLE_BYTES)):
        if not line.isascii():
            found += line
    return found


def _guess(sample: bytes) -> str:
    """The encoding of bytes that are no UTF-8; Western European where that fits as well as its neighbours.

    English with a few quotation marks in pairs of bytes also passes for Central European, and seldom the other way.
    """
    import charset_normalizer

    matches = charset_normalizer.from_bytes(sample, cp_isolation=list(_PLAUSIBLE), preemptive_behaviour=False)
    best = matches.best()
    if best is None:
        return "cp1252"
    western = any("cp1252" in (match.encoding, *match.could_be_from_charset) for match in matches)
    if best.encoding not in _LATIN:
        return best.encoding
    pairs = (match.encoding for match in matches if match.encoding in _PAIRS and match.chaos == 0)
    return "cp1252" if western else next(pairs, best.encoding)
