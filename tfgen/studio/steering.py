"""Sessions of steering for the page: tiles, answers, sliders, presets. Each is one person's."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tfgen import versions
from tfgen.api import Run
from tfgen.arguments import number, text, whole
from tfgen.errors import UserError
from tfgen.steering.session import Session, SteerRequest, continue_session, open_session
from tfgen.studio.home import run_of
from tfgen.studio.making import options_of
from tfgen.studio.model_thread import steadily
from tfgen.studio.replies import NotThere, read_json

_SESSIONS = 32  # that are kept at hand; older ones are gone through again from the store
_LONGEST = 200  # tokens of a tile
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
            options = options_of(run, body)
            if options.get("length", 0) > _LONGEST:
                raise UserError(f"Tiles have at most {_LONGEST} tokens.", "Choose a smaller length.")
            wanted = SteerRequest(
                text("prompt", body.get("prompt", "")), whole("k", body.get("k")) or 9,
                whole("seed", body.get("seed")) or 0, body.get("typical") is not False, options=options,
            )
            session = await self._studio.models.do(self._begun, run, wanted, who)
            self._keep(who, session)
        return JSONResponse(await self._studio.models.do(self._state, session))

    def _begun(self, run: Any, wanted: SteerRequest, who: str) -> Session:
        """A session whose model is that of the weights that it names."""

        def begin() -> Session:
            session = open_session(run, wanted, self._studio.store, who)
            session.tiles()
            return session

        return steadily(run, begin)

    async def answer(self, request: Request) -> Response:
        """Takes an answer to the round that it names; one that comes too late, or twice, changes nothing."""
        body = await read_json(request)
        run, who = run_of(self._studio, request, body), request.scope["who"]
        session = await self._find(run, who, request.path_params["session"])
        round_number = whole("round", body.get("round"))
        return JSONResponse(await self._studio.models.do(self._answered, session, body, round_number))

    async def _find(self, run: Any, who: str, id: str) -> Session:
        if (who, id) not in self._sessions:
            session = await self._studio.models.do(self._again, run, id, who)
            if (who, id) not in self._sessions:  # another request of the same person may have been quicker
                self._keep(who, session)
        session = self._sessions[who, id]
        if session.run.path != run.path:
            raise NotThere("The session is of another run.", "Begin a new one.")
        self._sessions.move_to_end((who, id))
        return session

    def _again(self, run: Any, id: str, who: str) -> Session:
        """A session gone through again from the store, in the version that it is of."""
        events = self._studio.store.events(session=id, withdrawn=True)
        if {event.who for event in events} != {who}:
            raise NotThere("There is no such session of yours.", "Begin a new one.")
        first = next((event.shown[0] for event in events if event.shown), None)
        sample = self._studio.store.samples([first]).get(first) if first else None
        version = versions.by_identity(run).get(sample.version) if sample else None
        return continue_session(Run(run.path, run.record, version), id, self._studio.store, who)

    def _keep(self, who: str, session: Session) -> None:
        self._sessions[who, session.id] = session
        while len(self._sessions) > _SESSIONS:
            self._sessions.popitem(last=False)

    def _answered(self, session: Session, body: dict[str, Any], round_number: int | None) -> dict[str, Any]:
        if round_number is not None and round_number != session.answers:
            return {**self._state(session), "late": True}
        verb = body.get("do")
        verbs: dict[str, Callable[[], str]] = {
            "pick": lambda: session.answer("pick", _places(body, len(session.tiles()))),
            "none": lambda: session.answer("none"),
            "skip": lambda: session.answer("skip"),
            "undo": session.undo,
            "move": lambda: session.move(text("name", body.get("name")), number("amount", body.get("amount")) or 0.0),
            "save": lambda: _saved(session, text("name", body.get("name"))),
        }
        if verb not in verbs:
            raise UserError("That is no answer.", "Reload the page.")
        return self._state(session, verbs[verb]())

    def _state(self, session: Session, says: str = "") -> dict[str, Any]:
        tiles = session.tiles()
        return {
            "session": session.id,
            "round": session.answers,
            "prompt": session.request.prompt,
            "tiles": self._studio.samples.shown(session.modality, tiles.values, tiles.samples),
            "arms": list(tiles.arms),
            "sliders": [
                {"name": each.name, "matters": round(each.matters, 3)} for each in session.sliders()[:_SLIDERS]
            ],
            "says": says,
            "enough": session.enough if session.answers else False,
            "ending": session.ending(),
            "history": [_told(event) for event in session.log[-50:]],
        }


def _saved(session: Session, name: str) -> str:
    session.save(name)
    return f"Saved as {name}."


def _places(body: dict[str, Any], count: int) -> list[int]:
    places = body.get("picked")
    good = isinstance(places, list) and places and all(type(each) is int and 0 <= each < count for each in places)
    if not good:
        raise UserError("That is no pick among the tiles.", "Reload the page.")
    return list(dict.fromkeys(places))


def _told(event: Any) -> str:
    if event.kind == "pick":
        return " ".join(str(place + 1) for place in event.picked)
    return "moved" if "move" in event.payload else event.kind
