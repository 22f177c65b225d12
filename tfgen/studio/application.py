"""The studio's addresses: the page and its files, and the JSON interface that the page is a client of."""

import mimetypes
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tfgen import __version__
from tfgen.errors import UserError
from tfgen.feedback.events import whoami
from tfgen.studio.gate import Gate
from tfgen.studio.jobs import Jobs
from tfgen.studio.model_thread import ModelThread
from tfgen.studio.people import COOKIE, DAYS, People
from tfgen.studio.replies import Handler, answering, read_json
from tfgen.studio.samples import Samples
from tfgen.studio.uploads import Uploads

_PAGE = Path(__file__).parent / "page"
_KEPT = "max-age=3600"


@dataclass(frozen=True)
class Studio:
    """What the handlers share. runs: the folder with the runs. store: of feedback."""

    runs: Path
    store: Any
    models: ModelThread
    jobs: Jobs
    uploads: Uploads
    people: People
    samples: Samples


def application(studio: Studio, hosts: Collection[str]) -> Starlette:
    """The ASGI application."""
    from tfgen.studio import feedback, home, making, projects, steering

    page = _Page()
    routes = [_route("GET", "/static/{version}/{name}", page.file)]
    routes += [_route("GET", "/api/me", _Door(studio).me), _route("POST", "/api/login", _Door(studio).enter)]
    routes += [_route("POST", "/api/logout", _Door(studio).leave)]
    for part in (home, making, steering, feedback, projects):
        routes += [_route(*each) for each in part.handlers(studio)]
    routes += [Route("/api/{rest:path}", answering(_nothing), methods=["GET", "POST"])]
    routes += [Route("/{path:path}", page.page, methods=["GET"])]
    return Starlette(routes=routes, middleware=[Middleware(Gate, people=studio.people, hosts=hosts)])


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(path, answering(handler), methods=[method])


async def _nothing(request: Request) -> Response:
    return JSONResponse({"error": "There is nothing at this address. Reload the page."}, 404)


class _Page:
    """The page, whose files are named with the version, so that a browser may keep them for a while."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in _PAGE.iterdir() if path.is_file()}
        self._html = self._files.pop("index.html").replace(b"{version}", __version__.encode())

    async def page(self, request: Request) -> Response:
        return Response(self._html, media_type="text/html", headers={"cache-control": "no-cache"})

    async def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            return Response(status_code=404)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(self._files[name], media_type=kind, headers={"cache-control": _KEPT})


class _Door:
    """Signing in and out."""

    def __init__(self, studio: Studio):
        self._people = studio.people

    async def me(self, request: Request) -> Response:
        """Who one is, and how one signs in where one has not."""
        how = "open" if self._people.is_open else "users" if self._people.users else "token"
        return JSONResponse({"who": request.scope["who"], "door": how, "version": __version__})

    async def enter(self, request: Request) -> Response:
        import asyncio

        body = await read_json(request)
        name, password = body.get("name", ""), body.get("password", "")
        if self._people.is_open:
            return JSONResponse({"who": whoami()})
        if not isinstance(name, str) or not isinstance(password, str) or len(password) > 1000:
            raise UserError("The name or the password is no text.", "Try again.")
        place = request.client.host if request.client else ""
        cookie = await asyncio.to_thread(self._people.enter, name, password, place)
        response = JSONResponse({"who": self._people.who(cookie)})
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, cookie, DAYS * 86400, httponly=True, samesite="strict", secure=secure)
        return response

    async def leave(self, request: Request) -> Response:
        response = JSONResponse({})
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response
