"""Sessions of steering for the page: tiles, answers, sliders, presets. Each is one person's."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tfgen.arguments import number, text, whole
from tfgen.errors import UserError
from tfgen.steering.session import Session, SteerRequest, continue_session, open_session
from tfgen.studio.home import run_of
from tfgen.studio.replies import NotThere, read_json
from tfgen.studio.samples import shown

_SESSIONS = 128  # that are kept at hand; older ones are gone through again from the store
_SLIDERS = 8


def handlers(studio: Any) -> Iterator[tuple[str, str, Any]]:
    """Method, address and handler of each."""
    steering = _Steering(studio)
    yield "POST", "/api/runs/{run}/steer", steering.open
    yield "POST", "/api/runs/{run}/steer/{session}", steering.answer


class _Steering:
    def __init__(self, studio: Any):
        self._studio = studio
        self._sessions: OrderedDict[tuple[str, str], Session] = OrderedDict()

    async def open(self, request: Request) -> Response:
        """A new session, or one of this person's that is named."""
        body = await read_json(request)
        run, who = run_of(self._studio, request, body), request.scope["who"]
        if body.get("session"):
            session = await self._find(run, who, text("session", body["session"]))
        else:
            wanted = SteerRequest(
                text("prompt", body.get("prompt", "")), whole("k", body.get("k")) or 9,
                whole("seed", body.get("seed")) or 0, body.get("typical") is not False, options=_options(body),
            )
            session = await asyncio.to_thread(open_session, run, wanted, self._studio.store, who)
            self._keep(who, session)
        return JSONResponse(await self._studio.models.do(_state, session))

    async def answer(self, request: Request) -> Response:
        """Takes an answer to the round that it names; one that comes too late, or twice, changes nothing."""
        body = await read_json(request)
        run, who = run_of(self._studio, request, body), request.scope["who"]
        session = await self._find(run, who, request.path_params["session"])
        round_number = whole("round", body.get("round"))
        return JSONResponse(await self._studio.models.do(_answered, session, body, round_number))

    async def _find(self, run: Any, who: str, id: str) -> Session:
        session = self._sessions.get((who, id))
        if session is None:
            await asyncio.to_thread(self._check_owner, id, who)
            session = await self._studio.models.do(continue_session, run, id, self._studio.store, who)
            self._keep(who, session)
        if session.run.path != run.path:
            raise NotThere("The session is of another run.", "Begin a new one.")
        self._sessions.move_to_end((who, id))
        return session

    def _check_owner(self, id: str, who: str) -> None:
        people = {event.who for event in self._studio.store.events(session=id, withdrawn=True)}
        if people != {who}:
            raise NotThere("There is no such session of yours.", "Begin a new one.")

    def _keep(self, who: str, session: Session) -> None:
        self._sessions[who, session.id] = session
        while len(self._sessions) > _SESSIONS:
            self._sessions.popitem(last=False)


def _options(body: dict[str, Any]) -> dict[str, Any]:
    options = body.get("options", {})
    if not isinstance(options, dict):
        raise UserError("options must be an object.", "Reload the page.")
    return {name: value for name, value in options.items() if isinstance(value, (int, float))}


def _answered(session: Session, body: dict[str, Any], round_number: int | None) -> dict[str, Any]:
    if round_number is not None and round_number != session.answers:
        return {**_state(session), "late": True}
    verb = body.get("do")
    verbs: dict[str, Callable[[], str]] = {
        "pick": lambda: session.answer("pick", _places(body, len(session.tiles()))),
        "none": lambda: session.answer("none"),
        "skip": lambda: session.answer("skip"),
        "undo": session.undo,
        "move": lambda: session.move(text("name", body.get("name")), number("amount", body.get("amount")) or 0.0),
        "save": lambda: session.saved(text("name", body.get("name"))),
    }
    if verb not in verbs:
        raise UserError("That is no answer.", "Reload the page.")
    return {**_state(session, verbs[verb]())}


def _places(body: dict[str, Any], count: int) -> list[int]:
    places = body.get("picked")
    good = isinstance(places, list) and places and all(type(each) is int and 0 <= each < count for each in places)
    if not good:
        raise UserError("That is no pick among the tiles.", "Reload the page.")
    return list(dict.fromkeys(places))


def _state(session: Session, says: str = "") -> dict[str, Any]:
    tiles = session.tiles()
    sliders = session.sliders()[:_SLIDERS]
    return {
        "session": session.id,
        "round": session.answers,
        "prompt": session.request.prompt,
        "tiles": shown(session.modality, tiles.values, tiles.samples),
        "arms": list(tiles.arms),
        "sliders": [{"name": each.name, "matters": round(each.matters, 3)} for each in sliders],
        "says": says,
        "enough": session.enough if session.answers else False,
        "ending": session.ending(),
        "history": [_told(event) for event in session.log[-50:]],
    }


def _told(event: Any) -> str:
    if event.kind == "pick":
        return " ".join(str(place + 1) for place in event.picked)
    return "moved" if "move" in event.payload else event.kind
