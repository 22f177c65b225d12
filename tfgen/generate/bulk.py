"""Bulk generation: the samples of a long range of seeds in shards, each made apart from the others.

A shard is a function of (run's weights, prompt, its seeds, settings), so it is the same whoever makes it, and when.

OUT/RUN-00000-of-00100.tar   a shard, whole as soon as it has its name, and its mark beside it
OUT/.done/                   a note on each shard of an unfinished bulk, which comes after the shard
OUT/manifest.json            what the bulk was asked for, and its shards with their SHA-256, signed when all are there

Whatever is killed, at any instant, the same call makes what has no note, and nothing else.
"""

import contextlib
import functools
import hashlib
import json
import math
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfgen import __version__, checkpoints, environment, files, versions
from tfgen.console import Preparation, say, several
from tfgen.environment import load_tensorflow
from tfgen.errors import Failure, UserError, unknown
from tfgen.feedback.events import run_digest
from tfgen.generate import Origin, Request, check_seeds, open_generator
from tfgen.generate.output import provenance
from tfgen.generate.pipeline import Cluster
from tfgen.generate.shard_files import FORMATS
from tfgen.restore import keeping_models
from tfgen.run import Run
from tfgen.trust.provenance import status, write_marked

MANIFEST = "manifest.json"
_NOTES = ".done"
_MOST_SHARDS = 100_000
_NOTES_A_SECOND = 1000  # that are counted, while shards are made


@dataclass(frozen=True)
class Bulk:
    """What is made: all that a shard depends on, as a worker on any machine takes it.

    run: path and version, as Run.open takes them. name, version, weights: its own when the bulk was asked for.
    request: prompt, first seed, count and options of the whole; its output is the folder.
    size: samples of a shard; the last one may have fewer.
    """

    run: str
    name: str
    version: str
    weights: str
    request: Request
    format: str
    size: int

    @property
    def folder(self) -> Path:
        return self.request.output

    @property
    def count(self) -> int:
        """How many shards."""
        return math.ceil(self.request.count / self.size)

    def seeds(self, place: int) -> tuple[int, int]:
        """The first seed of a shard, and how many it has."""
        made = place * self.size
        return self.request.seed + made, min(self.size, self.request.count - made)

    def path(self, place: int) -> Path:
        """Of a shard."""
        return self.folder / f"{self.name}-{place:05d}-of-{self.count:05d}{FORMATS[self.format].ending}"

    def arguments(self) -> dict[str, Any]:
        """All that the bytes of the shards depend on, as plain JSON."""
        request = self.request
        settings = json.loads(json.dumps(dict(request.options)))
        return {
            "run": self.name, "version": self.version, "weights": self.weights,
            "prompt": request.prompt, "prompt version": request.prompt_version, "template": request.template,
            "settings": settings, "seed": request.seed, "count": request.count, "format": self.format,
            "shard size": self.size, "provenance": status(request.signed), "tfgen": __version__,
        }  # fmt: skip

    def facts(self, run: Run, seeds: tuple[int, int]) -> dict[str, str]:
        """What is said of samples of some seeds, and signed."""
        first, count = seeds
        origin = Origin.of(run, self.request.options).asked_by(self.request)
        return provenance(origin, self.request.prompt, f"{first} to {first + count - 1}" if count > 1 else str(first))

    def open_run(self) -> Run:
        """The run. Raises Failure where it has other weights now."""
        run = Run.open(self.run)
        if (versions.identity(run), run_digest(run)) != (self.version, self.weights):
            raise Failure(f"'{run.name}' has other weights now than when its shards were begun.", "Begin anew.")
        return run


@dataclass(frozen=True)
class Shards:
    """A whole bulk: its folder, and of each shard its name, seeds, number of samples and bytes, and SHA-256."""

    folder: Path
    shards: Sequence[Mapping[str, Any]]

    @property
    def files(self) -> list[Path]:
        return [self.folder / shard["name"] for shard in self.shards]

    def __len__(self) -> int:
        return len(self.shards)

    def __str__(self) -> str:
        made = sum(shard["samples"] for shard in self.shards)
        return f"{several(made, 'sample')} in {several(len(self), 'shard')}, {self.folder}"


def open_bulk(run: Run, request: Request, shard_format: str | None = None, shard_size: int | None = None) -> Bulk:
    """A bulk that can be made; TensorFlow isn't loaded.

    Args:
        shard_format: of FORMATS; by default the first that the run's representation names.
        shard_size: samples of a shard; by default some seconds' work.

    Raises:
        UserError: for all that can be wrong with the request, or the folder holds something else.
    """
    if request.output is None:
        raise UserError("Shards need a folder.", "Name it with -o.")
    if request.count is None:
        raise UserError("Nobody says how many samples the shards have in all.", "Say it with -n.")
    check_seeds(request.seed, request.count)
    generator = open_generator(run, replace(request, count=1, output=None))
    generator.check_shards()
    formats = generator.shard_formats
    if shard_format is not None and shard_format not in formats:
        raise unknown(f"format of shards of {generator.modality.plural}", shard_format, formats)
    least = math.ceil(request.count / _MOST_SHARDS)
    size = max(generator.shard_size, least) if shard_size is None else shard_size
    if size < least:
        what = f"{request.count} samples can't be cut into shards of {size}."
        raise UserError(what, f"Choose a --shard-size from {least}.")
    request = replace(request, output=request.output.absolute())
    known = f"{run.path.absolute()}@{run.version}", run.name, versions.identity(run), run_digest(run)
    bulk = Bulk(*known, request, shard_format or formats[0], size)
    _shards_there(bulk)
    return bulk


