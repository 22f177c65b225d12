"""What every request passes before anything is done: which host was asked, from which page, and by whom."""

import ipaddress
import json
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from tfgen.studio.people import COOKIE, People

HEADER = b"x-tfgen"  # of every request that changes something: no other site's page can send it unasked
_FREE = ("/api/me", "/api/login")  # before one has signed in
_OF_EVERY_ANSWER = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    b"media-src 'self' data: blob:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'self'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"x-frame-options": b"SAMEORIGIN",
}


class Gate:
    """ASGI middleware. Puts the person's name into the scope as "who"."""

    def __init__(self, app: Any, people: People, hosts: Collection[str]):
        """hosts: the names that the studio goes by, beside addresses in numbers. A page of another name that was made
        to point here is turned away (DNS rebinding), which takes a name."""
        self._app, self._people, self._hosts = app, people, {each.lower() for each in hosts}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b"; " + value if name == b"cookie" and name in headers else value
        refusal = self._refusal(scope, headers)
        answer = _with_headers(send)
        if refusal is None:
            return await self._app(scope, receive, answer)
        code, what = refusal
        body = json.dumps({"error": what}).encode()
        start = {"type": "http.response.start", "status": code, "headers": [(b"content-type", b"application/json")]}
        await answer(start)
        await answer({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Any, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if _name_of(host) not in self._hosts and not _is_address(_name_of(host)):
            return 403, "The studio is not called that. Open it by the address that it printed."
        if scope["method"] not in ("GET", "HEAD"):
            origin = headers.get(b"origin")
            same = origin is None or urlsplit(origin.decode("latin-1")).netloc.lower() == host
            foreign = headers.get(b"sec-fetch-site") == b"cross-site"
            if headers.get(HEADER) != b"1" or not same or foreign:
                return 403, "Only the studio's own page may do that."
        scope["who"] = self._who(headers.get(b"cookie", b"").decode("latin-1"))
        if scope["path"].startswith("/api/") and scope["path"] not in _FREE and scope["who"] is None:
            return 401, "You are not signed in. Sign in first."
        return None

    def _who(self, cookies: str) -> str | None:
        pairs = [each.strip().partition("=") for each in cookies.split(";")]
        value = next((value for name, _, value in pairs if name == COOKIE), None)
        try:
            return self._people.who(value)
        except ValueError:  # what was never ours need not be well formed
            return None


def _name_of(host: str) -> str:
    """'localhost' of 'localhost:8600', '::1' of '[::1]:8600'."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Any) -> Any:
    async def answer(message: Any) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            more = [(name, value) for name, value in _OF_EVERY_ANSWER.items() if name not in own]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return answer
