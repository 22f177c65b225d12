"""A job in a process of its own: what takes long, or much memory, or reads files of strangers.

`python -m tfgen.studio.worker FOLDER` does what FOLDER/job.json says, writes what it says of its work to the standard
error stream, and at the end FOLDER/result.json. While it is at work it holds the folder's lock, so that whoever looks
can tell whether it is alive. Begun once more in the same folder it goes on, or begins anew.
"""

import contextlib
import errno
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfgen import environment, files
from tfgen.catalog import CONFIGS, MODALITIES, MODELS, representations_of
from tfgen.config import make_config
from tfgen.console import talking
from tfgen.errors import UserError
from tfgen.representations import ARRAYS
from tfgen.studio.replies import sentence
from tfgen.training.request import DEFAULT_SIZE

RESULT = "result.json"


def fit(
    model: str, data: str, output: str, minutes: float, settings: dict[str, Any], private: float | None = None
) -> dict[str, Any]:
    """Trains, or goes on with a fit that was broken off. private: an epsilon."""
    from tfgen import api
    from tfgen.run import locate

    resume = (locate(output) / "run.json").is_file()
    if resume:
        run = api.fit(model, output=output, resume=True, interruptible=True, verbose=True)
    else:
        how = {"interruptible": True, "verbose": True, "private": private}
        run = api.fit(model, data, output=output, minutes=minutes, **how, **settings)
    return {"status": run.record["status"], "run": run.name}


def tune(run: str, strength: str, prefer: str | None) -> dict[str, Any]:
    from tfgen import api

    version = api.load(run).tune(strength, who=prefer, verbose=True)
    return {"run": run, "version": version.version, **version.version_record}


def evaluate(run: str) -> dict[str, Any]:
    from tfgen import api

    return {"run": run, "scores": len(api.load(run).evaluate(verbose=True).scores)}


def explain(run: str, prompt: str) -> dict[str, Any]:
    from tfgen import api

    return {"run": run, "parts": len(api.load(run).explain(prompt, verbose=True).to_json()["parts"])}


def export(run: str, saved_model: bool, tflite: list[str]) -> dict[str, Any]:
    from tfgen import api

    artefacts = api.load(run).export(saved_model=saved_model, tflite=tflite, verbose=True)
    return {"run": run, "exports": [each.name for each in artefacts]}


def look(data: str, name: str) -> dict[str, Any]:
    """What tfgen sees in a source, and which models can learn it."""
    from tfgen import api

    try:
        examples = api.open_data(data)
    except UserError as error:  # under the person's own name for it
        told = (each.replace(data, name) for each in (error.what_is_wrong, error.what_to_do))
        raise UserError(*told) from None
    modality, report = MODALITIES.load(examples.modality), examples.report
    first, *others = modality.describe(examples)
    models = models_for(modality) if _is_enough(examples) else []
    return {
        "says": [f"{name}: {first}", *others, *report.notes],
        "broken": [f"{Path(path).name}: {reason}" for path, reason in report.broken[:20]],
        "count": len(examples),
        "modality": examples.modality,
        "models": {each: _settings_for(each, examples) for each in models},
    }


def models_for(modality: Any) -> list[str]:
    """The models of the catalog that can learn a modality, the one to begin with first."""
    able = [each for each in MODELS if set(representations_of(each)) & set(modality.representations)]
    return sorted(able, key=lambda each: each != modality.usual_model())


def _is_enough(examples: Any) -> bool:
    return examples.representation != ARRAYS or len(examples) >= 4


def _settings_for(model: str, examples: Any) -> dict[str, Any]:
    """What a fit needs to be told of so few examples: batches of at most half of them."""
    if examples.representation != ARRAYS or model not in CONFIGS:
        return {}
    usual = make_config(CONFIGS.load(model), DEFAULT_SIZE, {}).batch_size
    return {} if len(examples) >= 2 * usual else {"batch_size": max(2, min(usual, len(examples) // 2))}


VERBS = {each.__name__: each for each in (fit, tune, evaluate, explain, export, look)}


def main(folder: Path) -> None:
    """Does one job."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    os.nice(5)  # the page comes first
    environment.is_own_process = True
    with contextlib.suppress(OSError):  # and where memory runs out, this process is the one to end
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    if job.get("memory"):
        _limit_memory(job["memory"])
    with _alone_in(folder), talking():
        (folder / "pid").write_text(str(os.getpid()), encoding="ascii")
        try:
            result = {"status": "finished", **VERBS[job["verb"]](**job["arguments"])}
        except KeyboardInterrupt:
            result = {"status": "stopped"}
        except UserError as error:
            result = {"status": "failed", "sentence": sentence(error)}
        except Exception as error:
            short = _is_short_of_memory(error, job.get("memory"))
            _limit_memory(None)  # what is left may be too little to say so
            traceback.print_exc()
            why = "Something in tfgen broke. Whoever runs the studio finds the reason in the job's log.txt."
            if short:
                why = "The memory is too small for it. Choose a smaller model or less data."
            result = {"status": "failed", "sentence": why}
        files.write_json(folder / RESULT, result)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """The folder's lock; whoever looks whether it is held has it for a moment."""
    with contextlib.ExitStack() as held:
        for wait in (0.05, 0.1, 0.2, 0.4, 0.8, None):
            try:
                held.enter_context(files.locked(folder))
                break
            except UserError:
                if wait is None:
                    raise
                time.sleep(wait)
        yield


def _is_short_of_memory(error: Exception, most: int | None) -> bool:
    """Whether an error is most likely one for lack of memory, which libraries say in many ways, or not at all."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    with contextlib.suppress(OSError, IndexError, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        taken = int([line.split()[1] for line in lines if line.startswith("VmData:")][0]) * 1024
        return most is not None and taken > 0.9 * most
    return False


def _limit_memory(most: int | None) -> None:
    """Lets this process have at most so many bytes of data, or as many as the system allows, where it can count them.
    """
    import resource

    with contextlib.suppress(ValueError, OSError):
        _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed if most is None else most, allowed))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
