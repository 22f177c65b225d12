"""A text file's encoding, found from its bytes; a file may be larger than the memory, and packed by gzip."""

import codecs
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfgen.errors import UserError

BLOCK = 2**20  # bytes read at once
_SAMPLE_BYTES = 2**16  # of lines that hold more than ASCII: what an encoding is guessed from
_LEAST_PAIRS = 8  # of bytes, for UTF-16 to be seen
_STRAY, _ONE_IN = 3, 10_000  # NULs that may be an accident: some, or one in so many bytes
_FEW_BYTES = 40  # beyond ASCII: fewer hardly tell one encoding from another
_TELLING_BYTES = 4  # beyond ASCII: fewer, as in one short caption, are most likely Western European
_FULL = 0.2  # of the bytes of lines with more than ASCII: what is written in pairs of bytes has at least so many
_WORDS_SHOWN, _LONGEST_WORD = 3, 20
_CONTROL = np.isin(np.arange(256), [0, *range(2, 9), 11, *range(14, 27), *range(28, 32), 127])  # 1 parts Hive's cells
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings that texts really come in; among all that Python knows, rare ones fit many texts by accident.
_WESTERN = "cp1252"
_LATIN = (_WESTERN, "cp1250", "iso8859-2", "cp1254", "cp1257", "mac-roman", "cp850", "cp852", "cp857")
_OTHERS = ("cp1251", "koi8-r", "cp866", "cp1253", "cp1255", "cp1256", "cp874")
_PAIRS = ("cp932", "euc_jis_2004", "gb18030", "big5hkscs", "cp949")  # two bytes for a character
PLAUSIBLE = (*_LATIN, *_OTHERS, *_PAIRS)
_WESTERN_FROM = 0.95  # of the likeliest's confidence, if that has Latin letters: most files are Western European
_RIVAL_FROM = 0.8  # of the likeliest's confidence: fits about as well


def check_encoding(name: Any) -> str:
    """The name of an encoding as Python has it. Raises UserError where there is none."""
    try:
        return codecs.lookup(str(name)).name
    except LookupError:
        raise UserError(f"'{name}' is no encoding.", "Set it to one such as utf-8, cp1252 or mac-roman.") from None


class NotText(Exception):
    """Says why a file is no text: in words, to stand behind the file's name."""


@dataclass(frozen=True)
class Decoding:
    """How a file is read: its encoding, and how many places don't fit it, which become U+FFFD.

    zeros: how many NULs are dropped, of which the first is in line `first_zero`.
    doubtful: whether few bytes tell the encoding.
    words: a few that would look wrong in another.
    rival: another that fits about as well and gives other letters, if any; other_word: a word, and how it reads that.
    """

    encoding: str
    broken: int = 0
    zeros: int = 0
    first_zero: int = 0
    doubtful: bool = False
    words: tuple[str, ...] = ()
    rival: str = ""
    other_word: tuple[str, str] | None = None

    @property
    def is_unicode(self) -> bool:
        return self.encoding.startswith("utf")


def open_unpacked(path: Path) -> BinaryIO:
    """A file's bytes, of one whose name ends in .gz those that are packed in it."""
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else open(path, "rb")


def examine(path: Path, unpack: bool = False, encoding: str | None = None) -> Decoding:
    """Goes through a file and finds its encoding, unless it is known; `unpack`: of what gzip packed in it. Raises
    NotText."""
    try:
        with open_unpacked(path) if unpack else open(path, "rb") as file:
            decoding = _examine(file) if encoding is None else Decoding(encoding, _count_broken(file, encoding))
            if not _has_words(file, decoding.encoding):
                raise NotText("there is nothing but space in it")
            return decoding
    except (OSError, EOFError) as error:
        raise NotText(f"can't be read ({getattr(error, 'strerror', None) or error})") from error


def encoding_of(content: bytes) -> str:
    """The encoding of a text in memory. Raises NotText."""
    decoding = _examine(io.BytesIO(content))
    tells_nothing = decoding.doubtful and sum(byte > 127 for byte in content) < _TELLING_BYTES
    return "cp1252" if tells_nothing else decoding.encoding


def how_decoded(encoding: str) -> str:
    """What to say of a text that isn't UTF-8, or, where that is its encoding, not all of it."""
    return "with broken places" if encoding == "utf-8" else f"not UTF-8, read as {encoding}"


