"""Text, as tokens from left to right."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.console import command_line, count as in_words
from tfgen.data.encodings import check_encoding
from tfgen.data.examples import fit_command
from tfgen.data.request import DataRequest
from tfgen.data.settings import DataSetting, check_holdout
from tfgen.errors import UserError, unknown
from tfgen.modalities.base import ENOUGH_TOKENS, Modality
from tfgen.representations import SEQUENCES

if TYPE_CHECKING:
    from tfgen.modalities.text.codec import TextCodec
    from tfgen.modalities.text.examples import TextExamples

_GOOD_CHARACTERS = 100_000
_TOKENS = {
    "characters": "characters",
    "bytes": "bytes",
    "bpe": "pieces of words (bpe)",
    "given": "those of your own tokenizer",
}
NOUNS = {"text": "document", "completions": "prompt with its completion", "chats": "chat"}
_PLURALS = {"text": "documents", "completions": "prompts with their completions", "chats": "chats"}


def _check_vocabulary_size(size: Any) -> int:
    size = _number(int, "vocabulary_size", size)
    if not 300 <= size <= 65536:
        raise UserError(f"vocabulary_size is {size}, out of its range.", "Set it between 300 and 65536.")
    return size


def _check_documents(documents: Any) -> str:
    if documents not in ("files", "lines"):
        raise unknown("sort of documents", str(documents), ("files", "lines"))
    return documents


def _number(kind: type, key: str, value: Any) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError):
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(f"'{value}' is not {wanted}.", f"Set {key} to {wanted}.") from None


class TextModality(Modality):
    """See Modality."""

    name = "text"
    singular, plural = "text", "texts"
    representations = (SEQUENCES,)
    file_kinds = ("text", ".csv", ".json", ".jsonl")
    settings = {
        "tokenizer": DataSetting(
            str,
            "characters, bytes, bpe (pieces of words, learned from the text), or the path of a tokenizer.json",
            "characters below 1.5 million of them, else bpe",
        ),
        "vocabulary_size": DataSetting(
            _check_vocabulary_size, "how many tokens bpe learns, 300 to 65536", "by the length of the text"
        ),
        "holdout": DataSetting(check_holdout, "the share that is not learned, to judge by, 0 to 0.5", "0.1"),
        "documents": DataSetting(
            _check_documents, "files or lines: whether a file of plain text is a document, or each line of it", "files"
        ),
        "encoding": DataSetting(
            check_encoding, "how letters are stored, such as utf-8, cp1252 or mac-roman", "found for each file"
        ),
        "text": DataSetting(str, "the column, or the key of rows of JSON, that has the texts", "by its usual names"),
        "prompt": DataSetting(str, "the one that has the prompts, with completion beside it", "by its usual names"),
        "completion": DataSetting(str, "the one that has what follows a prompt", "by its usual names"),
    }

    # Reading.

    @classmethod
    def recognises(cls, source: Any) -> int:
        if not isinstance(source, Path):
            from tfgen.modalities.text.prepare import are_strings

            return 2 * are_strings(source)
        from tfgen.modalities.text.scan import is_text, list_texts

        return int(bool(list_texts(source).chosen) if source.is_dir() else is_text(source))

    @classmethod
    def files_in(cls, folder: Path) -> list[str]:
        from tfgen.modalities.text.scan import list_texts

        return [file.name for file in list_texts(folder).chosen]

    @classmethod
    def open(cls, request: DataRequest) -> "TextExamples":
        from tfgen.modalities.text.prepare import open_text

        return open_text(request)

    @classmethod
    def keep_in_memory(cls, examples: "TextExamples", source: Any) -> tuple[str, bytes]:
        return "data.jsonl", "".join(json.dumps({"text": str(text)}) + "\n" for text in source).encode()

    @classmethod
    def choose_tfds_features(cls, features: Mapping[str, Any], preferred: Sequence[str]) -> dict[str, str] | None:
        from tfgen.modalities.text.tfds import choose_features

        return choose_features(features)

    @classmethod
    def open_tfds(cls, request: DataRequest, part: Any) -> "TextExamples":
        from tfgen.modalities.text.tfds import open_part

        return open_part(request, part)

    @classmethod
    def restore_codec(cls, state: Mapping[str, Any], read: Callable[[str], bytes]) -> "TextCodec":
        from tfgen.modalities.text.codec import TextCodec

        return TextCodec.from_json(state, read)

    @classmethod
    def codec_settings(cls, codec: "TextCodec", run_folder: Path) -> dict[str, Any]:
        from tfgen.modalities.text.codec import TOKENIZER_FILE

        return {"tokenizer": str(run_folder / TOKENIZER_FILE)}

    @classmethod
    def held_out_settings(
        cls, examples: "TextExamples", settings: Mapping[str, Any], run_folder: Path
    ) -> dict[str, Any]:
        kept = ("documents", "encoding", "text", "prompt", "completion")
        same = {name: settings[name] for name in kept if name in settings}
        return {**cls.codec_settings(examples.codec, run_folder), "holdout": 0.0, **same}

    # In words.

    @classmethod
    def describe(cls, examples: "TextExamples") -> list[str]:
        count, characters = examples.report.used, examples.training_units + examples.holdout_units
        noun = (NOUNS if count == 1 else _PLURALS)[examples.kind]
        learned = "characters" if examples.kind == "text" else "characters to learn"
        tokenizer = examples.codec.tokenizer
        kind = _TOKENS[tokenizer.kind]
        return [
            f"{count} {noun}, {in_words(characters)} {learned}, {len(tokenizer.alphabet)} of them different.",
            f"The tokens are {kind}; with those for bytes and ends there are {tokenizer.size}. "
            f"{in_words(len(examples))} tokens are to be learned from.",
            _holdout_sentence(examples),
        ]

    @classmethod
    def summary(cls, examples: "TextExamples") -> str:
        tokenizer, unseen = examples.codec.tokenizer, len(examples.values) - len(examples)
        held = f", {in_words(unseen)} more set aside to judge by" if unseen else ""
        known = f"{tokenizer.kind}, a vocabulary of {tokenizer.size}"
        return f"{in_words(len(examples))} tokens ({known}) of text to learn{held},"

    @classmethod
    def facts(cls, examples: "TextExamples") -> dict[str, Any]:
        tokenizer = examples.codec.tokenizer
        return {
            "count": examples.report.used,
            "kind": examples.kind,
            "tokenizer": tokenizer.kind,
            "vocabulary_size": tokenizer.size,
            "alphabet": len(tokenizer.alphabet),
            "documents": {"training": examples.documents[0], "holdout": examples.documents[1]},
            "tokens": {"training": len(examples), "holdout": len(examples.values) - len(examples)},
            "characters": {"training": examples.training_units, "holdout": examples.holdout_units},
        }

    @classmethod
    def next_step(cls, examples: "TextExamples", data: Sequence[str], settings: Sequence[str]) -> str:
        advice = "add more text: some hundred thousand characters are a good start"
        if len(examples) < ENOUGH_TOKENS:
            return f"{advice}."
        command = fit_command("gpt", data, settings)
        return command if examples.training_units >= _GOOD_CHARACTERS else f"{advice}, or: {command}"

    # Outside.

    @classmethod
    def first_command(cls, codec: Mapping[str, Any], run: str) -> str:
        if codec["kind"] == "chats":
            return command_line("chat", run)
        return command_line("generate", run, *([] if codec["kind"] == "text" else ["a prompt"]))

    @classmethod
    def hub_task(cls, codec: Mapping[str, Any]) -> str | None:
        return "text-generation"

    @classmethod
    def app_templates(cls) -> Path:
        return Path(__file__).with_name("app")


def _holdout_sentence(examples: "TextExamples") -> str:
    tokens, documents = len(examples.values) - len(examples), examples.documents[1]
    if not tokens:
        return "Nothing is held out, so a model can't be judged by text that it never saw."
    if sum(examples.documents) > examples.report.used:
        return f"The end of the text, {in_words(tokens)} tokens, is held out to judge by."
    noun = (NOUNS if documents == 1 else _PLURALS)[examples.kind]
    return f"{documents} {noun}, {in_words(tokens)} tokens, are held out to judge by."
