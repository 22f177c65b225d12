"""Answers what an app would get from a TFLite file, in a process with the standalone interpreter and nothing of tfgen.

    python -P run_tflite.py FILE.tflite CASES ANSWERS TIMED

CASES, ANSWERS and TIMED are as in run_saved_model.py. One thread; no Flex delegate, so only built-in operations work.

In place of a signature may stand a sequence, `first>then`: one call of `first`, then as many of `then` as an input
whose name ends in ">" has values along its first axis, each of which goes to one call. What else `then` takes by the
name of an output of the call before comes from there, and the rest is the same for all. The outputs that nothing is fed
from are stacked along a new first axis.
"""

import sys
import time

sys.modules["tfgen"] = None  # an import of it fails
sys.modules["tensorflow"] = None

import numpy as np  # noqa: E402
from ai_edge_litert.interpreter import Interpreter  # noqa: E402

REPEATS = 200
MOST_SECONDS = 2.0  # for all of them


def main(path: str, cases_path: str, answers_path: str, timed: str) -> None:
    interpreter = Interpreter(path, num_threads=1)
    cases: dict[tuple[str, str], dict] = {}
    for key, value in np.load(cases_path).items():
        signature, batch, name = key.split("/")
        cases.setdefault((signature, batch), {})[name] = value
    answers = {}
    for (signature, batch), inputs in cases.items():
        for name, value in answer(interpreter, signature, inputs).items():
            answers[f"{signature}/{batch}/{name}"] = value
        if signature == timed:
            answers[f"latency/{batch}"] = milliseconds(interpreter.get_signature_runner(signature), inputs)
    np.savez(answers_path, **answers)


def answer(interpreter: Interpreter, signature: str, inputs: dict) -> dict:
    """The outputs of a signature or of a sequence of two, by name."""
    first, *then = (interpreter.get_signature_runner(name) for name in signature.split(">"))
    series = {name[:-1]: value for name, value in inputs.items() if name.endswith(">")}
    made = first(**{name: inputs[name] for name in first.get_input_details()})
    if not then:
        return made
    (then,) = then
    names = list(then.get_input_details())
    kept = {name: [value] for name, value in made.items() if name not in names or name in series}
    for place in range(len(next(iter(series.values())))):
        given = {**inputs, **made, **{name: value[place] for name, value in series.items()}}
        made = then(**{name: given[name] for name in names})
        for name, values in kept.items():
            values.append(made[name])
    return {name: np.stack(values) for name, values in kept.items()}


def milliseconds(call, inputs: dict) -> list[float]:
    """Of each of some calls."""
    taken = []
    while len(taken) < REPEATS and (len(taken) < 3 or sum(taken) < 1000 * MOST_SECONDS):
        began = time.perf_counter()
        call(**inputs)
        taken.append(1000 * (time.perf_counter() - began))
    return taken


if __name__ == "__main__":
    main(*sys.argv[1:])
