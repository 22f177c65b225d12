"""A session of steering: tiles, what a person says of them, other tiles. All of it follows from its log.

A session's tiles depend on the run's weights, its version, the prompt, the seed, the number of tiles and what was said
so far, and on nothing else, so a log can be replayed to the last bit. What was said is kept in the store of feedback at
once, as everything else that people say of samples.
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import versions
from tfgen.catalog import ENGINES
from tfgen.console import command_line
from tfgen.errors import UserError, unknown
from tfgen.feedback.events import Event, Sample, check, new_id, run_digest, whoami
from tfgen.restore import open_codec, open_modality
from tfgen.run import Run
from tfgen.trust.provenance import write_marked

FEWEST, MOST = 2, 36  # tiles
ANSWERS = ("pick", "none", "skip")
OWN = "like my picks"  # the slider of what was learned from the picks
KEY = "steer"  # in an event's payload: the session's settings


@dataclass(frozen=True)
class SteerRequest:
    """What a session is of, beside the run; the same request and answers give the same tiles.

    count: tiles of a round. typical: show nothing that is less at home in the model than nearly all that it makes.
    bank: how many samples it chooses among. options: of a run that makes sequences, how they are made.
    """

    prompt: str = ""
    count: int = 9
    seed: int = 0
    typical: bool = True
    bank: int = 4096
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if not FEWEST <= self.count <= MOST:
            raise UserError(f"{self.count} tiles can't be shown.", f"Ask for {FEWEST} to {MOST} with -k.")
        if not -(2**31) <= self.seed < 2**31:
            raise UserError(f"The seed {self.seed} is out of range.", "Choose one from -2147483648 to 2147483647.")
        if not 64 <= self.bank <= 2**16:
            raise UserError(f"A bank of {self.bank} can't be chosen among.", "Give a number from 64 to 65536.")


@dataclass(frozen=True)
class Tiles:
    """One round as it is shown. values: the samples themselves, arrays [k, ...] or strings. samples: their names in the
    store. arms: why each is there, "kept", "liked", "near" or "asked"."""

    values: Any
    samples: tuple[Sample, ...]
    arms: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True)
class Slider:
    """Something that tiles can have more or less of. matters: how much of what a person likes it accounts for, from 0
    to 1, and below 0 where they like less of it."""

    name: str
    matters: float


class Session(abc.ABC):
    """One session: a subclass for each representation, in catalog.ENGINES under "steer/...".

    Opening one imports no TensorFlow, and raises UserError for all that can be wrong with the request.
    """

    def __init__(self, run: Run, request: SteerRequest, store: Any = None, who: str = "", id: str = ""):
        self.run, self.request, self.store = run, request, store
        self.who = who or whoami()
        self.id = id or new_id()
        self.digest, self.version = run_digest(run), versions.identity(run)
        self.modality = open_modality(run)
        self.codec = open_codec(run)
        self.log: list[Event] = []
        self._said: list[Event] = []  # without what was taken back, and what took it back
        self._tiles: Tiles | None = None

    # What a person sees and says.

    def tiles(self) -> Tiles:
        """The tiles that wait for an answer; the same until there is one."""
        if self._tiles is None:
            self._tiles = self._show()
        return self._tiles

    def answer(self, kind: str, picked: Sequence[int] = ()) -> str:
        """Takes an answer to the tiles, keeps it in the store, and gives a sentence on what it changed.

        Args:
            kind: "pick", "none" where nothing new is better than what was there, "skip" where there is nothing to say.
            picked: places of what is picked, from 0; several where they are equally good.

        Raises:
            UserError: that is no answer to these tiles.
        """
        if kind not in ANSWERS:
            raise unknown("answer", kind, ANSWERS)
        payload = {"picked": [int(place) for place in picked]} if kind == "pick" else {}
        return self._take(kind, payload)

    def move(self, name: str, amount: float) -> str:
        """Asks for tiles with more of a slider's, or less of it where `amount` is below 0; in standard deviations."""
        names = [slider.name for slider in self.sliders()]
        if name not in names:
            raise unknown("slider", name, names)
        if not 0 < abs(amount) <= 10:
            raise UserError(f"{amount:g} is no amount to move by.", "Give one such as 1 or -1.")
        return self._take("skip", {"move": [name, float(amount)]})

    def undo(self) -> str:
        """Takes the last answer back: its tiles are there again. Raises UserError where there is none."""
        if not self._said:
            raise UserError("There is no answer to take back.", "Give one first.")
        last = self._said[-1]
        event = Event("undo", (), {"event": last.id}, self.who, self.id, id=new_id())
        self._keep([], event)
        self._follow(event)
        return f"Took back: {_in_words(last)}."

    @property
    def answers(self) -> int:
        """How many answers count."""
        return len(self._said)

    # What a representation adds.

    @abc.abstractmethod
    def _show(self) -> Tiles:
        """The tiles after all answers so far."""

    @abc.abstractmethod
    def _learn(self, event: Event) -> None:
        """Takes an answer to the present tiles."""

    @abc.abstractmethod
    def _forget(self) -> None:
        """Goes back to before the last answer."""

    @abc.abstractmethod
    def changed(self) -> str:
        """What the last answer changed, in a sentence."""

    @property
    @abc.abstractmethod
    def enough(self) -> bool:
        """Whether going on hardly promises anything better."""

    def sliders(self) -> list[Slider]:
        """What tiles can be moved along, what matters most first."""
        return []

    def check_presets(self) -> None:
        """Raises UserError where what is found can't be kept as a preset."""

    @abc.abstractmethod
    def save(self, name: str) -> Any:
        """Keeps what was found under a name and gives what was made. Raises UserError where there is nothing to."""

    def saved(self, name: str) -> str:
        """As `save`, and gives a sentence on what can be done with it."""
        self.save(name)
        prompt = [self.request.prompt] if self.request.prompt else []
        use = command_line("generate", self.run.reference, *prompt, "--preset", name)
        return f"Saved the preset {name}. Use it: {use}"

    # How it is shown.

    def default_sheet(self) -> Path | None:
        """Where tiles are shown if nobody says; None for what is read as text."""
        return None

    def save_sheet(self, path: Path) -> None:
        """Writes the tiles to a file for looking at."""
        write_marked(path, "".join(f"{line}\n" for line in self.in_lines()).encode(), self.about)

    @property
    def about(self) -> dict[str, str]:
        """What is said, and signed, of a sheet of tiles."""
        return {"run": self.run.title, "session": self.id, "round": str(self.answers + 1)}

    def in_terminal(self, columns: int) -> str | None:
        """The tiles for a terminal of so many columns; None where lines of text do."""
        return None

    @abc.abstractmethod
    def in_lines(self) -> list[str]:
        """The tiles as a line of text each; none where a sheet alone can show them."""

    def ending(self) -> str | None:
        """What the session comes to by itself, such as the text that was written; None for nothing."""
        return None

    # The log.

    def _take(self, kind: str, payload: dict[str, Any]) -> str:
        tiles = self.tiles()
        shown = tuple(sample.id for sample in tiles.samples)
        payload |= {"arms": list(tiles.arms), KEY: asdict(self.request)}
        event = Event(kind, shown, payload, self.who, self.id, id=new_id())
        check(event)
        self._keep(tiles.samples, event)
        self._follow(event)
        return self.changed()

    def _keep(self, samples: Sequence[Sample], event: Event) -> None:
        if self.store is not None:
            self.store.add(samples, [replace(event, key=event.id)])

    def _follow(self, event: Event) -> None:
        """Brings the session to where it is after an event."""
        if event.kind == "undo":
            self._said.pop()
            self._forget()
        else:
            self._learn(event)
            self._said.append(event)
        self.log.append(event)
        self._tiles = None

    def replay(self, log: Sequence[Event]) -> "Session":
        """Goes through another session's log, and gives itself.

        Raises:
            UserError: the tiles aren't the ones that were shown then.
        """
        for number, event in enumerate(log, 1):
            if event.kind != "undo" and event.shown != tuple(sample.id for sample in self.tiles().samples):
                raise UserError(
                    f"The tiles of round {number} come out otherwise than they were shown then.",
                    "Begin a new session; what was said is kept, and tfgen tune learns from it.",
                )
            if event.kind == "undo" and (not self._said or event.payload.get("event") != self._said[-1].id):
                raise UserError(f"Line {number} of the log takes back what isn't the last answer.", "Give a whole log.")
            self._follow(event)
        return self


