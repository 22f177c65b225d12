"""Feedback as JSON lines: everything, to move it to another store, or as preferences that other trainers read."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfgen import files
from tfgen.errors import UserError
from tfgen.feedback.events import Event, Sample
from tfgen.feedback.preferences import Comparison, Edit
from tfgen.feedback.store import Store

_AT_ONCE = 1000  # rows that are kept together


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

    Raises:
        UserError: a row can't be read; names file and line. The rows before it are kept.
    """
    before, samples, events = len(store), [], []
    for row_samples, row_events in _rows(store, path, run, digest):
        samples += row_samples
        events += row_events
        if len(events) >= _AT_ONCE:
            store.add(samples, events)
            samples, events = [], []
    store.add(samples, events)
    return len(store) - before


def _rows(store: Store, path: Path, run: str, digest: str) -> Iterator[tuple[list[Sample], list[Event]]]:
    if _is_own(path):
        yield from _own_rows(path)
        return
    from tfgen.feedback.layouts import read_rows

    rows = list(read_rows(path))
    # Rows that `export_preferences` wrote are called by their event, which may be of this store.
    own = store.known_events({row["key"].partition("-")[0] for row in rows})
    for row in rows:
        if row["key"].partition("-")[0] in own:
            continue
        shown = [Sample(run, digest, prompt=row["prompt"], content=text) for text in row["shown"]]
        if len({each.id for each in shown}) < len(shown):
            continue  # the same text twice: nothing can be said of it
        payload = {"picked": list(row["picked"])} if "picked" in row else {"value": row["value"]}
        ids = tuple(each.id for each in shown)
        kind = "pick" if row["kind"] == "pair" and len(ids) > 2 else row["kind"]
        # By what the row says, not by the file, which may grow.
        said = json.dumps([digest, row["key"], row.get("who", ""), ids, payload])
        key = f"import:{hashlib.sha256(said.encode()).hexdigest()[:32]}"
        who = row.get("who") or f"import:{path.name}"
        yield shown, [Event(kind, ids, payload, who, f"import:{path.name}", key=key)]


def _is_own(path: Path) -> bool:
    if path.is_dir():
        return False
    try:
        with open(path, encoding="utf-8") as file:
            row = json.loads(file.readline() or "{}")
    except (OSError, ValueError):
        return False
    return isinstance(row, dict) and row.keys() == {"event", "samples"}


def _own_rows(path: Path) -> Iterator[tuple[list[Sample], list[Event]]]:
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                samples = [Sample(**{**each, "latents": tuple(each["latents"])}) for each in row["samples"]]
                event = Event(**{**row["event"], "shown": tuple(row["event"]["shown"])})
            except (ValueError, TypeError, KeyError, AttributeError):
                what = f"Line {number} of '{path}' is no row of feedback."
                raise UserError(what, "Export it again: tfgen feedback export") from None
            yield samples, [event if event.key else Event(**{**asdict(event), "key": event.id})]


def _write(path: Path, lines: Iterable[str]) -> None:
    with files.open_atomically(path) as file:
        for line in lines:
            file.write(f"{line}\n".encode())
