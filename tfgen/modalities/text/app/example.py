"""Writes on from a prompt with a TFLite file of $name: pip install ai-edge-litert tokenizers

    python example.py PROMPT SEED [NEW_TOKENS [TEMPERATURE [TOP_K [TOP_P]]]]

The same prompt, seed and settings give the same text here, in an app and on a server.
"""

import codecs
import re
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel

FOLDER = Path(__file__).parent
ENDS = [int(token) for token in "$ends".split(",")]  # the tokens that end a text
CONTEXT = int("$context")  # how many tokens the model sees at once
ENDLESS = "$endless" == "true"  # whether a text may grow past that


def generate(prompt_ids, seed, most=200, temperature=0.8, top_k=0, top_p=0.95, file="$file"):
    """New tokens, one by one. The file draws them itself, by the seed and the token's position."""
    interpreter = Interpreter(str(FOLDER / file))
    prefill, decode = (interpreter.get_signature_runner(name) for name in ("prefill", "decode"))
    how = {
        "temperature": np.array([temperature], np.float32),
        "top_k": np.array([top_k], np.int32),
        "top_p": np.array([top_p], np.float32),
        "seed": np.array([seed], np.int32),
    }
    prompt_ids, most = room(prompt_ids, most)
    ids = np.array([prompt_ids or [0]], np.int32)
    made = prefill(prompt_ids=ids, prompt_length=np.array([len(prompt_ids)], np.int32), **how)
    position = max(len(prompt_ids), 1)  # an empty prompt became one token
    for _ in range(most):
        token = int(made["token"][0])
        if token in ENDS:
            return
        yield token
        cache = {"keys": made["keys"], "values": made["values"]}
        made = decode(token=made["token"], position=np.array([position], np.int32), **cache, **how)
        position += 1


def room(prompt_ids, most):
    """The end of a prompt that is too long, and how many new tokens there can be."""
    if ENDLESS:
        return prompt_ids[-CONTEXT:], most
    kept = min(len(prompt_ids), max(CONTEXT - most, CONTEXT // 2))
    return prompt_ids[len(prompt_ids) - kept :], min(most, CONTEXT - max(kept, 1))


class Text:
    """Turns tokens that come one by one into text; a letter that is made of several comes with the last of them."""

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        self._spelled = isinstance(tokenizer.decoder, ByteLevel)
        self._special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token):
        if token in self._special:
            return ""
        return self._decoder.decode(self._bytes(self._tokenizer.id_to_token(token)))

    def finish(self):
        return self._decoder.decode(b"", True)

    def _bytes(self, piece):
        if self._spelled and all(letter in LETTERS for letter in piece):
            return bytes(LETTERS[letter] for letter in piece)
        byte = re.fullmatch("<0x([0-9A-F]{2})>", piece)
        return bytes([int(byte[1], 16)]) if byte else piece.encode()


def letters_of_bytes():
    """How byte-level tokenizers write each byte: as itself where it can be seen, else as a letter from 256 on."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return {**{chr(byte): byte for byte in seen}, **{chr(256 + place): byte for place, byte in enumerate(hidden)}}


LETTERS = letters_of_bytes()


def main(prompt, seed, *settings):
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # what looks like a special token in a prompt is text
    sys.stdout.reconfigure(encoding="utf-8")
    text = Text(tokenizer)
    types = (int, float, int, float)
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    for token in generate(ids, int(seed), *(kind(value) for kind, value in zip(types, settings))):
        print(text.push(token), end="", flush=True)
    print(text.finish())


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
