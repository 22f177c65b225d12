"""What people say at the page: reactions to samples, questions, blind comparisons, and what was learned from it."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tfgen.arguments import text, whole
from tfgen.console import several
from tfgen.errors import UserError
from tfgen.feedback.events import KINDS, MOST_SHOWN, Event, new_id
from tfgen.feedback.report import report
from tfgen.steering.session import KEY
from tfgen.studio.home import run_of
from tfgen.studio.replies import NotThere, read_json, sentence

_COMPARISONS = 64  # series that are at hand
_MOST_PAIRS = 50
_NEWEST = 30  # things said that the page lists


def handlers(studio: Any) -> Iterator[tuple[str, str, Any]]:
    """Method, address and handler of each."""
    feedback = _Feedback(studio)
    yield "POST", "/api/feedback", feedback.say
    yield "POST", "/api/feedback/undo", feedback.undo
    yield "GET", "/api/runs/{run}/feedback", feedback.report
    yield "POST", "/api/runs/{run}/compare", feedback.compare
    yield "GET", "/api/comparisons/{id}", feedback.pair
    yield "POST", "/api/comparisons/{id}", feedback.answer


class _Feedback:
    def __init__(self, studio: Any):
        self._studio, self._store = studio, studio.store
        self._series: OrderedDict[tuple[str, str], "_Series"] = OrderedDict()

    async def say(self, request: Request) -> Response:
        """Keeps one thing that was said of samples; sent twice with one key, it is kept once."""
        body = await read_json(request)
        kind, payload = body.get("kind"), body.get("payload", {})
        if kind not in KINDS or kind == "undo" or not isinstance(payload, dict):
            raise UserError("That is no feedback.", "Reload the page.")
        samples = self._studio.samples.read(body.get("records"), MOST_SHOWN)
        shown_ids = tuple(each.id for each in samples)
        event = Event(kind, shown_ids, payload, request.scope["who"], key=_key(body, request.scope["who"]))
        (id,) = await asyncio.to_thread(self._store.add, samples, [event])
        count = await asyncio.to_thread(self._count, samples[0].run)
        return JSONResponse({"event": id, "says": f"Kept. {several(count, 'answer')} on {samples[0].run} so far."})

    def _count(self, run: str) -> int:
        return sum(self._store.counts(run).values())

    async def undo(self, request: Request) -> Response:
        """Takes back what this person said."""
        body = await read_json(request)
        who, id = request.scope["who"], text("event", body.get("event"))
        own = await asyncio.to_thread(lambda: [each for each in self._store.events(who=who) if each.id == id])
        if not own:
            raise NotThere("You said no such thing.", "Reload the page.")
        if KEY in own[0].payload:
            raise UserError("That is an answer of a session of steering.", "Take it back there, by Undo.")
        event = Event("undo", (), {"event": id}, who, key=f"undo:{id}")
        await asyncio.to_thread(self._store.add, [], [event])
        return JSONResponse({"says": "Taken back."})

    async def report(self, request: Request) -> Response:
        run, who = run_of(self._studio, request), request.scope["who"]

        def told() -> dict[str, Any]:
            found = report(self._store, run)
            own = self._store.events(run=run.name, who=who, limit=_NEWEST)
            newest = [
                {"event": each.id, "kind": each.kind, "at": each.at, "payload": _shown_of(each),
                 "steers": KEY in each.payload}
                for each in own
            ]
            return {**found.to_json(), "lines": found.lines(), "newest": newest[::-1], "plan": _plan(run, self._store)}

        return JSONResponse(await asyncio.to_thread(told))

    async def compare(self, request: Request) -> Response:
        """Begins a series of pairs: of the version in use and the one before, unknown which is which, or of samples of
        which it is least known how they are liked."""
        body = await read_json(request)
        run, who = run_of(self._studio, request, body), request.scope["who"]
        count = whole("n", body.get("n")) or 20
        if count > _MOST_PAIRS:
            raise UserError(f"The page compares up to {_MOST_PAIRS} pairs at once.", "Ask for fewer, and again.")
        prompt, is_blind = text("prompt", body.get("prompt", "")), bool(body.get("blind"))
        series = await self._studio.models.do(_Series.open, run, self._store, who, is_blind, count, prompt)
        id = new_id()
        self._series[who, id] = series
        while len(self._series) > _COMPARISONS:
            self._series.popitem(last=False)
        return JSONResponse({"id": id, **series.to_json(self._studio.samples)})

    def _find(self, request: Request) -> "_Series":
        series = self._series.get((request.scope["who"], request.path_params["id"]))
        if series is None:
            raise NotThere("The comparison is no longer at hand.", "Begin a new one; what you said is kept.")
        return series

    async def pair(self, request: Request) -> Response:
        return JSONResponse(self._find(request).to_json(self._studio.samples))

    async def answer(self, request: Request) -> Response:
        body, series = await read_json(request), self._find(request)
        place, picked = whole("place", body.get("place")), body.get("picked")
        if picked not in ([0], [1], [0, 1]):
            raise UserError("That is no answer to a pair.", "Reload the page.")
        await asyncio.to_thread(series.answer, place, picked)
        return JSONResponse(series.to_json(self._studio.samples))


def _shown_of(event: Event) -> dict[str, Any]:
    """What somebody said, without the settings of the session that it is of."""
    return {key: each for key, each in event.payload.items() if key not in (KEY, "arms")}


def _key(body: dict[str, Any], who: str) -> str:
    key = body.get("key", "")
    if not isinstance(key, str) or len(key) > 64:
        raise UserError("The key must be a short text.", "Reload the page.")
    return f"{who}:{key}" if key else ""


def _plan(run: Any, store: Any) -> dict[str, Any]:
    """What tuning would do, or why it can't yet."""
    try:
        return {"can": True, "says": run.plan_tuning(store=store)}
    except UserError as error:
        return {"can": False, "says": sentence(error)}


class _Series:
    """Pairs one after the other, made at the beginning."""

    def __init__(self, test: Any, pairs: list[Any], is_blind: bool):
        self._test, self._pairs, self._is_blind = test, pairs, is_blind
        self._place, self._guard = 0, threading.Lock()

    @classmethod
    def open(cls, run: Any, store: Any, who: str, is_blind: bool, count: int, prompt: str) -> "_Series":
        """Raises UserError where there is nothing to compare."""
        from tfgen.tuning.blind import BlindTest
        from tfgen.tuning.questions import Questions

        if is_blind:
            test = BlindTest(run, store, count, prompt, who=who)
            return cls(test, test.pairs(), True)
        test = Questions(run, store, prompt, 2, count, seed=len(store.events(run=run.name, who=who)), who=who)
        return cls(test, list(test), False)

    def answer(self, place: int | None, picked: list[int]) -> None:
        """Takes an answer to the pair at a place; one that comes too late, or twice, changes nothing."""
        with self._guard:
            if place == self._place and place < len(self._pairs):
                self._test.answer(self._pairs[place], picked)
                self._place += 1

    def to_json(self, samples: Any) -> dict[str, Any]:
        place = self._place
        facts: dict[str, Any] = {"place": place, "of": len(self._pairs), "blind": self._is_blind}
        if place < len(self._pairs):
            pair = self._pairs[place]
            # Nothing that says which is which: no record, no version.
            tiles = samples.shown(self._test.modality, pair.values, [None, None])
            return {**facts, "prompt": pair.prompt, "tiles": tiles}
        return {**facts, "result": self._test.result if self._is_blind else None}
