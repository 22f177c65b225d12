"""What there is: runs with how they stand, what they know and what was made of them; saved prompts."""

import asyncio
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tfgen import files, versions
from tfgen.api import Run
from tfgen.catalog import DATASETS, ENGINES, MODALITIES
from tfgen.errors import UserError
from tfgen.evaluate.record import Evaluation
from tfgen.export.published import versions_in
from tfgen.representations import ARRAYS, ROWS, SEQUENCES, SETS
from tfgen.representations.base import Codec
from tfgen.representations.rows.conditions import words_of_columns
from tfgen.representations.sets.codec import quoted
from tfgen.restore import open_codec, open_modality
from tfgen.run import all_runs
from tfgen.run_comparison import summary
from tfgen.studio.replies import NotThere, read_json
from tfgen.studio.worker import models_for
from tfgen.trust.energy import energy_of
from tfgen.trust.privacy import Account

_KNOWN = 400  # prompts or words that the page suggests
_POINTS = 400  # of the losses' curves
_REPORT, _EXPLANATION = "report.html", "explanation.html"
_SANDBOX = "sandbox; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


def find_run(studio: Any, name: str, version: str | None = None) -> Run:
    """The run of this name among those that there are; a name is never taken for a path.

    Raises:
        NotThere: there is none.
    """
    for run in all_runs(studio.runs):
        if run.path.name == name:
            opened = Run(run.path, run.record, version or None)
            if version:
                opened.check_version(version)
            return opened
    raise NotThere(f"There is no run '{name[:80]}'.", "Go back to all runs.")


def run_of(studio: Any, request: Request, body: dict[str, Any] | None = None) -> Run:
    """The run that a request's address names, in the version that its body names."""
    version = (body or {}).get("version")
    if not isinstance(version, (str, type(None))):
        raise UserError("version must be a name.", "Reload the page.")
    return find_run(studio, request.path_params["run"], version)


def handlers(studio: Any) -> Iterator[tuple[str, str, Any]]:
    """Method, address and handler of each."""
    home = _Home(studio)
    yield "GET", "/api/home", home.home
    yield "GET", "/api/datasets", home.datasets
    yield "GET", "/api/runs/{run}", home.facts
    yield "GET", "/api/runs/{run}/history", home.history
    yield "GET", "/api/runs/{run}/sheet", home.sheet
    yield "GET", "/api/runs/{run}/report", home.report
    yield "GET", "/api/runs/{run}/explanation", home.explanation
    yield "POST", "/api/runs/{run}/revert", home.revert
    yield "POST", "/api/runs/{run}/remove", home.remove
    yield "POST", "/api/runs/{run}/restore", home.restore
    yield "GET", "/api/prompts", home.prompts
    yield "POST", "/api/prompts", home.save_prompt


