"""Makes one of the $examples of $name with a TFLite file, without tfgen or TensorFlow: pip install ai-edge-litert

    python example.py PROMPT SEED

The same prompt and seed give the same here, in an app and on a server.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

FOLDER = Path(__file__).parent


def word_ids(prompt):
    """The prompt's word ids, as many as the model takes; zeros for the empty prompt, which draws one from the data."""
    vocabulary = json.loads((FOLDER / "vocabulary.json").read_text(encoding="utf-8"))
    prompt = prompt.strip()
    if not prompt:
        return [0] * vocabulary["longest"]
    if prompt in vocabulary["prompts"]:  # one of several labels that differ in case alone
        return vocabulary["prompts"][prompt]
    prompt = prompt.lower()
    if prompt in vocabulary["prompts"]:
        return vocabulary["prompts"][prompt]
    words = re.sub(vocabulary["letters"], r" \g<0> ", prompt).split()
    words = words if vocabulary["repeats"] else list(dict.fromkeys(words))
    if len(words) > vocabulary["longest"] or any(word not in vocabulary["words"] for word in words):
        known = ", ".join([*vocabulary["prompts"], *vocabulary["words"]][:20])
        raise SystemExit(f"The model doesn't know '{prompt}'. It knows, among others: {known}")
    ids = [vocabulary["words"][word] for word in words]
    return ids + [0] * (vocabulary["longest"] - len(ids))


def main(prompt, seed):
    call = Interpreter(str(FOLDER / "$file")).get_signature_runner("generate")
    inputs = {"seed": np.array([int(seed)], np.int32)}
    if "prompt" in call.get_input_details():
        inputs["prompt"] = np.array([word_ids(prompt)], np.int32)
    print(np.array2string(call(**inputs)["$examples"][0], precision=3, threshold=10000))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
