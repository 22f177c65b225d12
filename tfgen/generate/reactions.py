"""What a person says of samples that they have before them, kept in the store of feedback."""

from collections.abc import Iterable
from typing import Any

from tfgen.feedback.events import Event, Sample


class Reactions:
    """Verbs of samples: each keeps what was said in the store and gives the event's id.

    Places count from 0. `more` may say `who`, `session` and `key`, as of tfgen.feedback.events.Event.
    """

    def records(self) -> list[Sample]:
        """The samples as the store knows them. Raises UserError where nothing says what made them."""
        raise NotImplementedError

    def pick(self, places: int | Iterable[int], **more: Any) -> str:
        """One of them is the best, or several that are equally good."""
        picked = [places] if isinstance(places, int) else [int(place) for place in places]
        return self._said("pick", range(len(self.records())), {"picked": picked}, more)

    def rate(self, place: int, value: int, **more: Any) -> str:
        """A rating from 1 to 5."""
        return self._said("rating", [place], {"value": value}, more)

    def thumb(self, place: int, up: bool, **more: Any) -> str:
        return self._said("thumb", [place], {"value": 1 if up else -1}, more)

    def edit(self, place: int, text: str, **more: Any) -> str:
        """What a text should have been."""
        return self._said("edit", [place], {"text": text}, more)

    def tag(self, place: int, *tags: str, **more: Any) -> str:
        return self._said("tag", [place], {"tags": list(tags)}, more)

    def _said(self, kind: str, places: Iterable[int], payload: dict[str, Any], more: dict[str, Any]) -> str:
        from tfgen.feedback.store import open_store

        records = self.records()
        shown = [records[place] for place in places]
        with open_store() as store:
            (event,) = store.add(shown, [Event(kind, tuple(each.id for each in shown), payload, **more)])
        return event