def open_session(
    run: Run, request: SteerRequest, store: Any = None, who: str = "", engine: str | None = None
) -> Session:
    """A new session of a run. Raises UserError for all that can be wrong with the request."""
    engine = f"steer/{open_codec(run).representation}"
    if engine not in ENGINES:
        modality = open_modality(run)
        raise UserError(
            f"Picks don't steer {modality.plural}: what is wanted can be said.",
            f"Ask for it: {command_line('generate', run.reference)} {modality.asked_by}",
        )
    return ENGINES.load(engine)(run, request, store, who)


def continue_session(run: Run, id: str, store: Any, who: str = "") -> Session:
    """A session of the store with its answers so far.

    Raises:
        UserError: there is none, it is of another run or version, or it can't be continued here.
    """
    events = store.events(session=id, withdrawn=True)
    if not any(KEY in event.payload for event in events):
        raise UserError(f"No session '{id}' is known.", "Begin one without --session.")
    samples = store.samples(event.shown[0] for event in events if event.shown)
    session = replayed(run, events, store, who, id)
    for sample in samples.values():
        if (sample.digest, sample.version) != (session.digest, session.version):
            version = sample.version.partition(":")[0]
            raise UserError(
                f"The session '{id}' is of '{sample.run}' in its version '{version}', not of this model.",
                f"Name that: {command_line('steer', f'{sample.run}@{version}', '--session', id)}",
            )
    return session.replay(events)


def replayed(run: Run, log: Sequence[Event], store: Any = None, who: str = "", id: str = "") -> Session:
    """A session with the settings of a log, at its beginning. Raises UserError where the log doesn't say them."""
    settings = next((event.payload[KEY] for event in log if KEY in event.payload), None)
    try:
        request = SteerRequest(**settings)
    except TypeError:
        raise UserError("This is no log of steering.", "Give one that tfgen feedback export wrote.") from None
    session = open_session(run, request, store, who)
    session.id = id or session.id
    return session


def _in_words(event: Event) -> str:
    if event.kind == "pick":
        return f"pick of {' and '.join(str(place + 1) for place in event.picked)}"
    if "move" in event.payload:
        name, amount = event.payload["move"]
        return f"{'more' if amount > 0 else 'less'} {name}"
    return event.kind


def chance_of(request: SteerRequest, *more: int) -> np.random.Generator:
    """Chance that depends on the request's seed and on `more`, such as the number of the round."""
    return np.random.default_rng([request.seed % 2**32, *more])
