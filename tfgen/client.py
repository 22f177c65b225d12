"""Samples and texts from a server that speaks TensorFlow Serving's REST: `tfgen serve`, or the real one."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfgen.catalog import MODALITIES
from tfgen.console import say
from tfgen.errors import Failure, UserError
from tfgen.generate import Origin, Request, flag, seeds_from, sequence_files
from tfgen.generate.arrays import ArraySamples, check_output, write_samples
from tfgen.generate.output import file_stem
from tfgen.representations.sequences.sampler import Piece, Text
from tfgen.representations.sequences.sampling_settings import SamplingSettings

TEXT_SIGNATURE = "generate_text"
AT_ONCE = 32  # samples in one request; no more than the batches that `tfgen export --serving` allows
_SECONDS = 60.0


def deliver_remotely(server: str, model: str, request: Request) -> None:
    """Samples of a served model, written where the request says. Raises as `ServedModel` and `ServedWriter` do."""
    if TEXT_SIGNATURE in _metadata(server, model):
        return _deliver_texts(ServedWriter(server, model), request)
    if request.options:
        name = flag(next(iter(request.options)))
        raise UserError(
            f"'{name}' is for text or for a run, and '{model}' makes files on a server.",
            "Leave it out, or name a run instead.",
        )
    served = ServedModel.open(server, model)
    kind = MODALITIES.load(served.modality)
    count = kind.default_count if request.count is None else request.count
    stem = file_stem(model, request.prompt, f"seed{request.seed}")
    path = request.output or Path(stem + kind.sheet_ending)
    check_output(path, kind)
    samples = served.generate(request.prompt, count, request.seed)
    samples.origin = samples.origin.asked_by(request)
    say(f"Wrote {write_samples(samples, path)}")


def _deliver_texts(writer: "ServedWriter", request: Request) -> None:
    """Texts of a served model, to standard output or where the request says."""
    for name in request.options:
        if name not in ServedWriter.options:
            able = ", ".join(map(flag, ServedWriter.options))
            raise UserError(f"'{flag(name)}' is not for a server.", f"It takes {able}; or name a run instead.")
    how = SamplingSettings.of(request.options)
    if request.output:
        sequence_files.check_output(request.output, as_json=False)
    seeds = [int(seed) for seed in seeds_from(request.seed, 1 if request.count is None else request.count)]
    texts = writer.write(request.prompt, seeds, how)
    rows = sequence_files.Rows(Origin(writer.name, writer.server, "text").asked_by(request), how.to_json())
    if request.output:
        return say(f"Wrote {sequence_files.write_texts(texts, request.output, rows)}")
    printer = sequence_files.TextPrinter(texts)
    for place, text in enumerate(texts):
        printer.show(Piece(place, text.text, True))


@dataclass(frozen=True)
class ServedWriter:
    """A served model that takes and gives strings: its server and name. TensorFlow Serving's interfaces have no
    streams, so a text comes when it is whole."""

    server: str
    name: str

    options: ClassVar = ("temperature", "top_k", "top_p", "length")

    def write(self, prompt: str, seeds: Sequence[int], how: SamplingSettings) -> list[Text]:
        """A text for each seed, as `tfgen.generate` makes them of its run, by the options that a server takes.

        Raises:
            UserError: the server refused.
            Failure: it answered with something else than texts.
        """
        texts = []
        for start in range(0, len(seeds), AT_ONCE):
            part = list(seeds[start : start + AT_ONCE])
            facts = {"prompt": prompt, "max_new_tokens": how.length, "temperature": how.temperature}
            facts |= {"top_k": how.top_k, "top_p": how.top_p}
            inputs = {"seed": part, **{key: [value] * len(part) for key, value in facts.items()}}
            question = {"signature_name": TEXT_SIGNATURE, "inputs": inputs}
            answer = _ask(f"{_address(self.server, self.name)}:predict", question).get("outputs")
            try:
                made = zip(part, answer["text"], answer["length"], strict=True)
                for seed, text, length in made:
                    ended = "length" if length >= how.length else "end"
                    texts.append(Text(f"seed {seed}", seed, prompt, text=str(text), ended=ended))
            except (TypeError, KeyError, ValueError) as error:
                raise Failure(
                    "The server's answer is no text.", "See that the model is an export of tfgen."
                ) from error
        return texts


@dataclass(frozen=True)
class ServedModel:
    """A served model that gives files: its server and name, what it makes, and by which of its signatures."""

    server: str
    name: str
    modality: str
    signature: str
    takes_prompts: bool

    @classmethod
    def open(cls, server: str, name: str) -> "ServedModel":
        """Raises UserError where there is no such server or model, or it gives no files."""
        signatures = _metadata(server, name)
        modality, signature = _file_signature(signatures, name)
        return cls(server, name, modality, signature, "prompt" in signatures[signature].get("inputs", {}))

    def generate(self, prompt: str = "", count: int = 64, seed: int = 0) -> ArraySamples:
        """Samples `seed`, `seed + 1`, ..., as `tfgen.generate.arrays.generate` makes them of its run.

        A server doesn't tell which prompt it drew in place of an empty one, so those samples have none.

        Raises:
            UserError: the model can't follow the prompt.
            Failure: the server answered with something else than samples.
        """
        seeds = [int(each) for each in seeds_from(seed, count)]
        if prompt and not self.takes_prompts:
            what = f"'{self.name}' was trained without prompts, so it can't follow one."
            raise UserError(what, "Leave the prompt out.")
        read = MODALITIES.load(self.modality).read_file
        samples = []
        for start in range(0, count, AT_ONCE):
            part = seeds[start : start + AT_ONCE]
            inputs = {"seed": part, **({"prompt": [prompt] * len(part)} if self.takes_prompts else {})}
            question = {"signature_name": self.signature, "inputs": inputs}
            answer = _ask(f"{_address(self.server, self.name)}:predict", question)
            samples += [_sample(each, read) for each in answer.get("outputs") or [None]]
        if len(samples) != count:
            raise Failure(f"The server gave {len(samples)} samples instead of {count}.", "Look at the server's log.")
        origin = Origin(self.name, self.server, self.modality)
        return ArraySamples.of(np.stack(samples), [prompt] * count, seeds, origin)


def _address(server: str, model: str) -> str:
    if urllib.parse.urlsplit(server).scheme not in ("http", "https"):
        raise UserError(f"'{server}' is not the address of a server.", "Give one such as http://127.0.0.1:8501.")
    return f"{server.rstrip('/')}/v1/models/{urllib.parse.quote(model, safe='')}"


def _metadata(server: str, model: str) -> dict[str, Any]:
    """The signatures of a served model, by name."""
    answer = _ask(f"{_address(server, model)}/metadata")
    return answer.get("metadata", {}).get("signature_def", {}).get("signature_def", {})


def _file_signature(signatures: dict[str, Any], model: str) -> tuple[str, str]:
    """The modality that a served model is of, and its signature that gives files."""
    for name in MODALITIES:
        signature = MODALITIES.load(name).file_signature
        if signature in signatures:
            return name, signature
    if "fill" in signatures:
        raise UserError(
            f"'{model}' makes rows, which this command doesn't fetch from a server.",
            "Ask it by REST (docs/tables.md), or use the run: tfgen generate RUN",
        )
    if "logits" in signatures:
        raise UserError(
            f"'{model}' takes and gives tokens, for which this command has no tokenizer.",
            "Fit with --set tokenizer=characters, whose exports take strings, or use the run: tfgen generate RUN",
        )
    raise UserError(f"'{model}' has no signature that gives files, as exports of tfgen have.", "Name another model.")


def _ask(address: str, question: dict[str, Any] | None = None) -> dict[str, Any]:
    """The server's JSON answer to a GET, or to a POST where there is a question."""
    content = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(address, content, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        reason = _reason(error)
        if error.code >= 500 or error.code == 429:
            raise Failure(f"The server could not answer: {reason}.", "Try again later.") from None
        raise UserError(f"The server refused: {reason}.", "Mend the request, or name another --model.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"There is no answer from '{address}': {reason}.", "Start one with: tfgen serve RUN") from None


def _reason(error: urllib.error.HTTPError) -> str:
    """The first line of what the server says is wrong."""
    try:
        text = str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError, OSError):
        text = f"{error.code} {error.reason}"
    return " ".join(text.split()).rstrip(".")[:300]


def _sample(content: Any, read: Any) -> np.ndarray:
    """One stored example from `{"b64": ...}`, a file."""
    try:
        return read(base64.b64decode(content["b64"]))
    except (TypeError, KeyError, ValueError, OSError) as error:
        raise Failure("The server's answer is not a sample.", "See that the model is an export of tfgen.") from error
