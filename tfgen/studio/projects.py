"""What takes its time: data that is dropped, and the jobs that fit, tune, evaluate, explain and export."""

import asyncio
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from tfgen.arguments import number, text
from tfgen.catalog import DATASETS, MODELS
from tfgen.errors import UserError, unknown
from tfgen.run import check_free
from tfgen.studio.home import find_run, run_of
from tfgen.studio.replies import NotThere, read_json

_LOOK_SECONDS = 300
_FORMATS = ("float32", "float16", "int8", "int8-weights")
_SHOWN = 40  # jobs, the newest


def handlers(studio: Any) -> Iterator[tuple[str, str, Any]]:
    """Method, address and handler of each."""
    projects = _Projects(studio)
    yield "POST", "/api/uploads", projects.upload
    yield "GET", "/api/jobs", projects.jobs
    yield "POST", "/api/fit", projects.fit
    yield "POST", "/api/runs/{run}/tune", projects.tune
    yield "POST", "/api/runs/{run}/evaluate", projects.evaluate
    yield "POST", "/api/runs/{run}/explain", projects.explain
    yield "POST", "/api/runs/{run}/export", projects.export
    yield "GET", "/api/runs/{run}/export.zip", projects.download
    yield "POST", "/api/jobs/{id}/stop", projects.stop
    yield "POST", "/api/jobs/{id}/resume", projects.resume


