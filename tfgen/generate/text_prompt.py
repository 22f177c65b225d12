"""From what a person typed to the tokens that a model goes on from."""

from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.generate.writer import Writer
from tfgen.run import Run
from tfgen.talk import say

_LETTERS = 10  # that an error names at the most


def open_tokenizer(run: Run) -> Any:
    """The run's tfgen.data.text.tokenizer.Tokenizer. Raises UserError where its file is missing or damaged."""
    from tfgen.data.text.tokenizer import Tokenizer

    try:
        return Tokenizer.restore((run.path / "tokenizer.json").read_bytes(), run.codec()["tokenizer"])
    except Exception as error:  # the library raises plain Exception for every mistake in the file
        raise UserError(f"'tokenizer.json' of the run '{run.name}' is damaged.", "Restore it, or fit again.") from error


def open_template(run: Run) -> Any:
    """The run's tfgen.data.text.template.ChatTemplate. Raises UserError where the run did not learn chats."""
    from tfgen.data.text.template import ChatTemplate

    codec = run.codec()
    if codec.get("kind") != "chats":
        raise UserError(
            f"'{run.name}' did not learn chats, so it can't talk.",
            f"Fit on a .jsonl whose rows have 'messages', or use: tfgen generate {run.reference}",
        )
    return ChatTemplate.from_json(codec["template"])


def prompt_ids(run: Run, tokenizer: Any, prompt: str) -> np.ndarray:
    """A prompt's tokens int32 [n]. Where a run learned chats, a prompt is what a user says.

    Raises:
        UserError: the prompt has letters that the model never saw, or there is none, and the run learned answers only.
    """
    check_letters(tokenizer, prompt)
    kind = run.codec()["kind"]
    if kind != "text" and not prompt:
        raise UserError(
            f"'{run.name}' learned to answer, so it needs a prompt.", f"Use: tfgen generate {run.reference} \"...\""
        )
    if kind != "chats":
        return tokenizer.encode(prompt)
    return open_template(run).opening([{"role": "user", "content": prompt}], tokenizer)


def check_letters(tokenizer: Any, text: str) -> None:
    """Raises UserError where a text has letters that the training text never had, for they mean nothing to a model."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UserError("The text is not UTF-8.", "Set your terminal to UTF-8, or convert the text.") from None
    letters = tokenizer.unknown(text)
    if letters:
        shown = ", ".join(repr(letter) for letter in letters[:_LETTERS]) + (", ..." if len(letters) > _LETTERS else "")
        raise UserError(f"The model never saw {shown}.", "Write without, or fit on text that has such letters.")


def say_what_is_cut(writer: Writer, tokens: int, length: int) -> None:
    """Says how much of a prompt the model will not see."""
    kept, _ = writer.room(tokens, length)
    if kept < tokens:
        cut = f"the first {tokens - kept} are cut off"
        say(f"The prompt has {tokens} tokens, and the model sees the last {kept}: {cut}.")
