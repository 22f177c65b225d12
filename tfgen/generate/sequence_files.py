"""Texts to standard output while they are made, or to files: one .txt for all, .jsonl, or a folder of .txt."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfgen import __version__
from tfgen.console import several
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.generate import Origin
from tfgen.generate.output import check_path, ending, file_stem, provenance
from tfgen.modalities.base import Modality
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.representations.sequences.sampler import Piece, Text
from tfgen.run import BASE
from tfgen.trust.provenance import OFF, is_off, write_marked

ENDINGS = (".txt", ".jsonl")  # sequences outside are strings, whatever they stand for


def check_output(path: Path, as_json: bool, modality: Any = Modality) -> None:
    """Raises UserError where texts can't be written to `path`, or not as JSON; called before the work."""
    check_path(path, (*ENDINGS, *modality.text_sheet_endings))
    if as_json and ending(path) != ".jsonl":
        raise UserError(f"JSON can't be written to '{path}'.", "Give a path that ends in .jsonl, or leave --json out.")


class Rows:
    """Texts as rows of JSON, each with all that it takes to make it again."""

    def __init__(self, origin: Origin, settings: Mapping[str, Any], codec: SequenceCodec | None = None):
        """With a codec, rows have the tokens too, and the natural logarithms of their probabilities."""
        self.origin, self._settings = origin, settings
        self._table = codec and codec.token_bytes()

    def record(self, text: Text) -> Sample:
        """A text as the store of feedback knows it."""
        origin = self.origin
        made_by = origin.name, origin.digest, origin.version or BASE
        settings = text.settings or self._settings
        return Sample(*made_by, text.prompt, origin.prompt_version, text.seed, settings=settings, content=text.text)

    def of(self, text: Text) -> str:
        """One line without its end."""
        beam = {} if text.seed is not None else {"beam": int(text.label.split()[-1])}
        origin = self.origin
        optional = {"version": origin.version, "weights": origin.digest, "prompt version": origin.prompt_version,
                    "template": origin.template}
        made_by = {"run": origin.name, "model": origin.model, **{key: each for key, each in optional.items() if each}}
        row = {**made_by, "prompt": text.prompt, "seed": text.seed, **beam}
        settings = text.settings or self._settings
        row |= {"text": text.text, "ended": text.ended, "settings": settings, "tfgen": __version__}
        if is_off(origin.signed):
            row["provenance"] = OFF
        if self._table:
            row["tokens"] = [
                {"id": token, "text": self._table[token].decode("utf-8", "replace"), "log_probability": score}
                for token, score in zip(text.tokens, text.log_probabilities, strict=True)
            ]
        return json.dumps(row, ensure_ascii=False)


class _Printer:
    """Shows texts one after the other, in order, though they grow side by side."""

    def __init__(self, texts: Sequence[Text]):
        self._texts = texts
        self._waiting: dict[int, list[Piece]] = {}
        self._place = 0

    def show(self, piece: Piece) -> None:
        """Shows a piece at once where its text is the one in turn, else when it is."""
        self._waiting.setdefault(piece.place, []).append(piece)
        while self._place in self._waiting:
            pieces = self._waiting.pop(self._place)
            done = pieces[-1].done
            self._print(self._place, "".join(each.text for each in pieces), done)
            self._place += done
            if not done:
                break
        sys.stdout.flush()

    def _print(self, place: int, text: str, done: bool) -> None:
        raise NotImplementedError


class TextPrinter(_Printer):
    """Prints texts, and nothing else where there is one alone; several look as they do in a .txt."""

    def __init__(self, texts: Sequence[Text]):
        super().__init__(texts)
        self._begun = False

    def _print(self, place: int, text: str, done: bool) -> None:
        if len(self._texts) > 1 and not self._begun:
            text = ("\n" if place else "") + _heading(self._texts[place]) + text
        self._begun = not done
        sys.stdout.write(text + "\n" if done and not self._texts[place].text.endswith("\n") else text)


class JsonPrinter(_Printer):
    """Prints a row of JSON for each text that is done."""

    def __init__(self, texts: Sequence[Text], rows: Rows):
        super().__init__(texts)
        self._rows = rows

    def _print(self, place: int, text: str, done: bool) -> None:
        if done:
            print(self._rows.of(self._texts[place]))


def write_texts(texts: Sequence[Text], path: Path, rows: Rows) -> str:
    """Writes texts where `path`'s ending says and gives a phrase on what was written.

    A folder has a file each, and one .txt has all of them, under a heading where there are several.
    """
    modality = rows.origin.written_by
    prompt = texts[0].prompt if len({text.prompt for text in texts}) == 1 else ""
    about = provenance(rows.origin, prompt, ", ".join(str(text.seed) for text in texts))
    if ending(path) == ".jsonl":
        write_marked(path, "".join(rows.of(text) + "\n" for text in texts).encode(), about)
    elif ending(path) == ".txt":
        headed = len(texts) > 1
        parts = [(_heading(text) if headed else "") + _whole_lines(text.text) for text in texts]
        write_marked(path, "\n".join(parts).encode(), about)
    elif ending(path) in modality.text_sheet_endings:
        modality.save_text_sheet(path, [text.text for text in texts], about)
    else:
        for text in texts:
            name = file_stem("", text.prompt, text.label.replace(" ", "")) + modality.text_ending
            modality.save_text(path / name, text.text, provenance(rows.origin, text.prompt, str(text.seed)))
        return f"{several(len(texts), 'file')} in {path}"
    return f"{path}, {several(len(texts), 'text')}"


def _heading(text: Text) -> str:
    return f"--- {text.label} ---\n"


def _whole_lines(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