class _Projects:
    def __init__(self, studio: Any):
        self._studio, self._jobs = studio, studio.jobs

    async def upload(self, request: Request) -> Response:
        """Takes what was dropped, and says what tfgen sees in it."""
        name = request.query_params.get("name", "data")
        upload = await self._studio.uploads.take(request.scope["who"], name, request.stream())
        job = None
        try:
            arguments = {"data": str(upload.path), "name": upload.name}
            job = self._jobs.add("look", "", request.scope["who"], "Look", arguments)
            seen = await self._jobs.done(job, _LOOK_SECONDS)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, upload.path.parent, ignore_errors=True)
            raise
        finally:
            if job is not None:
                await asyncio.to_thread(shutil.rmtree, job.folder, ignore_errors=True)
        await asyncio.to_thread(self._studio.uploads.note, upload, seen["models"])
        return JSONResponse({"upload": upload.id, "name": upload.name, **seen, "models": list(seen["models"])})

    async def jobs(self, request: Request) -> Response:
        """The newest jobs of this person."""
        who = request.scope["who"]

        def told() -> dict[str, Any]:
            own = [job for job in self._jobs.all() if job.record["verb"] != "look" and job.record["who"] == who]
            return {"jobs": [self._told(job) for job in own[-_SHOWN:][::-1]]}

        return JSONResponse(await asyncio.to_thread(told))

    def _told(self, job: Any) -> dict[str, Any]:
        facts = job.to_json()
        if job.record["verb"] == "fit":
            try:
                run = find_run(self._studio, job.record["run"])
            except NotThere:
                return facts
            rows = run.history()
            facts |= {"step": rows[-1]["step"] if rows else 0, "steps": run.record.get("steps")}
        return facts

    async def fit(self, request: Request) -> Response:
        """Trains a model on what was dropped, or on a data set that comes with tfgen."""
        body, who = await read_json(request), request.scope["who"]
        model, minutes = text("model", body.get("model")), number("minutes", body.get("minutes")) or 3.0
        if model not in MODELS:
            raise unknown("model", model[:40], MODELS)
        if not 0.1 <= minutes <= 60 * 24 * 7:
            raise UserError(f"{minutes:g} minutes can't be planned.", "Give from 0.1 to a week's 10080.")
        if body.get("upload"):
            upload = self._studio.uploads.find(text("upload", body["upload"]), who)
            data, base, settings = str(upload.path), Path(upload.name).stem, dict(upload.settings.get(model, {}))
        else:
            settings: dict[str, Any] = {}
            data = base = text("data", body.get("data", ""))
            if data not in DATASETS:
                raise unknown("data set", data[:40], DATASETS)
        private = number("private", body.get("private"))
        if private is not None and not 0 < private <= 100:
            raise UserError(f"Privacy of epsilon {private:g} can't be promised.", "Give up to 100; 1 to 10 is usual.")
        name = self._name(body.get("name"), f"{base}-{model}")
        output = str(self._studio.runs / name)
        arguments = {"model": model, "data": data, "output": output, "minutes": minutes, "settings": settings}
        arguments |= {} if private is None else {"private": private}
        job = self._jobs.add("fit", name, who, f"Train {model} on {base}", arguments)
        return JSONResponse(self._told(job))

    def _name(self, wanted: Any, usual: str) -> str:
        """A run's name that nobody has or waits for."""
        import re

        name = re.sub(r"[^A-Za-z0-9._-]+", "-", text("name", wanted) if wanted else usual).strip("-._")[:60] or "run"
        # Of one that was stopped or has failed too: it may go on.
        fits = (job for job in self._jobs.all() if job.record["verb"] == "fit")
        taken = {job.record["run"] for job in fits if job.status != "finished"}
        if wanted:
            check_free(self._studio.runs / name)
            if name in taken:
                raise UserError(f"A job for '{name}' is waiting already.", "Choose another name.")
            return name
        number_behind, free = 1, name
        while free in taken or (self._studio.runs / free).exists():
            number_behind += 1
            free = f"{name}-{number_behind}"
        return free

    async def tune(self, request: Request) -> Response:
        body, run = await read_json(request), run_of(self._studio, request)
        strength = body.get("strength", "medium")
        if strength not in ("low", "medium", "high"):
            raise UserError("That is no strength.", "Choose low, medium or high.")
        who = request.scope["who"]
        if any(job.record["verb"] == "tune" and job.record["run"] == run.path.name and job.result is None
               for job in self._jobs.all()):
            raise UserError("It is learning already.", "Wait until it is done.")
        prefer = who if body.get("mine") else None
        await asyncio.to_thread(run.plan_tuning, strength, who=prefer, store=self._studio.store)
        return JSONResponse(self._add("tune", run, who, "Learn from feedback", strength=strength, prefer=prefer))

    async def evaluate(self, request: Request) -> Response:
        run = run_of(self._studio, request)
        return JSONResponse(self._add("evaluate", run, request.scope["who"], "Evaluate"))

    async def explain(self, request: Request) -> Response:
        body, run = await read_json(request), run_of(self._studio, request)
        prompt = text("prompt", body.get("prompt", ""))
        return JSONResponse(self._add("explain", run, request.scope["who"], "Explain", prompt=prompt))

    async def export(self, request: Request) -> Response:
        body, run = await read_json(request), run_of(self._studio, request)
        formats, saved_model = body.get("tflite", []), bool(body.get("saved_model"))
        if not isinstance(formats, list) or not all(each in _FORMATS for each in formats):
            raise UserError("That is no format of TFLite's.", f"Choose among: {', '.join(_FORMATS)}.")
        if not formats and not saved_model:
            raise UserError("No format is chosen.", "Choose one.")
        who = request.scope["who"]
        return JSONResponse(self._add("export", run, who, "Export", saved_model=saved_model, tflite=formats))

    def _add(self, verb: str, run: Any, who: str, title: str, **arguments: Any) -> dict[str, Any]:
        return self._told(self._jobs.add(verb, run.path.name, who, title, {"run": str(run.path), **arguments}))

    async def download(self, request: Request) -> Response:
        """All that was exported of a run."""
        folder = run_of(self._studio, request).results / "export"
        if not folder.is_dir():
            raise NotThere("Nothing was exported yet.", "Export it first.")
        path = await asyncio.to_thread(_zipped, folder, self._studio.runs / ".studio")
        return FileResponse(
            path, filename=f"{request.path_params['run']}-export.zip", background=BackgroundTask(path.unlink)
        )

    def _own(self, request: Request) -> Any:
        job = self._jobs.find(request.path_params["id"])
        if job.record["who"] != request.scope["who"]:
            raise NotThere("There is no such job of yours.", "Reload the page.")
        return job

    async def stop(self, request: Request) -> Response:
        job = self._own(request)
        await asyncio.to_thread(self._jobs.stop, job)
        return JSONResponse(self._told(job))

    async def resume(self, request: Request) -> Response:
        job = self._own(request)
        await asyncio.to_thread(self._jobs.resume, job)
        return JSONResponse(self._told(job))


def _zipped(folder: Path, place: Path) -> Path:
    import tempfile

    with tempfile.NamedTemporaryFile(dir=place, suffix=".zip", delete=False) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                    archive.write(path, path.relative_to(folder))
    return Path(file.name)
