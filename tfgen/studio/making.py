"""Samples for the page: made as `generate` makes them, talks, downloads, and settings out of dropped files."""

import asyncio
import io
import json
import re
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tfgen.arguments import number, text, whole
from tfgen.catalog import ENGINES, MODALITIES
from tfgen.errors import UserError
from tfgen.generate.output import file_stem
from tfgen.representations import ROWS, SEQUENCES, SETS
from tfgen.representations.rows.columns import joined
from tfgen.restore import open_codec, open_modality
from tfgen.studio.home import run_of
from tfgen.studio.model_thread import steadily
from tfgen.studio.replies import lines, read_body, read_json
from tfgen.studio.samples import records_of, values_of
from tfgen.trust.provenance import write_marked

_MOST_FRAMES = 256  # of a walk
_MOST_MADE = 1024  # at once, of texts of usual length
_LONG = 200  # tokens
_MOST_FILES = 2000
_MOST_FILE = 32 * 2**20
_MOST_TURNS = 200


def handlers(studio: Any) -> Iterator[tuple[str, str, Any]]:
    """Method, address and handler of each."""
    making = _Making(studio)
    yield "POST", "/api/runs/{run}/generate", making.generate
    yield "POST", "/api/runs/{run}/variations", making.variations
    yield "POST", "/api/runs/{run}/chat", making.chat
    yield "POST", "/api/runs/{run}/download", making.download
    yield "POST", "/api/settings-of", making.settings_of


class _Making:
    def __init__(self, studio: Any):
        self._studio = studio

    async def generate(self, request: Request) -> Response:
        """Samples of a prompt: {"piece": [place, text]} while they are made, where there is anything to show of them,
        and {"samples": [...]} at the end."""
        body = await read_json(request)
        run = run_of(self._studio, request, body)
        generator = await self._studio.models.do(_open, run, body)
        return lines(self._made(run, generator, bool(body.get("tokens"))))

    async def _made(self, run: Any, generator: Any, tokens: bool) -> AsyncIterator[dict[str, Any]]:
        async for place, piece in self._studio.models.pieces(generator.pieces()):
            yield {"piece": [place, piece]}
        yield {"samples": await self._studio.models.do(self._rows, run, generator, tokens)}

    def _rows(self, run: Any, generator: Any, tokens: bool) -> list[dict[str, Any]]:
        samples = steadily(run, generator.samples)
        modality = open_modality(run)
        rows = self._studio.samples.shown(modality, values_of(samples), records_of(samples))
        table = open_codec(run).token_bytes() if tokens and hasattr(samples, "texts") else None
        for row, written in zip(rows, getattr(samples, "texts", ()), strict=False):
            row["ended"] = written.ended
            if table:
                row["tokens"] = _tokens(table, written)
        return rows

    async def variations(self, request: Request) -> Response:
        """Samples like one of this run's."""
        body = await read_json(request)
        run = run_of(self._studio, request, body)
        (sample,) = self._studio.samples.read([body.get("record")], 1)
        count, seed = whole("n", body.get("n")) or 12, whole("seed", body.get("seed")) or 0
        return JSONResponse({"samples": await self._studio.models.do(self._varied, run, sample, count, seed)})

    def _varied(self, run: Any, sample: Any, count: int, seed: int) -> list[dict[str, Any]]:
        from tfgen.generate.variations import variations

        values, samples = steadily(run, lambda: variations(run, sample, count, seed))
        return self._studio.samples.shown(open_modality(run), values, samples)

    async def chat(self, request: Request) -> Response:
        """An answer to the last of "turns": {"piece": [0, text]} while it comes, and {"samples": [...]} at the end."""
        from tfgen.generate.chat import Chat
        from tfgen.representations.sequences.sampling_settings import SamplingSettings

        body = await read_json(request)
        run = run_of(self._studio, request, body)
        turns, seed = _turns(body.get("turns")), whole("seed", body.get("seed")) or 0
        settings = SamplingSettings.of(options_of(run, body))
        chat = Chat(run, settings, seed, text("system", body.get("system", "")))
        chat.turns = turns[:-1]
        await self._studio.models.do(chat.load)
        return lines(self._answered(run, chat, turns[-1]["content"], settings, seed))

    async def _answered(
        self, run: Any, chat: Any, message: str, settings: Any, seed: int
    ) -> AsyncIterator[dict[str, Any]]:
        from tfgen.feedback.events import Sample

        async for piece in self._studio.models.pieces(chat.answer(message)):
            yield {"piece": [0, piece]}
        answer = chat.turns[-1]["content"]
        before = {"before": chat.turns[:-2]} if len(chat.turns) > 2 else {}
        record = Sample.of(run, message, seed, settings={**settings.to_json(), **before}, content=answer)
        yield {"samples": self._studio.samples.shown(open_modality(run), [answer], [record])}

    async def download(self, request: Request) -> Response:
        """Samples as files, each with its settings inside or beside it: one as it is, several as a .zip."""
        body = await read_json(request)
        run = run_of(self._studio, request)
        records = self._studio.samples.read(body.get("records"), _MOST_FILES)
        name, content = await self._studio.models.do(_files, run, records)
        headers = {"content-disposition": f"attachment; filename*=utf-8''{quote(name)}"}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def settings_of(self, request: Request) -> Response:
        """What a file that tfgen wrote says of how it was made."""
        name = request.query_params.get("name", "")
        content = await read_body(request, _MOST_FILE)
        return JSONResponse(await asyncio.to_thread(_settings_of, name, content))


