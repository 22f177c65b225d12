"""What a person was shown, and what they said of it: the two kinds of rows that are never changed once written."""

import getpass
import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfgen import versions
from tfgen.checkpoints import newest_name
from tfgen.errors import UserError
from tfgen.run import Run

KINDS = ("pick", "pair", "rating", "thumb", "edit", "tag", "none", "skip", "undo")
MOST_LETTERS = 65536  # of a text
MOST_SHOWN = 36
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, as ULIDs have


@dataclass(frozen=True)
class Sample:
    """One output, named by what made it: the same run, version, prompt and seed give the same id.

    run: its name. digest: of the weights, which a removed or renamed run's samples are still known by.
    version: of the run's model, as tfgen.versions.identity names it; "base" is what the fit ended with.
    prompt: as the model got it; prompt_version: the saved prompt that it came from, "name@3".
    seed, or latents: what the sample was drawn from; neither for what came from elsewhere.
    content: of a sequence its text; of arrays nothing, since they are made again from the seed.
    """

    run: str
    digest: str
    version: str = "base"
    prompt: str = ""
    prompt_version: str = ""
    seed: int | None = None
    latents: tuple[float, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    content: str | None = None

    @property
    def id(self) -> str:
        """32 hexadecimal digits."""
        made_by = [self.digest, self.version, self.prompt, self.seed, list(self.latents), dict(self.settings)]
        parts = [*made_by, self.content]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]

    @classmethod
    def of(cls, run: Run, prompt: str, seed: int | None = None, **more: Any) -> "Sample":
        """A sample of a run in its present state."""
        return cls(run.name, run_digest(run), versions.identity(run), prompt, seed=seed, **more)


@dataclass(frozen=True)
class Event:
    """One thing that a person said or did; `undo` takes an earlier one back.

    shown: the ids of what was shown, in its order on the screen.
    payload: of a pick or a pair {"picked": [places]}, several where they are equally good; of a rating {"value": 1..5};
        of a thumb {"value": 1 or -1}; of an edit {"text": ...}; of tags {"tags": [...]}; of an undo {"event": id}.
    key: the caller's own, so that sending an event twice keeps one.
    """

    kind: str
    shown: tuple[str, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict)
    who: str = ""
    session: str = ""
    id: str = ""
    at: str = ""
    key: str = ""

    @property
    def picked(self) -> tuple[int, ...]:
        """The places of what was picked."""
        return tuple(self.payload.get("picked", ()))


def check(event: Event) -> None:
    """Raises UserError for an event that says nothing, or the impossible."""
    count, payload = len(event.shown), event.payload
    if event.kind not in KINDS:
        raise UserError(f"'{event.kind}' is no kind of feedback.", f"It is one of: {', '.join(KINDS)}.")
    if event.kind in ("pick", "pair", "none", "skip"):
        if not 2 <= count <= MOST_SHOWN or event.kind == "pair" and count != 2:
            how_many = "two" if event.kind == "pair" else f"2 to {MOST_SHOWN}"
            raise UserError(f"A {event.kind} is among {how_many} samples, not {count}.", "Show as many.")
        if len(set(event.shown)) < count:
            raise UserError("A sample was shown beside itself.", "Show different ones.")
    if event.kind in ("pick", "pair"):
        places = payload.get("picked")
        good = isinstance(places, (list, tuple)) and places and all(isinstance(each, int) for each in places)
        if not good or not set(places) <= set(range(count)) or len(set(places)) < len(places):
            raise UserError(f"{places!r} is no pick among {count} samples.", f"Name places from 0 to {count - 1}.")
    if event.kind in ("rating", "thumb", "edit", "tag") and count != 1:
        raise UserError(f"A {event.kind} is of one sample, not {count}.", "Name one.")
    if event.kind == "rating" and payload.get("value") not in (1, 2, 3, 4, 5):
        raise UserError(f"{payload.get('value')!r} is no rating.", "Give a whole number from 1 to 5.")
    if event.kind == "thumb" and payload.get("value") not in (1, -1):
        raise UserError(f"{payload.get('value')!r} is no thumb.", "Give 1 for up or -1 for down.")
    if event.kind == "edit":
        _check_text(payload.get("text"))
    if event.kind == "tag":
        tags = payload.get("tags")
        if not isinstance(tags, (list, tuple)) or not tags or not all(isinstance(each, str) and each for each in tags):
            raise UserError(f"{tags!r} are no tags.", "Give words.")
    if event.kind == "undo" and not isinstance(payload.get("event"), str):
        raise UserError("Nothing is named that is taken back.", "Give an event's id.")


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise UserError("An edit has no text.", "Give what the sample should have been.")
    if not text.strip():
        raise UserError("An edit of nothing but space corrects nothing.", "Give what the sample should have been.")
    if len(text) > MOST_LETTERS:
        raise UserError(f"A text of {len(text)} letters is too long.", f"Give at most {MOST_LETTERS}.")


def run_digest(run: Run) -> str:
    """What names a run's weights, whatever the run is called: its newest checkpoint's own hash."""
    name = newest_name(run.checkpoints)
    if name is None:
        raise UserError(f"There is no checkpoint of '{run.name}'.", "Fit again: the run ended before its first one.")
    return name.removesuffix(".npz").rpartition("-")[2]


def new_id() -> str:
    """A ULID: 26 letters that sort by the time they were made at."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def whoami() -> str:
    """Who gives feedback where nobody says: $TFGEN_WHO, else the account."""
    try:
        return os.environ.get("TFGEN_WHO") or getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "someone"


def check_shown(ids: Sequence[str], known: Mapping[str, Sample]) -> None:
    """Raises UserError for the first id that nobody has seen."""
    for each in ids:
        if each not in known:
            raise UserError(f"No sample '{each}' is known.", "See what there is with: tfgen feedback list")
