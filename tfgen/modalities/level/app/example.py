"""Makes a level with a TFLite file of $name, without tfgen or TensorFlow: pip install ai-edge-litert

    python example.py SEED ["many pipes, no gaps"]

The same words and seed give the same level here, in an app and from tfgen generate.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

FOLDER = Path(__file__).parent
BEGIN, ENDS = int("$begin"), [int(token) for token in "$ends".split(",")]
ROWS, MOST = int("$rows"), int("$most")  # tiles of a column, and tokens of a level at the most
EMPTY = "$empty"
FIRST_PIECE = int("$first_piece")  # tokens before it are single tiles, those behind all pieces are words
STARTS = [int(row) for row in "$starts".split(",") if row]  # the row, from below, that each piece begins at
# What can be asked for: how many of some letters there are at the least and at the most, or of gaps, without letters.
WORDS = json.loads("$words")
SOLID = "$solid"  # letters; a column that none of them is at the bottom of is a gap
ATTEMPTS = int("$attempts")  # at a level that is as asked


def tokens(prefill, decode, prompt_ids, seed, temperature=float("$temperature"), top_p=float("$top_p")):
    """Tokens, one by one. The file draws them itself, by the seed and the token's position."""
    how = {
        "temperature": np.array([temperature], np.float32),
        "top_k": np.array([0], np.int32),
        "top_p": np.array([top_p], np.float32),
        "seed": np.array([seed], np.int32),
    }
    length = np.array([len(prompt_ids)], np.int32)
    made = prefill(prompt_ids=np.array([prompt_ids], np.int32), prompt_length=length, **how)
    for position in range(len(prompt_ids), len(prompt_ids) + MOST):
        token = int(made["token"][0])
        if token in ENDS:
            return
        yield token
        cache = {"keys": made["keys"], "values": made["values"]}
        made = decode(token=made["token"], position=np.array([position], np.int32), **cache, **how)


def columns_of(made, pieces):
    """Columns from left to right, each from the bottom up. A piece stands where it belongs, on nothing if need be."""
    columns, column = [], ""
    for token in made:
        piece = token - FIRST_PIECE
        if piece >= len(STARTS):
            continue
        start = STARTS[piece] if piece >= 0 else len(column)
        if len(column) > start:
            columns.append(column)
            column = ""
        column = column.ljust(start, EMPTY) + pieces[token].rstrip("\n")
        if pieces[token].endswith("\n") or len(column) >= ROWS:
            columns.append(column)
            column = ""
    return [each[:ROWS].ljust(ROWS, EMPTY) for each in (*columns, column) if each]


def lacking(columns, words):
    """How many of the words a level doesn't bear out."""

    def count(letters):
        if not letters:
            return sum(column[0] not in SOLID for column in columns)
        return sum(letter in letters for column in columns for letter in column)

    asked = [WORDS[word] for word in words if word in WORDS]
    return sum(not low <= count(letters) <= high for letters, low, high in asked)


def main(seed, prompt=""):
    pieces = json.loads((FOLDER / "tokens.json").read_text(encoding="utf-8"))
    words = [word.strip() for word in prompt.split(",") if word.strip()]
    unknown = [word for word in words if f"{word}, " not in pieces]
    if unknown:
        known = [piece[:-2] for piece in pieces if piece.endswith(", ")]
        sys.exit(f"The model knows no {unknown[0]!r}, only: {', '.join(known)}")
    asked = sorted(pieces.index(f"{word}, ") for word in words)
    interpreter = Interpreter(str(FOLDER / "$file"))
    signatures = [interpreter.get_signature_runner(name) for name in ("prefill", "decode")]
    # The first of the attempts that lacks least. Their seeds follow from the first one as tfgen's do
    # (tfgen/representations/redraw.py).
    columns, least = [], len(words) + 1
    for number in range(ATTEMPTS):
        own = (int(seed) * 1000003 + number * 7919) % (2**31 - 1) if number else int(seed)
        made = columns_of(tokens(*signatures, [*asked, BEGIN], own), pieces)
        if lacking(made, words) < least:
            columns, least = made, lacking(made, words)
        if not least:
            break
    for row in reversed(range(ROWS)):
        print("".join(column[row] for column in columns))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