def _open(run: Any, body: Mapping[str, Any]) -> Any:
    """What makes the samples of a request. Raises UserError for all that can be wrong with it."""
    from tfgen.generate import Request as Wanted
    from tfgen.prompts.matrix import Filling, open_samples

    count, best = whole("n", body.get("n")), whole("best_of", body.get("best_of"))
    options = options_of(run, body)
    wanted = Wanted(text("prompt", body.get("prompt", "")), count, whole("seed", body.get("seed")) or 0, None, options)
    judge = None
    if best:
        from tfgen.api import liked_best

        judge = liked_best(best)
    opened = open_samples(run, wanted, Filling({}), bool(body.get("template")), judge)
    many = len(opened.seeds) * len(getattr(opened, "matrix", [None]))
    if many * max(1, options.get("length", 0) // _LONG) > _MOST_MADE:
        what = f"That makes {many} samples, which is too much for the page."
        raise UserError(what, "Ask for fewer, or shorter ones.")
    return opened


def options_of(run: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a request that are numbers, each in its range, and a walk's. Raises UserError for any other."""
    options = body.get("options", {})
    if not isinstance(options, dict):
        raise UserError("options must be an object.", "Reload the page.")
    engine = ENGINES.load(f"generate/{open_codec(run).representation}")
    controls = {each.name: each for each in engine.controls}
    given: dict[str, Any] = {}
    for name, value in options.items():
        if name == "interpolate":
            good = isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)
            if not good:
                raise UserError("A walk needs two places.", "Choose two samples.")
            given[name] = [tuple(value)]
        elif name == "frames":
            given[name] = min(whole(name, value) or 2, _MOST_FRAMES)
        elif name in controls:
            control = controls[name]
            given[name] = (whole if control.step == 1 else number)(name, value)
            if given[name] is None or not control.least <= given[name] <= control.most:
                what = f"{control.title} goes from {control.least:g} to {control.most:g}."
                raise UserError(what, "Choose a number in between.")
        else:
            raise UserError(f"There is no option '{str(name)[:40]}' here.", "Reload the page.")
    return given


def _turns(value: Any) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    good = isinstance(value, list) and 1 <= len(value) <= _MOST_TURNS and len(value) % 2 == 1
    good = good and all(
        isinstance(turn, dict) and turn.get("role") == roles[place % 2] and isinstance(turn.get("content"), str)
        for place, turn in enumerate(value)
    )
    if not good:
        raise UserError("That is no talk.", "Begin a new one.")
    return [{"role": turn["role"], "content": turn["content"]} for turn in value]


def _tokens(table: Sequence[bytes], written: Any) -> list[list[Any]]:
    """Each token's text and the natural logarithm of its probability."""
    pairs = zip(written.tokens, written.log_probabilities, strict=True)
    return [[table[token].decode("utf-8", "replace"), round(score, 4)] for token, score in pairs]


def _files(run: Any, records: list[Any]) -> tuple[str, bytes]:
    from tfgen.generate.remade import write_remade

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "samples"
        folder.mkdir()
        if open_codec(run).representation == SEQUENCES:
            modality = open_modality(run)
            for each in records:
                facts = {"run": each.run, "prompt": each.prompt, "seed": each.seed, "settings": dict(each.settings)}
                facts |= {"version": each.version, "text": each.content}
                path = folder / f"{each.id}{modality.text_ending}"
                modality.save_text(path, each.content or "", _signed_facts(run, each))
                (folder / f"{each.id}.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        elif open_codec(run).representation == ROWS:
            made = [_opened_again(run, each).samples().rows for each in records]
            modality = open_modality(run)
            modality.save_rows(folder / "rows.csv", joined(made), _signed_facts(run, *records))
        elif open_codec(run).representation == SETS:
            content = "".join(f"{each.content}\n" for each in records).encode()
            write_marked(folder / "items.txt", content, _signed_facts(run, *records))
        else:
            write_remade(run, records, folder)
        made = sorted(folder.iterdir())
        if len(made) == 1:
            label = f"seed{records[0].seed}" if not records[0].latents else records[0].id[:8]
            return file_stem(run.name, records[0].prompt, label) + made[0].suffix, made[0].read_bytes()
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in made:
                archive.write(path, f"{run.name}/{path.name}")
        return f"{run.name}.zip", content.getvalue()


def _signed_facts(run: Any, *records: Any) -> dict[str, str]:
    """What is signed of the samples in a file."""
    from tfgen.generate import Origin
    from tfgen.generate.output import provenance, provenance_of_all

    seeds, said = [str(each.seed) for each in records], []
    for each, seed in zip(records, seeds, strict=True):
        origin = replace(Origin.of(run, each.settings), version=each.version, digest=each.digest)
        said.append(provenance(origin, each.prompt, seed))
    return provenance_of_all(said, ", ".join(dict.fromkeys(seeds)))


def _opened_again(run: Any, record: Any) -> Any:
    """What makes the sample of a record once more: the version of the run that did. Raises UserError where it can't."""
    from tfgen.generate import Request as Wanted
    from tfgen.generate import open_generator
    from tfgen.generate.remade import run_that_made

    return open_generator(run_that_made(run, record), Wanted(record.prompt, 1, record.seed))


def _settings_of(name: str, content: bytes) -> dict[str, Any]:
    """Run, prompt, seed and settings. Raises UserError where the file says none."""
    ending = Path(name).suffix.lower()[:9]
    for modality in MODALITIES.all():
        if ending != modality.ending and ending != modality.sheet_ending and ending != ".json":
            continue
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / f"dropped{ending if ending.isascii() else ''}"
            path.write_bytes(content)
            try:
                said = json.loads(content) if ending == ".json" else modality.read_metadata(path)
            except Exception:  # whatever a reader of files raises for what is none of its kind
                continue
        if isinstance(said, dict) and isinstance(said.get("run"), str) and "seed" in said:
            return _told(said)
    raise UserError("The file doesn't say how it was made.", "Drop one that tfgen wrote.")


def _told(said: dict[str, Any]) -> dict[str, Any]:
    settings = said.get("settings") or {}
    if isinstance(settings, str):
        try:
            settings = json.loads(settings)
        except ValueError:
            settings = {}
    if not isinstance(settings, dict):
        settings = {}
    seed = str(said["seed"]).split(" ")[0]
    return {
        "run": said["run"],
        "prompt": str(said.get("prompt", "")),
        "seed": int(seed) if re.fullmatch("-?[0-9]{1,10}", seed) else 0,
        "version": str(said.get("version", "")).partition(":")[0],
        "settings": {str(key): each for key, each in settings.items() if isinstance(each, (int, float))},
    }
