"""The vocabulary of a run: text to ids and back, exactly, kept as a `tokenizer.json` that readers in any language know.

The file is the `tokenizers` library's; what the training text was like stands beside it, in the run's codec.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import AddedToken
from tokenizers import Tokenizer as Library

from tfgen.errors import UserError
from tfgen.modalities.text.coders import bytes_of_tokens, coder_of
from tfgen.modalities.text.reading import clean

ENDS = ("<|endoftext|>", "<|end_of_text|>", "<|end of text|>")  # the first that a vocabulary doesn't have yet
_KNOWN_ENDS = (*ENDS, "</s>", "<eos>", "[EOS]", "<|eot_id|>", "<|im_end|>")
_PROBE = "  Two  spaces,\n\ttabs\r\n and\n\n\nlines; ÀÉ éß naïve e\u0301 日本語 😀👩‍👧 don't I'LL 12345 \u00a0▁ <0x41> Ġ "


class Tokenizer:
    """Text to ids and back; every string comes back exactly as it was.

    kind: "characters", "bytes", "bpe", or "given" where a user brought another one.
    size: the number of ids. end: the id of the end-of-text token, the last one.
    alphabet: the characters that the training text had; none where that must not be known.
    """

    def __init__(self, library: Library, alphabet: Iterable[str] = (), given: bool = False):
        # What looks like a special token in a user's text is text.
        library.encode_special_tokens = True
        library.no_truncation()
        library.no_padding()
        self._library = library
        self.alphabet = frozenset(alphabet)
        model = json.loads(library.to_str())["model"]
        letters = model.get("type") == "BPE" and model.get("byte_fallback") and not model.get("merges")
        self._spells_letters = bool(letters)
        self._bytes = bytes_of_tokens(library)
        if letters:
            has_own = any(len(name) == 1 for name in library.get_vocab(with_added_tokens=False))
            self.kind = "characters" if has_own else "bytes"
        else:
            self.kind = "given" if given else "bpe"
        self.size = len(self._bytes)
        self.end = self.size - 1
        added = sorted(library.get_added_tokens_decoder().items())
        self.markers = {token.content: number for number, token in added if token.special and number != self.end}

    @cached_property
    def _coder(self) -> Any:
        return coder_of(self._library, self._spells_letters)

    def encode(self, text: str) -> np.ndarray:
        """Ids int32 [n], without an end. What is spelled like a special token is ordinary text."""
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids int32 [n] of each text."""
        return self._coder.encode_many([clean(text) for text in texts]) if texts else []

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; special tokens say nothing, and bytes that are no UTF-8 become U+FFFD."""
        return self._join(ids).decode("utf-8", "replace")

    def token_bytes(self) -> list[bytes]:
        """The bytes of every id, whose chain is the UTF-8 of the text; b"" for special tokens."""
        return list(self._bytes)

    def names(self) -> list[str]:
        """Every token as the vocabulary has it."""
        return [self._library.id_to_token(number) for number in range(self.size)]

    def unknown(self, text: str) -> list[str]:
        """The characters of a text that the training text never had, each once, in their order; none where nobody may
        know."""
        if not self.alphabet:
            return []
        return [letter for letter in dict.fromkeys(clean(text)) if letter not in self.alphabet]

    def with_alphabet(self, alphabet: Iterable[str]) -> "Tokenizer":
        """The same vocabulary for another training text."""
        return Tokenizer(self._library, alphabet, self.kind == "given")

    def to_bytes(self) -> bytes:
        """The content of a tokenizer.json; `restore` takes it back, with what `to_json` gives."""
        described = json.loads(self._library.to_str())
        return (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def restore(cls, content: bytes, facts: Mapping[str, Any]) -> "Tokenizer":
        """The tokenizer of a run: from its tokenizer.json, and what `to_json` gave."""
        return cls(Library.from_buffer(content), facts["alphabet"], facts["kind"] == "given")

    def to_json(self) -> dict[str, Any]:
        """What the vocabulary itself doesn't say, and what one may want to know without reading it."""
        alphabet = "".join(sorted(self.alphabet))
        return {"kind": self.kind, "size": self.size, "end": self.end, "markers": self.markers, "alphabet": alphabet}

    def _join(self, ids: Iterable[int]) -> bytes:
        numbers = ids.tolist() if isinstance(ids, np.ndarray) else ids
        return b"".join([self._bytes[number] for number in numbers])


def add_special_tokens(library: Library, markers: Sequence[str] = ()) -> None:
    """Gives a vocabulary its markers, and behind them an end-of-text token as the last id."""
    vocabulary = library.get_vocab()
    missing = [marker for marker in markers if marker not in vocabulary]
    last = max(vocabulary, key=vocabulary.__getitem__, default="")
    if not missing and last in _KNOWN_ENDS and vocabulary[last] > 0:
        library.add_special_tokens([_special(last)])
        return
    end = next(name for name in ENDS if name not in vocabulary)
    library.add_special_tokens([_special(name) for name in (*missing, *markers, end)])


def from_file(path: str | Path, markers: Sequence[str] = ()) -> Tokenizer:
    """A tokenizer.json that a user brings, with the markers and an end-of-text token as the last id if it has none.

    Raises:
        UserError: it can't be read, or it doesn't give a text back as it was.
    """
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UserError(
            f"The tokenizer '{path}' can't be read: {error.strerror or error}.",
            "Set tokenizer to characters, to bpe, or to the path of a tokenizer.json.",
        ) from error
    learn_one = "Bring one that works on bytes, as GPT-2's does, or leave it out: tfgen learns one from the text."
    try:
        library = Library.from_str(json.dumps(_mended(json.loads(content))))
        add_special_tokens(library, markers)
        tokenizer = Tokenizer(library, given=True)
        back = tokenizer.decode(tokenizer.encode(_PROBE))
        whole = library.id_to_token(tokenizer.end) in _KNOWN_ENDS and tokenizer.end > 0
    except Exception as error:  # the library raises plain Exceptions for whatever it finds in a file
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"'{path}' is no tokenizer.json that can be used: {reason}.", learn_one) from error
    if back != _PROBE or not whole:
        raise UserError(f"The tokenizer '{path}' does not give every text back as it was.", learn_one)
    return tokenizer


def _special(content: str) -> AddedToken:
    return AddedToken(content, special=True, normalized=False)


def _mended(described: dict[str, Any]) -> dict[str, Any]:
    """Without what changes a text before it is told apart: normal forms, lower case, a space in front."""
    described = {**described, "normalizer": None, "post_processor": None, "truncation": None, "padding": None}
    described["pre_tokenizer"] = _without_prefix(described.get("pre_tokenizer"))
    for token in described.get("added_tokens", []):
        token.update(lstrip=False, rstrip=False, single_word=False, normalized=False)
    return described


def _without_prefix(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_prefix(item) for item in value]
    if isinstance(value, dict):
        kept = {key: _without_prefix(item) for key, item in value.items()}
        return {**kept, "add_prefix_space": False} if kept.get("type") == "ByteLevel" else kept
    return value
