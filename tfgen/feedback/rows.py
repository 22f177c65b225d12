"""Feedback as JSON lines: everything, to move it to another store, or as preferences that other trainers read."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import NoneType
from typing import Any

from tfgen import files
from tfgen.console import say, several
from tfgen.errors import UserError
from tfgen.feedback.events import Event, Sample, check
from tfgen.feedback.faults import Faults
from tfgen.feedback.preferences import Comparison, Edit
from tfgen.feedback.store import Store

_LINES_SHOWN = 5


def export_events(store: Store, path: Path, run: str | None = None) -> int:
    """Writes every event with what was shown, withdrawn ones too, so that `import_rows` brings all of it back; gives
    how many there are."""
    events = store.events(run=run, withdrawn=True)
    samples = store.samples({each for event in events for each in event.shown})
    written: set[str] = set()

    def lines() -> Iterator[str]:
        for event in events:
            new = [each for each in event.shown if each not in written and each in samples]
            written.update(new)
            row = {"event": asdict(event), "samples": [asdict(samples[each]) for each in new]}
            yield json.dumps(row, ensure_ascii=False)

    _write(path, lines())
    return len(events)


def export_preferences(comparisons: Iterable[Comparison], edits: Iterable[Edit], path: Path, name_of: Any) -> int:
    """Writes rows {prompt, chosen, rejected, weight, session, event}, as trainers of preferences read them; an edit is
    chosen before what it was made of. `name_of` gives a sample as it stands in a row: its text, or its file's name."""
    rows = [
        {"prompt": better.prompt, "chosen": name_of(better), "rejected": name_of(worse), "weight": round(weight, 6),
         "session": each.session, "event": each.event}
        for each in comparisons
        for better, worse, weight in each.pairs()
    ]
    rows += [
        {"prompt": edit.sample.prompt, "chosen": edit.text, "rejected": name_of(edit.sample), "weight": 1.0,
         "session": "", "event": edit.event}
        for edit in edits
    ]
    _write(path, (json.dumps(row, ensure_ascii=False) for row in rows))
    return len(rows)


def judged(store: Store, run: str) -> list[tuple[Event, Sample]]:
    """The thumbs and ratings of a run that say yes or no, each with what it is of; a 3 says neither."""
    events = [event for event in store.events(run=run, kinds=("rating", "thumb")) if event.payload["value"] != 3]
    samples = store.samples({event.shown[0] for event in events})
    return [(event, samples[event.shown[0]]) for event in events]


def export_unpaired(judged: Iterable[tuple[Event, Sample]], path: Path, name_of: Any) -> int:
    """Writes rows {prompt, completion, label, event}; true is a thumb up, or a rating of 4 or 5."""
    rows = []
    for event, sample in judged:
        good = event.payload["value"] > (0 if event.kind == "thumb" else 3)
        rows.append({"prompt": sample.prompt, "completion": name_of(sample), "label": good, "event": event.id})
    _write(path, (json.dumps(row, ensure_ascii=False) for row in rows))
    return len(rows)


def import_rows(store: Store, path: Path, run: str = "imported", digest: str = "imported") -> int:
    """Keeps the rows of a file that `export_events` wrote, or of a layout that tfgen.feedback.layouts reads, and gives
    how many are new. What was imported before is kept once.

    Args:
        run, digest: what texts of others are taken to be samples of.

    Rows that show a text beside itself say nothing: they are left out, and that is said.

    Raises:
        UserError: rows can't be read; names file and lines. Nothing is kept then.
    """
    before = len(store)
    read = _own_rows(store, path) if _is_own(path) else _rows_of_others(store, path, run, digest)
    store.add([each for samples, _ in read for each in samples], [event for _, event in read])
    return len(store) - before


