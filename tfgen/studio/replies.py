"""Requests and answers in JSON: what is wrong with one becomes two sentences, never a traceback."""

import functools
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tfgen.errors import Failure, UserError

MOST_BYTES = 2**20  # of a request in JSON
Handler = Callable[[Request], Awaitable[Response]]


class NotThere(UserError):
    """What was asked for by its name does not exist."""


def answering(handler: Handler) -> Handler:
    """A handler whose errors are answers."""

    @functools.wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            if not isinstance(error, UserError):
                traceback.print_exc()  # for whoever runs the studio
            return JSONResponse({"error": sentence(error)}, code_of(error))

    return answer


def code_of(error: Exception) -> int:
    if isinstance(error, NotThere):
        return 404
    if isinstance(error, Failure):
        return 503
    return 400 if isinstance(error, UserError) else 500


def sentence(error: Exception) -> str:
    """What a person at the page is told of an error: nothing to type into a terminal, and of an error that nobody
    foresaw nothing that may lie in it, such as paths."""
    if isinstance(error, UserError):
        return f"{error.what_is_wrong} {_advice(error.what_to_do)}".strip()
    return "Something in tfgen broke. Try again; whoever runs the studio finds the reason in its terminal."


# What to click in place of what to type.
_INSTEAD = (
    ("tfgen steer", "Pick from nine, under Steer."),
    ("tfgen feedback", "Pick from nine, or compare two."),
    ("tfgen tune", "Let it learn, under Learn."),
    ("tfgen runs", "See its versions, under Learn."),
    ("tfgen generate", "Write a prompt first."),
    ("tfgen evaluate", "Evaluate it first."),
    ("tfgen prompt", "Save a prompt first."),
)


def _advice(text: str) -> str:
    """What to do, in the page's own words where it is a command or an option of one."""
    if "tfgen " not in text and "--" not in text:
        return text
    return next((instead for command, instead in _INSTEAD if command in text), "")


async def read_json(request: Request) -> dict[str, Any]:
    """The body as an object. Raises UserError where it is none, or too large."""
    content = await read_body(request, MOST_BYTES)
    try:
        value = json.loads(content or b"{}", parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()  # halves of letters are no text
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UserError("The request is no JSON object.", "Reload the page, and try again.")
    return value


def _no_number(name: str) -> None:
    raise ValueError(name)


async def read_body(request: Request, most: int) -> bytes:
    """The body, of at most so many bytes. Raises UserError where it is larger."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise UserError(f"That is larger than {most // 2**20} MB.", "Send less.")
        parts.append(part)
    return b"".join(parts)


def lines(rows: AsyncIterator[Any]) -> Response:
    """Rows as JSON lines, each sent when it is there; an error becomes the last one."""

    async def told() -> AsyncIterator[bytes]:
        try:
            async for row in rows:
                yield json.dumps(row, ensure_ascii=False).encode() + b"\n"
        except Exception as error:
            yield json.dumps({"error": sentence(error)}).encode() + b"\n"

    return StreamingResponse(told(), media_type="application/x-ndjson")