def _examine(file: BinaryIO) -> Decoding:
    head = file.read(_SAMPLE_BYTES)
    if not head:
        raise NotText("the file is empty")
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if marked:
        return Decoding(marked, _count_broken(file, marked))
    unmarked = _unmarked_utf16(head)
    if unmarked:
        return Decoding(unmarked, _count_broken(file, unmarked))
    if _CONTROL[np.frombuffer(head, np.uint8)].mean() > 0.1:
        raise NotText("a binary file")
    zeros = _zeros(file)
    broken, fitting = _fit_of_unicode(file)
    if not broken:
        return Decoding("utf-8", 0, *zeros)
    if 4 * broken <= fitting:
        return Decoding("utf-8", broken, *zeros)
    telling = _telling_lines(file)
    likely = _likely(telling)
    encoding = likely[0][0]
    doubtful = sum(byte > 127 for byte in telling) < _FEW_BYTES
    words = re.findall(r"\w*[^\W\x00-\x7f]\w*", telling.decode(encoding, "replace"))
    known = list(dict.fromkeys(word for word in words if len(word) <= _LONGEST_WORD and "\ufffd" not in word))
    rival = _rival(telling, likely)
    pairs = ((word, word.encode(encoding).decode(rival, "replace")) for word in known if rival)
    other = next((pair for pair in pairs if pair[0] != pair[1]), None)
    shown, rival = tuple(known[:_WORDS_SHOWN]), rival if other else ""
    return Decoding(encoding, _count_broken(file, encoding), *zeros, doubtful, shown, rival, other)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(BLOCK), b"")


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 that no mark announces: of European text, nearly every other byte is 0, and the others hardly ever."""
    pairs = np.frombuffer(head[: len(head) // 2 * 2], np.uint8).reshape(-1, 2)
    if len(pairs) < _LEAST_PAIRS:
        return None
    first, second = (pairs == 0).mean(axis=0)
    for encoding, often, seldom in (("utf-16-le", second, first), ("utf-16-be", first, second)):
        if often > 0.5 and seldom < 0.01:
            return encoding
    return None


def _zeros(file: BinaryIO) -> tuple[int, int]:
    """How many NULs there are, and the line of the first. Raises NotText where they are no accident."""
    count, first, lines, size = 0, 0, 1, 0
    for block in _blocks(file):
        size += len(block)
        if b"\0" in block:
            first = first or lines + block[: block.index(b"\0")].count(b"\n")
            count += block.count(b"\0")
        lines += block.count(b"\n")
    if count > max(_STRAY, size // _ONE_IN):
        raise NotText("a binary file")
    return count, first


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


def _likely(sample: bytes) -> list[tuple[str, float]]:
    """Encodings of bytes that are no UTF-8 and chardet's confidence in each, the likeliest first.

    What is written in pairs of bytes is full of them: a few odd bytes in a line are no Chinese. Western European goes
    before others with Latin letters that fit hardly better.
    """
    import chardet

    full = np.mean(np.frombuffer(sample, np.uint8) > 127) >= _FULL
    plausible = [encoding for encoding in PLAUSIBLE if full or encoding not in _PAIRS]
    answers = chardet.detect_all(sample, ignore_threshold=True, include_encodings=plausible, compat_names=False)
    found = {str(each["encoding"]): float(each["confidence"]) for each in answers if each["encoding"] in plausible}
    found |= {each: found[each] * _natural_share(sample.decode(each, "replace")) for each in _LATIN if each in found}
    best = max(found, key=found.__getitem__, default=_WESTERN)
    is_western = best in _LATIN and found.get(_WESTERN, 0.0) >= _WESTERN_FROM * found.get(best, 0.0)
    first = _WESTERN if is_western else best
    others = sorted(found.keys() - {first}, key=lambda each: (-found[each], plausible.index(each)))
    return [(first, found.get(first, 0.0)), *((each, found[each]) for each in others)]


def _natural_share(text: str) -> float:
    """Of what isn't ASCII and stands inside of words of small letters, how much is small letters too."""
    inside = re.findall(r"(?<=[a-z])[^\x00-\x7f](?=[^\W\d_])", text)
    return (1 + sum(letter.islower() for letter in inside)) / (1 + len(inside))


def _rival(sample: bytes, likely: list[tuple[str, float]]) -> str:
    """Of encodings with Latin letters the likeliest that fits about as well and gives other ones; "" for none."""
    (encoding, confidence), *others = likely
    read = sample.decode(encoding, "replace")
    close = [each for each, other in others if {each, encoding} <= {*_LATIN} and other >= _RIVAL_FROM * confidence]
    return next((each for each in close if sample.decode(each, "replace") != read), "")


def _has_words(file: BinaryIO, encoding: str) -> bool:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
    return any(decoder.decode(block).replace("\0", "").strip() for block in _blocks(file))
