"""What a model must know of tokens."""

from dataclasses import asdict, dataclass
from typing import Any


_MOST_TOKENS = 2**22


@dataclass(frozen=True)
class SequenceSpecification:
    """How many token ids there are, and which of them begin and end a sequence."""

    vocabulary_size: int
    end: int  # the id that ends a sequence
    start: int  # the id that stands in for an empty prompt
    count: int  # tokens to learn
    plural: str = "sequences"
    closing: tuple[int, ...] = ()  # ids that end an answer as well, of chats

    def __post_init__(self):
        if not 0 < self.vocabulary_size <= _MOST_TOKENS:
            raise ValueError(f"no tokenizer has {self.vocabulary_size} tokens")

    @property
    def ends(self) -> tuple[int, ...]:
        """Every id after which no more is made."""
        return (self.end, *self.closing)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` takes it back."""
        return {**asdict(self), "closing": list(self.closing)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "SequenceSpecification":
        """What `to_json` gave; of version 0.1 too, which said more."""
        known = {key: value[key] for key in ("vocabulary_size", "end", "start", "count", "plural")}
        return cls(**known, closing=tuple(value.get("closing", ())))
