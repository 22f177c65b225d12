"""Which text is held out: never learned, so that a model can be judged by it."""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tfgen.modalities.text.documents import Document, Source
from tfgen.modalities.text.template import Marker, Piece

DEFAULT_SHARE = 0.1
MANY_DOCUMENTS = 20  # fewer are not split by document: a tenth of them would be one or none
_LARGEST_SHARE = 0.1  # of all text, that one document may have and still be held out


@dataclass
class Survey:
    """What a first pass saw: of each document a hash of its content and the length of its text."""

    hashes: array = field(default_factory=lambda: array("Q"))
    lengths: array = field(default_factory=lambda: array("Q"))
    apart: bytearray = field(default_factory=bytearray)  # whether each is of a test part
    learned: int = 0  # characters that are learned and no space
    lines: int = 0

    @property
    def characters(self) -> int:
        return sum(self.lengths)


@dataclass(frozen=True)
class Split:
    """Documents that are held out, and perhaps one of which only what stands behind a place is."""

    held: np.ndarray  # bool [documents]
    cut: tuple[int, int] | None = None  # the document, and the number of characters before the cut

    def parts(self, source: Source) -> Iterator[tuple[bool, Document]]:
        """Whether it is held out, and the document, for each; one that is cut comes as two."""
        for index, document in enumerate(source.documents()):
            if self.cut is not None and index == self.cut[0]:
                place = self.cut[1]
                # The text goes on at the cut: that it ends there is nothing to learn.
                yield False, Document(partial(_until, document, place), end_learned=False)
                yield True, Document(partial(_from, document, place), document.end_learned)
            else:
                yield bool(self.held[index]), document


def look_through(source: Source) -> Survey:
    """Goes through all documents once."""
    survey = Survey()
    for document in source.documents():
        digest, length = hashlib.blake2b(digest_size=8), 0
        for text, learned in document.pieces():
            digest.update(b"\1" if learned else b"\0")
            digest.update(text.encode())
            length += 1 if isinstance(text, Marker) else len(text)
            if learned and not isinstance(text, Marker):
                survey.learned += len(text.strip())
                survey.lines += text.count("\n")
        survey.hashes.append(int.from_bytes(digest.digest(), "big"))
        survey.lengths.append(length)
        survey.apart.append(document.apart)
    return survey


def choose_split(source: Source, survey: Survey, share: float) -> Split:
    """Holds out the test part where there is one; else about this share of the text: whole documents where there are
    many, else the end of it."""
    lengths = np.array(survey.lengths, np.int64)
    none = Split(np.zeros(len(lengths), bool))
    if not share:
        return none
    if any(survey.apart):
        return Split(np.frombuffer(survey.apart, bool).copy())
    if len(lengths) >= MANY_DOCUMENTS:
        return Split(_by_hash(np.array(survey.hashes, np.uint64), lengths, share))
    target = round((1 - share) * int(lengths.sum()))
    if source.kind == "text":
        return _cut_at(source, lengths, target)
    if len(lengths) < 2:
        return none
    starts = np.cumsum(lengths) - lengths
    first = int(np.clip(np.searchsorted(starts, target), 1, len(lengths) - 1))
    return Split(np.arange(len(lengths)) >= first)


def _by_hash(hashes: np.ndarray, lengths: np.ndarray, share: float) -> np.ndarray:
    """By the content of each document alone: copies stay together, and new documents don't move others.

    But a document with a large part of the text is always learned, and one is held out even of few.
    """
    distinct, index = np.unique(hashes, return_inverse=True)
    sizes = np.bincount(index, weights=lengths)
    allowed = sizes < min(0.5, max(2 * share, _LARGEST_SHARE)) * lengths.sum()
    chosen = allowed & (distinct.astype(np.float64) / 2.0**64 < share)
    if not chosen.any() and allowed.any():
        chosen[np.flatnonzero(allowed)[0]] = True
    if chosen.all():
        chosen[-1] = False
    return chosen[index]


def _cut_at(source: Source, lengths: np.ndarray, target: int) -> Split:
    """The text from about `target` on, from the line's end that is nearest, is held out."""
    stops = np.cumsum(lengths)
    target = min(target, int(stops[-1]) - 1)  # a share that rounds to nothing
    index = int(np.searchsorted(stops, target, side="right"))
    start = int(stops[index] - lengths[index])
    document = next(document for number, document in enumerate(source.documents()) if number == index)
    place = _near_line_end(document, target - start, int(lengths[index]), int(stops[-1] - target) // 2)
    behind = np.arange(len(lengths)) > index
    if place <= 0:
        return Split(behind | (np.arange(len(lengths)) == index))
    if place >= lengths[index]:
        return Split(behind)
    return Split(behind, (index, place))


def _near_line_end(document: Document, place: int, length: int, farthest: int) -> int:
    """The place behind the nearest line's end, or where the document begins or ends; `place` itself if all are far."""
    candidates, start = [0, length], 0
    for text, _ in document.pieces():
        if start <= place <= start + len(text):
            before, after = text.rfind("\n", 0, place - start), text.find("\n", place - start)
            candidates += [start + found + 1 for found in (before, after) if found >= 0]
        start += len(text)
    nearest = min(candidates, key=lambda candidate: abs(candidate - place))
    return nearest if abs(nearest - place) <= farthest else place


def _until(document: Document, place: int) -> Iterator[Piece]:
    for text, learned in document.pieces():
        if place > 0:
            yield text[:place], learned
        place -= len(text)


def _from(document: Document, place: int) -> Iterator[Piece]:
    for text, learned in document.pieces():
        if place < len(text):
            yield text[max(0, place):], learned
        place -= len(text)
