"""Documents become one array of tokens in a prepared file. Memory stays bounded whatever the length of the text."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfgen.data.examples import Report
from tfgen.data.prepared import Key, Writer, cache_folder, open_or_prepare
from tfgen.data.request import DataRequest
from tfgen.errors import UserError, unknown
from tfgen.modalities.text.codec import TextCodec
from tfgen.modalities.text.documents import WHAT_IS_READ, Document, Source, Strings
from tfgen.modalities.text.examples import TextExamples
from tfgen.modalities.text.learning import KINDS, CharacterCounter, learn
from tfgen.modalities.text.open_source import open_source
from tfgen.modalities.text.row_kinds import Columns
from tfgen.modalities.text.split import DEFAULT_SHARE, Split, Survey, choose_split, look_through
from tfgen.modalities.text.template import ChatTemplate, Marker
from tfgen.modalities.text.tokenizer import Tokenizer, from_file
from tfgen.representations.sequences.examples import given_bit

FORMAT = 5  # raise it whenever the same text would give other tokens
LEAST_CHARACTERS = 200
LEAST_IN_ONE_LINE = 1000
_BATCH = 2**20  # characters encoded at once
_PIECE = 8  # so many characters' worth of memory is what a piece takes by itself, as far as that count goes
_COPIED_AT_ONCE = 2**20  # tokens
_MANY_DOCUMENTS = 20  # so many ends of documents that a model learns what stands behind one


def are_strings(source: Any) -> bool:
    """Whether data in memory is a list, a tuple or an array of strings."""
    if not isinstance(source, (list, tuple, np.ndarray)) or not len(source):
        return False
    return all(isinstance(text, str) for text in source)


def open_text(request: DataRequest) -> TextExamples:
    """The examples of a file or a folder of texts, from the cache when nothing has changed since; or of strings."""
    if request.labels is not None:
        raise UserError("Texts take no labels.", "Leave labels out, or write them into the texts.")
    if isinstance(request.source, str):
        columns = Columns(request.get("text"), request.get("prompt"), request.get("completion"))
        by_lines = request.get("documents") == "lines"
        source = open_source(Path(request.source), columns, by_lines, request.get("encoding"))
        return examples_of_source(request, source)
    texts = [str(text) for text in request.source]
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
    return examples_of_source(request, Strings("texts", ["memory"], digest, lambda: texts))


def examples_of_source(request: DataRequest, source: Source) -> TextExamples:
    """The examples of any source; large ones are never in memory."""
    wanted, content = _wanted_tokenizer(request)
    share = request.get("holdout", DEFAULT_SHARE)
    place = [FORMAT, source.place, wanted, request.get("vocabulary_size"), share]
    key = Key.of(source.name, place, [source.content, hashlib.sha256(content).hexdigest()])
    prepare = partial(_prepare, request, source, wanted, share)
    values, digest, details = open_or_prepare(key, prepare)
    values.setflags(write=False)
    described = details["tokenizer"].encode()
    known = [digest, values.dtype.name, details["training_tokens"], hashlib.sha256(described).hexdigest()]
    template = details["template"] and ChatTemplate.from_json(details["template"])
    tokenizer = Tokenizer.restore(described, details["facts"])
    # Where few documents end, what follows an end was hardly learned; a line's end is the better start.
    many = details["documents"][0] >= _MANY_DOCUMENTS
    start = tokenizer.end if many else int(tokenizer.encode("\n")[-1])
    codec = TextCodec(tokenizer, details["kind"], template, start, details["training_tokens"])
    return TextExamples(
        "text", request.shown_source, source.name, values, details["training_tokens"], details["training_characters"],
        details["holdout_characters"], tuple(details["documents"]), codec, Report.from_json(details["report"]),
        hashlib.sha256(json.dumps(known).encode()).hexdigest(),
    )


def _wanted_tokenizer(request: DataRequest) -> tuple[str, bytes]:
    """The kind of tokenizer, or the path of one with its content. Raises UserError where it is neither."""
    wanted = request.get("tokenizer") or "auto"
    if wanted in ("auto", *KINDS):
        return wanted, b""
    path = Path(wanted).expanduser()
    if not path.is_file():
        if "/" in wanted or wanted.endswith(".json"):
            raise UserError(f"There is no tokenizer '{wanted}'.", "Give the path of a tokenizer.json.")
        raise unknown("tokenizer", wanted, KINDS)
    if request.get("vocabulary_size"):
        raise UserError("A tokenizer from a file has its own vocabulary_size.", "Leave vocabulary_size out.")
    return str(path.resolve()), path.read_bytes()


def _prepare(request: DataRequest, source: Source, wanted: str, share: float, writer: Writer) -> dict[str, Any]:
    """Looks through the source, learns a tokenizer, writes the tokens; gives all that is known about them."""
    survey = look_through(source)
    _refuse_little(request.shown_source, source, survey)
    split = choose_split(source, survey, share)
    progress = _Progress(request, 2 * survey.characters)
    texts = _texts_to_learn(source, split, progress)
    tokenizer = _tokenizer(request, source, wanted, texts, survey.characters)
    with tempfile.TemporaryFile(dir=cache_folder()) as behind:
        tokens = _TokenWriter(tokenizer, writer, behind)
        for held, document in split.parts(source):
            tokens.add(held, document)
            progress.show(survey.characters + tokens.characters)
        training = tokens.finish()
    progress.show(2 * survey.characters)
    count = len(survey.lengths)
    report = source.report(count)
    return {
        "training_tokens": training,
        "training_characters": tokens.learned_characters[0],
        "holdout_characters": tokens.learned_characters[1],
        "documents": tokens.documents,
        "tokenizer": tokenizer.to_bytes().decode(),
        "facts": tokenizer.to_json(),
        "template": source.template and source.template.to_json(),
        "kind": source.kind,
        "report": report.to_json(),
    }


def _tokenizer(
    request: DataRequest, source: Source, wanted: str, texts: Iterator[str], characters: int
) -> Tokenizer:
    markers = source.template.markers if source.template else []
    if wanted in ("auto", *KINDS):
        return learn(texts, wanted, request.get("vocabulary_size"), characters, markers)
    tokenizer, counter = from_file(wanted, markers), CharacterCounter()
    for text in texts:
        counter.add(text)
    return tokenizer.with_alphabet(counter.alphabet())


def _texts_to_learn(source: Source, split: Split, progress: "_Progress") -> Iterator[str]:
    """The text that isn't held out, without markers."""
    done = 0
    for held, document in split.parts(source):
        if held:
            continue
        for text, _ in document.pieces():
            if not isinstance(text, Marker):
                done += len(text)
                progress.show(done)
                yield text


