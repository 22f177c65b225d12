"""A text file piece by piece, so that it may be larger than the memory."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

BLOCK = 2**20  # bytes read at once
LONGEST_PIECE = 2**20  # characters; a text without any space is cut in the middle of a word


def read_pieces(path: Path, encoding: str) -> Iterator[str]:
    """The text with LF as line ends and what is broken replaced, in pieces that end before a space or a line's end."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
    waiting = ""
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            waiting += decoder.decode(block).replace("\0", "")
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
