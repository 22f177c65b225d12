"""Makes a sound with a TFLite file of $name, without tfgen or TensorFlow: pip install ai-edge-litert

    python example.py PROMPT SEED OUT.wav

The same prompt and seed give the same sound here, in an app and on a server.
"""

import json
import re
import sys
import wave
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

FOLDER = Path(__file__).parent
RATE = int("$rate")  # samples a second


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
    spaced = re.sub(vocabulary["letters"], r" \g<0> ", prompt)
    words = [word.strip(",.;:!?") for word in spaced.split()]
    words = words if vocabulary["repeats"] else list(dict.fromkeys(words))
    strange = [word for word in words if word not in vocabulary["words"]]
    if strange or len(words) > vocabulary["longest"]:
        known = ", ".join(list(vocabulary["prompts"])[:20])
        raise SystemExit(f"The model doesn't know '{prompt}'. It knows, among others: {known}")
    ids = [vocabulary["words"][word] for word in words]
    return ids + [0] * (vocabulary["longest"] - len(ids))


def main(prompt, seed, output):
    call = Interpreter(str(FOLDER / "$file")).get_signature_runner("generate")
    inputs = {"seed": np.array([int(seed)], np.int32)}
    if "prompt" in call.get_input_details():
        inputs["prompt"] = np.array([word_ids(prompt)], np.int32)
    samples = np.rint(call(**inputs)["sounds"][0].clip(-1, 1) * 32767).astype("<i2")
    heard = np.flatnonzero(samples)
    with wave.open(output, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples[:heard[-1] + 1 if len(heard) else 1].tobytes())


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
