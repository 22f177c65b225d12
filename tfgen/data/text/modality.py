"""What is said about the modality "text": tokens inside a model, strings outside."""

from typing import Any

from tfgen.data.examples import fit_command
from tfgen.data.text.examples import TextExamples
from tfgen.talk import count as in_words

_ENOUGH_TOKENS = 2000  # for the shortest context there is
_GOOD_CHARACTERS = 100_000
_TOKENS = {"characters": "characters", "bpe": "pieces of words (bpe)", "given": "those of your own tokenizer"}
_NOUNS = {"text": "document", "completions": "prompt with its completion", "chats": "chat"}
_PLURALS = {"text": "documents", "completions": "prompts with their completions", "chats": "chats"}


class TextModality:
    """What was read, in words and as numbers; everything is a static function, there is no state."""

    name = "text"
    plural = "texts"
    settings = ("tokenizer", "vocabulary_size", "holdout")  # of the data, for --set
    extractors = "text"  # the prefix of what can look at it in catalog.EXTRACTORS

    @staticmethod
    def describe(examples: TextExamples) -> list[str]:
        """What was read, in sentences."""
        count, characters = examples.report.used, examples.training_characters + examples.holdout_characters
        noun = (_NOUNS if count == 1 else _PLURALS)[examples.kind]
        learned = "characters" if examples.kind == "text" else "characters to learn"
        tokenizer = examples.tokenizer
        kind = _TOKENS[tokenizer.kind]
        return [
            f"{count} {noun}, {in_words(characters)} {learned}, {len(tokenizer.alphabet)} of them different.",
            f"The tokens are {kind}; with those for bytes and ends there are {tokenizer.size}. "
            f"{in_words(len(examples))} tokens are to be learned from.",
            _holdout_sentence(examples),
        ]

    @staticmethod
    def facts(examples: TextExamples) -> dict[str, Any]:
        """What was read, as plain JSON."""
        return {
            "count": examples.report.used,
            "kind": examples.kind,
            "tokenizer": examples.tokenizer.kind,
            "vocabulary_size": examples.tokenizer.size,
            "alphabet": len(examples.tokenizer.alphabet),
            "documents": {"training": examples.documents[0], "holdout": examples.documents[1]},
            "tokens": {"training": len(examples), "holdout": len(examples.values) - len(examples)},
            "characters": {"training": examples.training_characters, "holdout": examples.holdout_characters},
        }

    @staticmethod
    def next_step(examples: TextExamples, data: list[str], settings: list[str]) -> str:
        """What to do with so much: a fit that takes it, or more of it."""
        advice = "add more text: some hundred thousand characters are a good start"
        if len(examples) < _ENOUGH_TOKENS:
            return f"{advice}."
        command = fit_command("gpt", data, settings)
        return command if examples.training_characters >= _GOOD_CHARACTERS else f"{advice}, or: {command}"


def _holdout_sentence(examples: TextExamples) -> str:
    tokens, documents = len(examples.values) - len(examples), examples.documents[1]
    if not tokens:
        return "Nothing is held out, so a model can't be judged by text that it never saw."
    if sum(examples.documents) > examples.report.used:
        return f"The end of the text, {in_words(tokens)} tokens, is held out to judge by."
    noun = (_NOUNS if documents == 1 else _PLURALS)[examples.kind]
    return f"{documents} {noun}, {in_words(tokens)} tokens, are held out to judge by."
