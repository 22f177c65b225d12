"""Goes on from a prompt with a TFLite file of $name, without tfgen or TensorFlow: pip install ai-edge-litert

    python example.py SEED [TOKEN_ID ...]

What each token id says is in tokens.json. The same prompt and seed give the same here, in an app and on a server.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

FOLDER = Path(__file__).parent
ENDS = [int(token) for token in "$ends".split(",")]  # the tokens that end a sequence
MOST = 200  # new tokens


def generate(prompt_ids, seed, temperature=0.8, top_k=0, top_p=0.95):
    """New tokens, one by one. The file draws them itself, by the seed and the token's position."""
    interpreter = Interpreter(str(FOLDER / "$file"))
    prefill, decode = (interpreter.get_signature_runner(name) for name in ("prefill", "decode"))
    how = {
        "temperature": np.array([temperature], np.float32),
        "top_k": np.array([top_k], np.int32),
        "top_p": np.array([top_p], np.float32),
        "seed": np.array([seed], np.int32),
    }
    ids = np.array([prompt_ids or [0]], np.int32)
    made = prefill(prompt_ids=ids, prompt_length=np.array([len(prompt_ids)], np.int32), **how)
    position = max(len(prompt_ids), 1)  # an empty prompt became one token
    for _ in range(MOST):
        token = int(made["token"][0])
        if token in ENDS:
            return
        yield token
        cache = {"keys": made["keys"], "values": made["values"]}
        made = decode(token=made["token"], position=np.array([position], np.int32), **cache, **how)
        position += 1


def main(seed, *prompt_ids):
    pieces = json.loads((FOLDER / "tokens.json").read_text(encoding="utf-8"))
    print("".join(pieces[token] for token in generate([int(each) for each in prompt_ids], int(seed))))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
