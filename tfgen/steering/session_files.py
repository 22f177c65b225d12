"""A session as a person sees it, and its log as a file."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tfgen.console import say
from tfgen.errors import UserError
from tfgen.feedback.events import Event
from tfgen.files import check_place
from tfgen.steering.session import KEY, OWN, Session


class Screen:
    """Shows a session's tiles: as a sheet in a file, in a terminal there too, and as JSON rows where that is asked for.

    Texts have no sheet unless one is asked for, and go to standard error a line each. Raises UserError where the sheet
    can't be written.
    """

    def __init__(self, session: Session, sheet: Path | None, as_json: bool):
        self.session, self.as_json = session, as_json
        usual = session.default_sheet()
        self.sheet = sheet or usual
        self._said = False
        if sheet is not None and usual is not None and sheet.suffix.lower() != usual.suffix:
            what = f"A sheet of {session.modality.plural} can't be written to '{sheet}'."
            raise UserError(what, f"Give a path that ends in {usual.suffix}.")
        if self.sheet is not None:
            check_place(self.sheet)

    def show(self) -> None:
        """The tiles that wait for an answer."""
        tiles = self.session.tiles()
        if self.as_json:
            row = {
                "session": self.session.id,
                "round": self.session.answers + 1,
                "shown": [sample.id for sample in tiles.samples],
                "seeds": [sample.seed for sample in tiles.samples],
                "arms": list(tiles.arms),
                "enough": self.session.enough,
            }
            texts = [sample.content for sample in tiles.samples]
            print(json.dumps(row | ({"texts": texts} if all(text is not None for text in texts) else {})), flush=True)
        if self.sheet is not None:
            self.session.save_sheet(self.sheet)
            if not self._said:
                say(f"The tiles are in {self.sheet}.")
            self._said = True
        picture = self.session.in_terminal(shutil.get_terminal_size().columns) if sys.stderr.isatty() else None
        lines = self.session.in_lines() if picture is None else None
        say(picture if picture is not None else "\n".join(lines) if lines else f"Round {self.session.answers + 1}")

    def show_sliders(self) -> None:
        """What can be moved along, and how much it matters."""
        sliders = self.session.sliders()
        if not sliders:
            say("There are no sliders here.")
        for slider in sliders:
            if slider.name == OWN:
                say(f"{OWN}: the direction that your picks point in")
                continue
            direction = "more" if slider.matters >= 0 else "less"
            share = f"{abs(slider.matters):.0%}"
            say(f"{slider.name}: you like {direction} of it, which alone explains {share} of what you like")


def read_log(path: Path) -> list[Event]:
    """A session's events from a file of JSON lines, such as tfgen feedback export makes.

    Raises:
        UserError: it can't be read, or holds something else.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        events = [_event_of(row.get("event", row)) for row in rows]
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror}.", "Give a file with a session's events.") from error
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"'{path}' is no log of a session.", "Give a file with a JSON row for each event.") from None
    steered = {event.session for event in events if KEY in event.payload}
    if len(steered) > 1:
        raise UserError(f"'{path}' has {len(steered)} sessions.", "Give a file with the events of one.")
    return [event for event in events if event.session in steered]


def _event_of(row: dict[str, Any]) -> Event:
    names = ("who", "session", "id", "at", "key")
    shown = tuple(each if isinstance(each, str) else each["id"] for each in row.get("shown", ()))
    return Event(row["kind"], shown, row.get("payload", {}), **{name: row.get(name) or "" for name in names})
