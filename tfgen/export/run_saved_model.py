"""Answers what a caller of a SavedModel would get, in a process of its own that can't import tfgen.

    python -P run_saved_model.py SAVED_MODEL CASES ANSWERS TIMED

CASES is an .npz whose keys are `signature/batch/input`; ANSWERS gets `signature/batch/output`, and `latency/batch` in
milliseconds for the signature TIMED.
"""

import os
import sys
import time

sys.modules["tfgen"] = None  # an import of it fails
sys.modules["keras"] = None  # a server has none, and TensorFlow would take as long again to load it
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

REPEATS = 40
MOST_SECONDS = 2.0  # for all of them


def main(path: str, cases_path: str, answers_path: str, timed: str) -> None:
    model = tf.saved_model.load(path)
    cases: dict[tuple[str, str], dict] = {}
    for key, value in np.load(cases_path).items():
        signature, batch, name = key.split("/")
        cases.setdefault((signature, batch), {})[name] = tf.constant(value)
    answers = {}
    for (signature, batch), inputs in cases.items():
        call = model.signatures[signature]
        for name, value in call(**inputs).items():
            answers[f"{signature}/{batch}/{name}"] = value.numpy().astype("S") if value.dtype == tf.string else value
        if signature == timed:
            answers[f"latency/{batch}"] = milliseconds(call, inputs)
    np.savez(answers_path, **answers)


def milliseconds(call, inputs: dict) -> list[float]:
    """Of each of some calls."""
    taken = []
    while len(taken) < REPEATS and (len(taken) < 3 or sum(taken) < 1000 * MOST_SECONDS):
        began = time.perf_counter()
        for value in call(**inputs).values():
            value.numpy()
        taken.append(1000 * (time.perf_counter() - began))
    return taken


if __name__ == "__main__":
    main(*sys.argv[1:])