def _refuse_little(name: str, source: Source, survey: Survey) -> None:
    what_to_do = "Give some thousand characters at least; some hundred thousand learn well."
    if not survey.lengths:
        raise UserError(f"'{name}' holds no text to learn.", WHAT_IS_READ)
    if survey.learned < LEAST_CHARACTERS:
        raise UserError(f"'{name}' has only {survey.learned} characters to learn from.", what_to_do)
    if len(survey.lengths) == 1 and survey.lines < 2 and survey.learned < LEAST_IN_ONE_LINE:
        raise UserError(f"'{name}' is a single line of {survey.learned} characters.", what_to_do)


class _Progress:
    """Tells the request how far the two long passes are, in characters, when there is news."""

    def __init__(self, request: DataRequest, total: int):
        self._request, self._total, self._told = request, total, 0

    def show(self, done: int) -> None:
        """Once in a hundred."""
        done = min(done, self._total)
        if done - self._told >= self._total / 100 or self._told < done == self._total:
            self._told = done
            self._request.report_progress(done, self._total)


@dataclass
class _TokenWriter:
    """Encodes documents, many together, and writes them: those to learn at once, the others at the end."""

    tokenizer: Tokenizer
    writer: Writer
    behind: BinaryIO  # where what is held out waits
    characters: int = 0
    documents: list[int] = field(default_factory=lambda: [0, 0])
    learned_characters: list[int] = field(default_factory=lambda: [0, 0])

    def __post_init__(self):
        self._dtype = np.dtype(np.uint16 if self.tokenizer.size <= given_bit(np.uint16) else np.uint32)
        self._texts: list[str] = []
        self._plan: list[tuple[bool, int, bool]] = []  # held out; the place of its text, or ~id; learned
        self._waiting = 0

    def add(self, held: bool, document: Document) -> None:
        """One document, and its end."""
        self.documents[held] += 1
        for text, learned in document.pieces():
            if isinstance(text, Marker):
                self._add_token(held, self.tokenizer.markers[text], learned)
                continue
            self._plan.append((held, len(self._texts), learned))
            self._texts.append(text)
            self.learned_characters[held] += len(text) * learned
            self.characters += len(text)
            self._waiting += len(text) + _PIECE
            if self._waiting >= _BATCH:
                self._encode()
        self._add_token(held, self.tokenizer.end, document.end_learned)

    def finish(self) -> int:
        """Writes what is still waiting; the number of tokens to learn."""
        self._encode()
        training = self.writer.count
        self.behind.seek(0)
        while block := self.behind.read(_COPIED_AT_ONCE * self._dtype.itemsize):
            self.writer.append(np.frombuffer(block, self._dtype))
        return training

    def _add_token(self, held: bool, token: int, learned: bool) -> None:
        self._plan.append((held, ~token, learned))
        self._waiting += _PIECE
        self.learned_characters[held] += learned
        self.characters += 1

    def _encode(self) -> None:
        encoded = self.tokenizer.encode_many(self._texts)
        parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        given = np.array(given_bit(self._dtype), self._dtype)
        for held, place, learned in self._plan:
            ids = encoded[place].astype(self._dtype) if place >= 0 else np.array([~place], self._dtype)
            parts[held].append(ids if learned else ids | given)
        if parts[0]:
            self.writer.append(np.concatenate(parts[0]))
        if parts[1]:
            self.behind.write(np.concatenate(parts[1]).data)
        self._texts, self._plan, self._waiting = [], [], 0
