"""Samples from a server that speaks TensorFlow Serving's REST: `tfgen serve`, or the real one."""

import base64
import io
import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.errors import Failure, UserError
from tfgen.generate import Origin, Request, flag, seeds_from
from tfgen.generate.image import ImageGenerator, Samples
from tfgen.output.image import check_output, file_name, write_samples
from tfgen.talk import say

AT_ONCE = 32  # samples in one request; no more than the batches that `tfgen export --serving` allows
_SECONDS = 60.0


def deliver_remotely(server: str, model: str, request: Request) -> None:
    """Samples of a served model, written where the request says. Raises as `generate_remotely` does."""
    if request.options:
        name = flag(next(iter(request.options)))
        raise UserError(
            f"From a server this command fetches pictures, and '{name}' is for text.",
            "Leave it out, or ask the server itself, as docs/export.md shows, or name a run instead.",
        )
    count = ImageGenerator.default_count if request.count is None else request.count
    path = request.output or Path(file_name(model, request.prompt, request.seed))
    check_output(path)
    samples = generate_remotely(server, model, request.prompt, count, request.seed)
    say(f"Wrote {write_samples(samples, path)}")


def generate_remotely(server: str, model: str, prompt: str = "", count: int = 64, seed: int = 0) -> Samples:
    """Samples `seed`, `seed + 1`, ... of a served model, as `tfgen.generate.image.generate` makes them of its run.

    A server doesn't tell which prompt it drew in place of an empty one, so those samples have none.

    Raises:
        UserError: there is no such server or model, or it can't follow the prompt.
        Failure: the server answered with something else than pictures.
    """
    if urllib.parse.urlsplit(server).scheme not in ("http", "https"):
        raise UserError(f"'{server}' is not the address of a server.", "Give one such as http://127.0.0.1:8501.")
    seeds = [int(each) for each in seeds_from(seed, count)]
    address = f"{server.rstrip('/')}/v1/models/{urllib.parse.quote(model, safe='')}"
    takes_prompts = _takes_prompts(_ask(f"{address}/metadata"), model)
    if prompt and not takes_prompts:
        raise UserError(f"'{model}' was trained without prompts, so it can't follow one.", "Leave the prompt out.")
    pictures = []
    for start in range(0, count, AT_ONCE):
        part = seeds[start : start + AT_ONCE]
        inputs = {"seed": part, **({"prompt": [prompt] * len(part)} if takes_prompts else {})}
        answer = _ask(f"{address}:predict", {"signature_name": "png", "inputs": inputs})
        pictures += [_picture(each) for each in answer.get("outputs") or [None]]
    if len(pictures) != count:
        raise Failure(f"The server gave {len(pictures)} pictures instead of {count}.", "Look at the server's log.")
    return Samples(np.stack(pictures), [prompt] * count, seeds, Origin(model, server, "image"))


def _takes_prompts(metadata: dict[str, Any], model: str) -> bool:
    signatures = metadata.get("metadata", {}).get("signature_def", {}).get("signature_def", {})
    if "logits" in signatures:
        raise UserError(
            f"'{model}' makes text, and this command fetches pictures.",
            "Ask the server itself, as docs/export.md shows, or use the run: tfgen generate RUN PROMPT",
        )
    if "png" not in signatures:
        raise UserError(f"'{model}' has no signature 'png', so it is not an export of tfgen.", "Name another model.")
    return "prompt" in signatures["png"].get("inputs", {})


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


def _picture(content: Any) -> np.ndarray:
    """uint8 [height, width, channels] from `{"b64": ...}`, a PNG."""
    from PIL import Image

    try:
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(content["b64"])), formats=("PNG",)))
    except (TypeError, KeyError, ValueError, OSError) as error:
        raise Failure("The server's answer is not a picture.", "See that the model is an export of tfgen.") from error
    return pixels if pixels.ndim == 3 else pixels[..., None]