class _Home:
    def __init__(self, studio: Any):
        self._studio = studio

    async def home(self, request: Request) -> Response:
        """Every run in a few facts, newest first, and the names of those that were put aside."""
        runs = await asyncio.to_thread(lambda: [_card(run) for run in reversed(all_runs(self._studio.runs))])
        removed = sorted(path.parent.name for path in _aside(self._studio).glob("*/run.json"))
        return JSONResponse({"runs": runs, "removed": removed})

    async def datasets(self, request: Request) -> Response:
        return JSONResponse({"datasets": await self._studio.models.do(_datasets)})

    async def facts(self, request: Request) -> Response:
        run = run_of(self._studio, request)
        return JSONResponse(await asyncio.to_thread(_facts, run))

    async def history(self, request: Request) -> Response:
        """The losses, thinned out."""
        rows = run_of(self._studio, request).history()
        every = max(1, len(rows) // _POINTS)
        finite = [{key: each for key, each in row.items() if each == each and abs(each) < 1e30} for row in rows]
        return JSONResponse({"rows": finite[::-1][::every][::-1]})

    async def sheet(self, request: Request) -> Response:
        """The newest samples that a fit wrote for looking at."""
        run = run_of(self._studio, request)
        path = _newest_sheet(run)
        if path is None:
            raise NotThere("There are no samples of it yet.", "Wait until the fit has come so far.")
        if path.suffix == ".txt":
            return Response(path.read_bytes(), media_type="text/plain; charset=utf-8")
        return Response(path.read_bytes(), media_type="image/png", headers={"cache-control": "no-cache"})

    async def report(self, request: Request) -> Response:
        """The report of an evaluation, which can do nothing but be read."""
        path = run_of(self._studio, request).results / _REPORT
        return _page(path, NotThere("It was not evaluated yet.", "Evaluate it first."))

    async def explanation(self, request: Request) -> Response:
        """The page that explains, likewise."""
        path = run_of(self._studio, request).results / _EXPLANATION
        return _page(path, NotThere("It was not explained yet.", "Explain it first."))

    async def revert(self, request: Request) -> Response:
        """Puts another version into use."""
        body = await read_json(request)
        run = run_of(self._studio, request)
        name = body.get("to")
        if not isinstance(name, (str, type(None))):
            raise UserError("to must be a version's name.", "Reload the page.")
        await asyncio.to_thread(run.revert, name)
        return JSONResponse(_facts(find_run(self._studio, run.path.name)))

    async def remove(self, request: Request) -> Response:
        """Puts a run aside, from where `restore` brings it back."""
        run = run_of(self._studio, request)
        return JSONResponse({"removed": await asyncio.to_thread(self._put_aside, run)})

    def _put_aside(self, run: Run) -> str:
        """Moves a run away, and gives the name that it lies there under."""
        if any(job.record["run"] == run.path.name and job.status == "running" for job in self._studio.jobs.all()):
            raise UserError(f"A job is at work on '{run.name}'.", "Stop it first.")
        place = _aside(self._studio)
        place.mkdir(parents=True, exist_ok=True)
        name, number = run.path.name, 1
        while (place / name).exists():
            number += 1
            name = f"{run.path.name}~{number}"
        with files.locked(run.path):
            run.path.rename(place / name)
        return name

    async def restore(self, request: Request) -> Response:
        """Brings a run back that was put aside."""
        name = request.path_params["run"]
        found = [path.parent for path in _aside(self._studio).glob("*/run.json") if path.parent.name == name]
        place = self._studio.runs / name.partition("~")[0]
        if not found or place.exists():
            raise NotThere(f"'{name[:80]}' can't be brought back.", "Look whether there is another of its name.")
        await asyncio.to_thread(found[0].rename, place)
        return JSONResponse({})

    async def prompts(self, request: Request) -> Response:
        """Saved prompts, each with its versions."""
        from tfgen.api import prompt_versions, saved_prompts

        def found() -> list[dict[str, Any]]:
            return [
                {"name": each.name, "versions": [_prompt(version) for version in prompt_versions(each.name)]}
                for each in saved_prompts()
            ]

        return JSONResponse({"prompts": await asyncio.to_thread(found)})

    async def save_prompt(self, request: Request) -> Response:
        from tfgen.api import save_prompt

        body = await read_json(request)
        saved = await asyncio.to_thread(
            lambda: save_prompt(body.get("name"), body.get("template"), settings=_settings(body.get("settings")))
        )
        return JSONResponse({"address": saved.address, "is_new": saved.is_new})


def _page(path: Path, missing: NotThere) -> Response:
    if not path.is_file():
        raise missing
    return Response(path.read_bytes(), media_type="text/html", headers={"content-security-policy": _SANDBOX})


def _settings(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise UserError("settings must be an object.", "Reload the page.")
    return value or {}


def _datasets() -> list[dict[str, Any]]:
    """The data sets that come with tfgen, each with the models that learn it; needs TensorFlow."""
    found = []
    for name in DATASETS:
        modality = MODALITIES.load(DATASETS.load(name).modality)
        found.append({"name": name, "plural": modality.plural, "models": models_for(modality)})
    return found


def _aside(studio: Any) -> Path:
    return studio.runs / ".studio" / "removed"


def _prompt(version: Any) -> dict[str, Any]:
    return {"address": version.address, "text": version.text, "tags": list(version.tags), "message": version.message}


def _card(run: Any) -> dict[str, Any]:
    facts = summary(run)
    modality = run.record["modality"]
    evaluation = Evaluation.read(run.results)
    return {
        **facts,
        "name": run.path.name,
        "modality": modality,
        "plan": run.record.get("steps"),
        "problem": run.record.get("problem"),
        "sheet": _sheet_kind(run),
        "updated": run.record.get("updated"),
        "verdict": evaluation.words.partition(":")[0] if evaluation else "",
    }


def _newest_sheet(run: Any) -> Path | None:
    found = sorted(
        (path for path in (run.path / "samples").glob("samples-*") if path.suffix in (".png", ".txt")),
        key=lambda path: path.stem,
    )
    return found[-1] if found else None


def _sheet_kind(run: Any) -> str | None:
    path = _newest_sheet(run)
    return None if path is None else "text" if path.suffix == ".txt" else "picture"


def _facts(run: Run) -> dict[str, Any]:
    """Everything that the page needs to know of a run."""
    codec, modality = open_codec(run), open_modality(run)
    engine = ENGINES.load(f"generate/{codec.representation}")
    is_sequence = codec.representation == SEQUENCES
    one, many = ("suggestion", "suggestions") if codec.representation == SETS else modality.samples
    evaluation, energy = Evaluation.read(run.results), energy_of(run.record)
    return {
        **_card(run),
        "energy": energy.in_words() if energy else "",
        "plural": many,
        "singular": one,
        "are_rows": codec.representation in (ROWS, SETS),
        "count": 4 if is_sequence else min(16, modality.default_count),
        "streams": is_sequence,
        "chats": getattr(codec, "template", None) is not None,
        "needs_prompt": is_sequence and codec.needs_prompt,
        "controls": [vars(each) for each in engine.controls],
        "walks": "interpolate" in engine.options,
        "reacts": f"tune/{codec.representation}" in ENGINES,
        "known": _known(run, codec),
        "kind_of_prompts": run.vocabulary().kind if codec.representation == ARRAYS else "text",
        "all_versions": versions.described(run),
        "words": evaluation.words if evaluation else "",
        "has_report": (run.results / _REPORT).is_file(),
        "has_explanation": (run.results / _EXPLANATION).is_file(),
        "privacy": _privacy(run),
        "exports": _exports(run),
        "request": _request(run),
    }


def _privacy(run: Run) -> str:
    if "privacy" not in run.record:
        return ""
    account = Account.from_json(run.record["privacy"])
    return f"Private: epsilon {account.epsilon:g}, delta {account.delta:.2g}."


def _known(run: Run, codec: Codec) -> list[str]:
    """What can be asked for: labels or, of captions, words; the commonest first. Of rows, values; of sets, items.
    Of most sequences nothing: a prompt is how they begin."""
    if codec.representation == ROWS:
        return words_of_columns(codec)[:_KNOWN]
    if codec.representation == SETS:
        return [quoted(name) for name in codec.names[:_KNOWN]]
    if codec.representation == SEQUENCES:
        return list(codec.known_prompts[:_KNOWN])
    vocabulary = run.vocabulary()
    if vocabulary.kind == "captions":
        return list(vocabulary.words[:_KNOWN])
    return [prompt for prompt, count in zip(vocabulary.prompts, vocabulary.counts, strict=True) if count][:_KNOWN]


def _exports(run: Run) -> list[dict[str, Any]]:
    """What was exported, with what was measured of it; the newest of each."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((run.results / "export").rglob("tfgen.json"), key=lambda each: each.stat().st_mtime):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            found |= {each["name"]: _artefact(each, record["created"]) for each in record["exports"]}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return list(found.values())


def _request(run: Run) -> str | None:
    """What a person types to ask a server of the newest SavedModel; None where there is none."""
    folder = run.results / "export" / run.name
    for _, path in sorted(versions_in(folder).items(), reverse=True) if folder.is_dir() else ():
        try:
            sample = json.loads((path / "assets.extra" / "tfgen.json").read_text(encoding="utf-8"))["sample"]
            body = json.dumps({"signature_name": sample["signature"], "instances": sample["instances"]})
            return f"curl http://127.0.0.1:8501/v1/models/{run.name}:predict -d {shlex.quote(body)}"
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _artefact(export: dict[str, Any], created: str) -> dict[str, Any]:
    agreements = export["proof"]["agreements"]
    worst = max(each["difference"] for each in agreements)
    agreement = "exactly alike" if worst == 0 else f"{min(each['decibels'] for each in agreements):.0f} dB at the worst"
    return {"name": export["name"], "size": export["size"], "agreement": agreement, "created": created}