def _rows_of_others(store: Store, path: Path, run: str, digest: str) -> list[tuple[list[Sample], Event]]:
    from tfgen.feedback.layouts import read_rows

    rows = read_rows(path)
    # Rows that `export_preferences` wrote are called by their event, which may be of this store.
    own = store.known_events({row["key"].partition("-")[0] for row in rows})
    found, same, faults = [], [], Faults(path)
    for row in rows:
        if row["key"].partition("-")[0] in own:
            continue
        shown = [Sample(run, digest, prompt=row["prompt"], content=text) for text in row["shown"]]
        if len({each.id for each in shown}) < len(shown):
            same.append(row["line"])
            continue
        payload = {"picked": list(row["picked"])} if "picked" in row else {"value": row["value"]}
        ids = tuple(each.id for each in shown)
        # By what the row says, not by the file, which may grow.
        said = json.dumps([digest, row["key"], row.get("who", ""), ids, payload])
        key = f"import:{hashlib.sha256(said.encode()).hexdigest()[:32]}"
        who = row.get("who") or f"import:{path.name}"
        event = Event(row["kind"], ids, payload, who, f"import:{path.name}", key=key)
        _check(event, row["line"], faults)
        found.append((shown, event))
    faults.check()
    if same:
        lines = list(dict.fromkeys(same))
        named = ", ".join(map(str, lines[:_LINES_SHOWN])) + (", ..." if len(lines) > _LINES_SHOWN else "")
        say(f"Left out: {several(len(lines), 'row')} with the same text twice, of which none is better (line {named}).")
    return found


def _check(event: Event, line: int, faults: Faults) -> None:
    try:
        check(event)
    except UserError as error:
        faults.add(line, _clause(error))


def _clause(error: UserError) -> str:
    """What is wrong, as the end of a sentence."""
    return error.what_is_wrong[:1].lower() + error.what_is_wrong[1:].rstrip(".")


def _is_own(path: Path) -> bool:
    if path.is_dir():
        return False
    try:
        with open(path, encoding="utf-8") as file:
            row = json.loads(file.readline() or "{}")
    except (OSError, ValueError):
        return False
    return isinstance(row, dict) and row.keys() == {"event", "samples"}


def _own_rows(store: Store, path: Path) -> list[tuple[list[Sample], Event]]:
    faults, found = Faults(path), []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                samples = [Sample(**{**each, "latents": tuple(each["latents"])}) for each in row["samples"]]
                event = Event(**{**row["event"], "shown": tuple(row["event"]["shown"])})
                _check_types(samples, event)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                faults.add(number, "it is no row of feedback")
                continue
            _check(event, number, faults)
            found.append((number, samples, event if event.key else replace(event, key=event.id)))
    _check_untampered(store, found, faults)
    faults.check()
    return [(samples, event) for _, samples, event in found]


def _check_types(samples: Iterable[Sample], event: Event) -> None:
    """Raises TypeError for what no export has written, and the database would take all the same."""
    texts = [event.kind, event.who, event.session, event.id, event.at, event.key, *event.shown]
    for each in samples:
        texts += [each.run, each.digest, each.version, each.prompt, each.prompt_version, each.content or ""]
        if not isinstance(each.settings, dict) or type(each.seed) not in (int, NoneType):
            raise TypeError("a sample")
        if not all(type(number) in (int, float) for number in each.latents):
            raise TypeError("latents")
    if not all(isinstance(text, str) for text in texts) or not isinstance(event.payload, dict):
        raise TypeError("an event")


def _check_untampered(store: Store, rows: Sequence[tuple[int, list[Sample], Event]], faults: Faults) -> None:
    """A sample's id is made of all that is said of it, and an event that is kept already never changes."""
    known = {each.id for _, samples, _ in rows for each in samples}
    known |= store.samples({each for _, _, event in rows for each in event.shown} - known).keys()
    kept = store.known_events({event.id for _, _, event in rows})
    for line, _, event in rows:
        before = kept.setdefault(event.id, event) if event.id else event
        if not known.issuperset(event.shown):
            faults.add(line, "what it says of a sample is not what was exported")
        elif (before.kind, before.shown, dict(before.payload)) != (event.kind, event.shown, dict(event.payload)):
            faults.add(line, f"it says otherwise than the answer '{event.id}' that is kept already")


def _write(path: Path, lines: Iterable[str]) -> None:
    with files.open_atomically(path) as file:
        for line in lines:
            file.write(f"{line}\n".encode())
