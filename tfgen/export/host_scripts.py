"""Runs scripts that need TensorFlow, one after the other, in a process that can't import tfgen.

    python -P host_scripts.py

Each line of the standard input is a JSON list, a script and its arguments; the answer is a line: null, or the error.
"""

import gc
import json
import os
import runpy
import sys

sys.modules["tfgen"] = None  # an import of it fails
sys.modules["keras"] = None  # a server has none, and TensorFlow would take as long again to load it
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # the process that exports is at work on the card too

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a script prints is no answer

import tensorflow  # noqa: E402, F401

for line in sys.stdin:
    script, *arguments = json.loads(line)
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
        answer = None
    except SystemExit as ended:
        answer = str(ended.code) if ended.code else None
    except Exception as error:
        answer = (f"{type(error).__name__}: {error}".strip().splitlines() or [""])[-1]
    gc.collect()
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
