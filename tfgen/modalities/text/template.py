"""How a chat becomes one text: a marker opens every turn, and one closes it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.errors import UserError, unknown
from tfgen.modalities.text.reading import unify

if TYPE_CHECKING:
    from tfgen.modalities.text.tokenizer import Tokenizer

Piece = tuple[str, bool]  # a text or a Marker, and whether it is learned
ROLES = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}
ANSWERING = "assistant"  # the role whose words are learned, and which answers
WANTED = '{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'


class Marker(str):
    """A token of its own, which no text can contain."""


@dataclass(frozen=True)
class ChatTemplate:
    """The markers of a chat: the one that opens each role's turn, and the one that ends a turn."""

    roles: Mapping[str, str] = field(default_factory=lambda: dict(ROLES))
    end: str = "<|end|>"

    @classmethod
    def standard(cls) -> "ChatTemplate":
        """The template of chats that tfgen learns from the start."""
        return cls(dict(ROLES))

    @property
    def markers(self) -> list[str]:
        """Every marker, in the order of their ids."""
        return [*self.roles.values(), self.end]

    def to_json(self) -> dict[str, Any]:
        """The template as plain dicts; `from_json` takes it back."""
        return {"roles": dict(self.roles), "end": self.end}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ChatTemplate":
        """The template that `to_json` wrote."""
        return cls(dict(value["roles"]), value["end"])

    def render(self, messages: Iterable[Any]) -> list[Piece]:
        """The pieces of a chat; only the assistant's words, and the ends of its turns, are learned.

        Raises:
            UserError: a message isn't one of a known role with a text.
        """
        pieces: list[Piece] = []
        for message in messages:
            role, content = self._checked(message)
            learned = role == ANSWERING and message.get("weight") != 0
            pieces += [(Marker(self.roles[role]), False), (content, learned), (Marker(self.end), learned)]
        return [piece for piece in pieces if piece[0]]

    def opening(self, messages: Sequence[Any], tokenizer: "Tokenizer") -> np.ndarray:
        """Ids int32 [n] of a chat so far, with the assistant's turn opened: what its answer continues."""
        pieces = [*self.render(messages), (Marker(self.roles[ANSWERING]), False)]
        return np.concatenate([encode_piece(text, tokenizer) for text, _ in pieces])

    def _checked(self, message: Any) -> tuple[str, str]:
        if not isinstance(message, Mapping) or "role" not in message or "content" not in message:
            raise UserError("A message lacks 'role' or 'content'.", f"A chat is {WANTED}.")
        role, content = message["role"], message["content"]
        if not isinstance(role, str) or not isinstance(content, str):
            raise UserError("The role or content of a message is no string.", f"A chat is {WANTED}.")
        if role not in self.roles:
            raise unknown("role", role, self.roles)
        return role, unify(content)


def encode_piece(text: str, tokenizer: "Tokenizer") -> np.ndarray:
    """Ids int32 [n] of a text, or of a marker."""
    if isinstance(text, Marker):
        return np.array([tokenizer.markers[text]], np.int32)
    return tokenizer.encode(text)
