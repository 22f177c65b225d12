"""Text as tokens: a tokenizer, and where prompts are told from answers, how."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.modalities.text.template import ChatTemplate
from tfgen.modalities.text.tokenizer import Tokenizer
from tfgen.modalities.text.words import words_of
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.representations.sequences.specification import SequenceSpecification

TOKENIZER_FILE = "tokenizer.json"
_LETTERS = 10  # that an error names at the most


class TextCodec(SequenceCodec):
    """See SequenceCodec.

    kind: "text" where all is learned, "completions" of prompts, or "chats", which have a template.
    """

    unit = "character"

    def __init__(self, tokenizer: Tokenizer, kind: str, template: ChatTemplate | None, start: int, count: int):
        self.tokenizer = tokenizer
        self.kind = kind
        self.template = template
        closing = (tokenizer.markers[template.end],) if template else ()
        self._specification = SequenceSpecification(
            tokenizer.size, tokenizer.end, start, count, plural="texts", closing=closing
        )

    @property
    def specification(self) -> SequenceSpecification:
        return self._specification

    def to_json(self) -> dict[str, Any]:
        template = self.template.to_json() if self.template else None
        facts = {"kind": self.kind, "template": template, "tokenizer": self.tokenizer.to_json()}
        return {**super().to_json(), **facts}

    @classmethod
    def from_json(cls, state: Mapping[str, Any], read: Callable[[str], bytes]) -> "TextCodec":
        """What `to_json` gave, with the tokenizer from its file."""
        tokenizer = Tokenizer.restore(read(TOKENIZER_FILE), state["tokenizer"])
        template = ChatTemplate.from_json(state["template"]) if state["template"] else None
        return cls(tokenizer, state["kind"], template, state["example"]["start"], state["example"]["count"])

    def files(self) -> dict[str, bytes]:
        return {TOKENIZER_FILE: self.tokenizer.to_bytes()}

    def encode(self, text: str) -> np.ndarray:
        return self.tokenizer.encode(text)

    def token_bytes(self) -> list[bytes]:
        return self.tokenizer.token_bytes()

    @property
    def needs_prompt(self) -> bool:
        return self.kind != "text"

    def prompt_ids(self, prompt: str) -> np.ndarray:
        """Where chats were learned, a prompt is what a user says.

        Raises:
            UserError: it has letters that the model never saw, or there is none, and answers alone were learned.
        """
        self.check_letters(prompt)
        if self.needs_prompt and not prompt:
            raise UserError("The run learned to answer, so it needs a prompt.", 'Give one: tfgen generate RUN "..."')
        if self.template is None:
            return self.encode(prompt)
        return self.opening([{"role": "user", "content": prompt}])

    def opening(self, messages: Sequence[Any]) -> np.ndarray:
        """Ids int32 [n] of a chat so far, with the assistant's turn opened. Raises UserError where it is no chat."""
        if self.template is None:
            raise UserError(
                "The run did not learn chats, so it can't talk.",
                "Fit on a .jsonl whose rows have 'messages', or use: tfgen generate RUN",
            )
        return self.template.opening(messages, self.tokenizer)

    def check_letters(self, text: str) -> None:
        """Raises UserError where a text has letters that the training text never had: they mean nothing to a model."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise UserError("The text is not UTF-8.", "Set your terminal to UTF-8, or convert the text.") from None
        letters = self.tokenizer.unknown(text)
        if letters:
            more = ", ..." if len(letters) > _LETTERS else ""
            shown = ", ".join(repr(letter) for letter in letters[:_LETTERS]) + more
            raise UserError(f"The model never saw {shown}.", "Write without, or fit on text that has such letters.")

    def units(self) -> np.ndarray:
        """Characters that begin in each token; one for an end or a marker, which is predicted like one."""
        table = [sum(byte & 0xC0 != 0x80 for byte in content) for content in self.token_bytes()]
        units = np.array(table, np.int64)
        units[[self.tokenizer.end, *self.tokenizer.markers.values()]] = 1
        return units

    def words(self, text: str) -> list[str]:
        return words_of(text)

    def symbols(self) -> tuple[str, ...]:
        """Tokens as the vocabulary has them; the end is the end, whatever it is called."""
        return (*self.tokenizer.names()[:-1], "")

    def widened(self) -> "TextCodec":
        letters = (token.decode("utf-8", "ignore") for token in self.tokenizer.token_bytes())
        tokenizer = self.tokenizer.with_alphabet(self.tokenizer.alphabet.union(*letters))
        return TextCodec(tokenizer, self.kind, self.template, self.specification.start, self.specification.count)

    def unlearned(self) -> "TextCodec":
        if self.tokenizer.kind not in ("bytes", "given"):
            raise UserError(
                "A vocabulary that is learned from the texts gives away what they say.",
                "Set tokenizer=bytes, or give the path of a tokenizer.json that was learned from others.",
            )
        tokenizer = self.tokenizer.with_alphabet(())
        return TextCodec(tokenizer, self.kind, self.template, self.specification.start, self.specification.count)

    def in_graph(self) -> Any:
        if self.tokenizer.kind not in ("characters", "bytes"):
            return None
        from tfgen.modalities.text.graph_tokenizer import GraphTokenizer

        return GraphTokenizer(self.tokenizer)