def generate_shards(bulk: Bulk, cluster: Cluster) -> Shards:
    """Makes the shards that are missing, on the workers of a cluster, and gives all.

    Raises:
        UserError: another process makes them.
        Failure: a worker failed; what is made stays, and the same call goes on from there.
    """
    bulk.folder.mkdir(parents=True, exist_ok=True)
    with files.locked(bulk.folder):
        there = _shards_there(bulk)
        missing = [place for place in range(bulk.count) if place not in there]
        if there:
            say(f"{len(there)} of {several(bulk.count, 'shard')} are there already.")
        notes = bulk.folder / _NOTES
        if missing:
            files.remove_leftovers(bulk.folder)
            _write_manifest(bulk, there)
            notes.mkdir(exist_ok=True)
            with _saying_how_far(notes, len(missing)):
                cluster.run(_write_missing, bulk, missing)
            there = _shards_there(bulk)
            if len(there) < bulk.count:
                what = f"{bulk.count - len(there)} of {several(bulk.count, 'shard')} aren't in '{bulk.folder}'."
                raise Failure(what, "Workers must see the same folder under the same path.")
        if notes.exists():  # also where an earlier call was killed behind its last shard
            _write_manifest(bulk, there, bulk.facts(bulk.open_run(), (bulk.request.seed, bulk.request.count)))
            shutil.rmtree(notes, ignore_errors=True)
        return Shards(bulk.folder, [there[place] for place in range(bulk.count)])


# The folder.


def _shards_there(bulk: Bulk) -> dict[int, dict[str, Any]]:
    """What is known of each shard that is whole, by its place.

    Raises:
        UserError: the folder holds shards of other arguments, or something else.
    """
    folder = bulk.folder
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise UserError(f"'{folder}' is a file.", "Name a folder for the shards.")
    if not (folder / MANIFEST).exists():
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            raise UserError(f"'{folder}' holds other files.", "Name a folder that is new or empty.")
        return {}
    manifest = _read(folder / MANIFEST)
    before, now = manifest.get("arguments", {}), bulk.arguments()
    if before != now:
        different = [name for name in now if before.get(name) != now[name]]
        told = ", ".join(f"{name} {before.get(name)!r}" for name in different)
        raise UserError(f"'{folder}' holds shards of other arguments: {told}.", "Name another folder, or the same.")
    notes = [_read(path) for path in (folder / _NOTES).glob("*.json")]
    known = {note.get("name"): note for note in [*manifest.get("shards", []), *notes]}
    places = {bulk.path(place).name: place for place in range(bulk.count)}
    return {places[name]: note for name, note in known.items() if name in places and _is_whole(folder, note)}


def _is_whole(folder: Path, note: Mapping[str, Any]) -> bool:
    """A name is given to whole files alone; the size tells those that others cut off."""
    path = folder / note["name"]
    return path.is_file() and path.stat().st_size == note.get("bytes")


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UserError(f"'{path}' is damaged.", "Name another folder for the shards.")
    return value


def _write_manifest(
    bulk: Bulk, there: Mapping[int, Mapping[str, Any]], facts: Mapping[str, str] | None = None
) -> None:
    """With facts, of a bulk that is whole, which are signed."""
    content = {"arguments": bulk.arguments(), "shards": [there[place] for place in sorted(there)]}
    write_marked(bulk.folder / MANIFEST, files.as_json(content), facts)


@contextlib.contextmanager
def _saying_how_far(notes: Path, total: int) -> Iterator[None]:
    """Says now and then how many shards are made while the block runs, wherever they are."""
    progress, over = Preparation("{done} of {total} shards, {left} left"), threading.Event()
    before = len(list(notes.glob("*.json")))
    seconds = max(1.0, total / _NOTES_A_SECOND)

    def look() -> None:
        shown = 0
        while not over.wait(seconds):
            done = len(list(notes.glob("*.json"))) - before
            if done > shown:
                shown = done
                progress.show(done, total)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


# On a worker.


def _write_missing(place: int, bulk: Bulk, parent: int | None) -> None:
    """Makes one shard, in this process's one thread that has the model.

    parent: the process that started this one for it; nothing is made for one that is gone.
    """
    if parent is not None:
        environment.is_own_process = True
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            raise Failure("Whoever asked for these shards is gone.", "The same command goes on.") from None
    _model_thread.submit(write_shard, bulk, place).result()


_kept = contextlib.ExitStack()
# A thread in which a model stays loaded. Runners call from several, which would load as many.
_model_thread = ThreadPoolExecutor(1, "shards", initializer=lambda: _kept.enter_context(keeping_models(1)))


@functools.lru_cache(1)
def _check_whole(checkpoints_of: Path, newest: str) -> None:
    """Raises Failure where the newest checkpoint is damaged: the one before it would make other samples."""
    if checkpoints.load_newest(checkpoints_of).damaged:
        raise Failure(f"The checkpoint {newest} is damaged.", "Restore it, or remove it and begin anew.")


def write_shard(bulk: Bulk, place: int) -> None:
    """Makes the samples of one shard and writes them; then the note that says so."""
    load_tensorflow()
    run, (first, count) = bulk.open_run(), bulk.seeds(place)
    _check_whole(run.checkpoints, checkpoints.newest_name(run.checkpoints))
    samples = open_generator(run, replace(bulk.request, count=count, seed=first, output=None)).samples()
    path = bulk.path(place)
    FORMATS[bulk.format].write(samples, path, bulk.facts(run, (first, count)))
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    note = {
        "name": path.name, "seeds": [first, first + count - 1], "samples": count, "bytes": path.stat().st_size,
        "sha256": digest,
    }  # fmt: skip
    files.write_json(bulk.folder / _NOTES / f"{path.name}.json", note)
