"""Answers what a caller of ONNX files would get, in a process with ONNX Runtime and nothing of tfgen or TensorFlow.

    python -P run_onnx.py FOLDER CASES ANSWERS TIMED

FOLDER has a file "...-SIGNATURE.onnx" for each signature; CASES, ANSWERS and TIMED are as in run_saved_model.py.
"""

import glob
import os
import sys
import time

sys.modules["tfgen"] = None  # an import of it fails
sys.modules["tensorflow"] = None

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402

REPEATS = 200
MOST_SECONDS = 2.0  # for all of them


def main(folder: str, cases_path: str, answers_path: str, timed: str) -> None:
    cases: dict[tuple[str, str], dict] = {}
    for key, value in np.load(cases_path).items():
        signature, batch, name = key.split("/")
        cases.setdefault((signature, batch), {})[name] = value
    sessions, answers = {}, {}
    for (signature, batch), inputs in cases.items():
        if signature not in sessions:
            (path,) = glob.glob(os.path.join(glob.escape(folder), f"*-{signature}.onnx"))
            sessions[signature] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        session = sessions[signature]
        names = [each.name for each in session.get_outputs()]
        for name, value in zip(names, session.run(None, inputs)):
            answers[f"{signature}/{batch}/{name}"] = value
        if signature == timed:
            answers[f"latency/{batch}"] = milliseconds(session, inputs)
    np.savez(answers_path, **answers)


def milliseconds(session, inputs: dict) -> list[float]:
    """Of each of some calls."""
    taken = []
    while len(taken) < REPEATS and (len(taken) < 3 or sum(taken) < 1000 * MOST_SECONDS):
        began = time.perf_counter()
        session.run(None, inputs)
        taken.append(1000 * (time.perf_counter() - began))
    return taken


if __name__ == "__main__":
    main(*sys.argv[1:])
