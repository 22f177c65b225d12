"""A modality's sequences as tokens, and as strings that a person reads and types."""

import codecs
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.representations import SEQUENCES
from tfgen.representations.base import Codec
from tfgen.representations.sequences.adherence import Adherence
from tfgen.representations.sequences.specification import SequenceSpecification


class SequenceCodec(Codec):
    """A subclass defines `specification`, `encode` and `token_bytes`; the chain of its tokens' bytes is UTF-8."""

    representation = SEQUENCES
    unit = "token"  # what `units` counts, in words
    # Whether sequences are given and learned in parts: "text" (all is learned), or "completions" (of prompts).
    kind = "text"

    @property
    def specification(self) -> SequenceSpecification:
        raise NotImplementedError

    def to_json(self) -> dict:
        return {"example": self.specification.to_json()}

    def encode(self, text: str) -> np.ndarray:
        """Ids int32 [n] of a string, without an end. Raises UserError where it can't be spelled in tokens."""
        raise NotImplementedError

    def token_bytes(self) -> list[bytes]:
        """The bytes of every id; b"" for those that say nothing, such as ends."""
        raise NotImplementedError

    def prompt_ids(self, prompt: str) -> np.ndarray:
        """Ids int32 [n] that a model goes on from for what a person typed. Raises UserError where it can't."""
        return self.encode(prompt)

    def units(self) -> np.ndarray:
        """How many units each id stands for, int [ids], so that models with other tokens can be compared."""
        return np.ones(len(self.token_bytes()), np.int64)

    def words(self, text: str) -> list[str]:
        """What measures of variety and repetition count in a decoded sequence."""
        return text.split()

    def symbols(self) -> tuple[Any, ...]:
        """What the ids stand for, each another thing, by which they are known again in another codec."""
        return tuple(range(self.specification.vocabulary_size))

    def widened(self) -> "SequenceCodec":
        """The same for a model that knows what its tokens mean already: a prompt may have any letter of theirs."""
        return self

    def unlearned(self) -> "SequenceCodec":
        """The same without what was learned from the sequences. Raises UserError where that is what it is made of."""
        return self

    def in_graph(self) -> Any:
        """`encode(strings [batch])` to ids [batch, most] and lengths, and `decode(ids, lengths)` to strings, as a
        tf.Module; None where TensorFlow has no operations for that."""
        return None

    @cached_property
    def _bytes(self) -> list[bytes]:
        return self.token_bytes()

    def decode(self, ids: Iterable[int]) -> str:
        """What ids say; bytes that are no UTF-8 become U+FFFD."""
        return b"".join([self._bytes[number] for number in np.asarray(ids).tolist()]).decode("utf-8", "replace")

    @property
    def usual_sampling(self) -> Mapping[str, Any]:
        """Sampling settings by their names, where this kind of sequence needs others than usual."""
        return {}

    @property
    def needs_prompt(self) -> bool:
        """Whether `prompt_ids` refuses an empty prompt."""
        return False

    @property
    def known_prompts(self) -> Sequence[str]:
        """Prompts that mean something of their own, the usual ones first; none where a prompt is how a text begins."""
        return ()

    @property
    def adherence(self) -> Adherence | None:
        """What counts how far a sequence is as its prompt asks; None where prompts ask for nothing that can be."""
        return None

    def written(self, ids: Iterable[int]) -> str:
        """A sequence as a person gets it, which `encode` takes; here what its tokens spell one after the other."""
        return self.decode(ids)

    def stream(self) -> "TokenStream":
        """Ids that come one by one, on their way to what `written` gives of all."""
        return TokenStream(self._bytes)


class TokenStream:
    """The text of ids that come one by one: only what is complete, never half a character."""

    def __init__(self, table: Sequence[bytes]):
        self._table = table
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """What can be shown now that this id is there; often nothing, while a character is not whole."""
        return self._decoder.decode(self._table[int(token)])

    def finish(self) -> str:
        """What is left: U+FFFD for a character that was never completed."""
        return self._decoder.decode(b"", final=True)
