"""Where a run comes from, what came of it, what people taught it, and so what must go for a record to be erased."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfgen import versions
from tfgen.checkpoints import newest_name
from tfgen.console import several
from tfgen.run import BASE, Run, all_runs
from tfgen.trust.energy import energy_of
from tfgen.trust.markup import as_bullets, as_facts
from tfgen.trust.privacy import Account

_NONE = "none among the runs here"


def parent(run: Run) -> str:
    """What a run began with, in words; empty for random weights."""
    start, before = run.record.get("start") or {}, run.record.get("lineage") or {}
    if before.get("from"):
        return f"the run \"{before['from']}\", after {several(before['steps'], 'step')}"
    return f"the preset {Path(str(start['preset'])).name}" if start.get("preset") else ""


def lineage(run: Run) -> str:
    """A list of the run's weights, its parents and its children."""
    record, known = run.record, run.record.get("lineage") or {}
    facts = {
        "Run": f"{run.name}, begun {record['created']}",
        "Weights": f"`{newest_name(run.checkpoints) or 'none yet'}`, with their hash in the name",
        "Parent": parent(run) or "none",
    }
    for name, steps in ancestors(record)[1:]:
        facts["Parent"] += f"; before that \"{name}\", after {several(steps, 'step')}"
    if known.get("repeat"):
        facts["Repeat of"] = f"\"{known['repeat']}\""
    facts["What it makes"] = "files signed as made by it, unless that was turned off; `tfgen verify FILE` reads it"
    facts["Version in use"] = "as the fit ended" if run.version == BASE else run.version
    return as_facts({**facts, "Runs that began with it": _quoted(_descendants(run))})


def feedback(run: Run) -> str:
    """A list of what people said of it, and what its versions learned from that, without names."""
    lines = [_learned(each) for each in versions.described(run) if each["kind"] == "tuned"]
    said = _said(run)
    lines.insert(0, f"In the store of feedback: {said}." if said else "The store of feedback has nothing of it.")
    return as_bullets(lines if lines[1:] else [*lines, "No version learned from it."])


def erasure(run: Run, source: str) -> str:
    """The steps after which nothing of a record is left, as far as this computer goes.

    Args:
        source: what the data is called.
    """
    fingerprint, name = run.record["data"]["fingerprint"], shlex.quote(run.name)
    began = _descendants(run)
    others = [each for each in all_runs() if each.path != run.path and each.name not in began]
    same = sorted(each.name for each in others if each.record["data"].get("fingerprint") == fingerprint)
    adds_up = ""
    if "privacy" in run.record:
        asked = Account.from_json(run.record["privacy"]).asked
        adds_up = f" It is private again ({asked}), and the epsilons of both fits add up."
    steps = [
        f"Take the record out of the data, \"{source}\".",
        # All of it, whichever version the card is of.
        f"`tfgen forget {name} --rows FILE`, where FILE has the record. It retrains this run without it and deletes "
        f"what was derived from the old weights, the cache and the feedback on it.{adds_up} It does the same for runs "
        f"here that began with it ({_quoted(began)}) and others that learned the same data ({_quoted(same)}).",
        "`--search FOLDER` includes exports and samples elsewhere; `--delete` deletes the runs instead of retraining.",
        "Of a person who gave feedback: `tfgen feedback forget WHO`.",
    ]
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def ancestors(record: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The names of the runs that a run began with, and the steps that each had taken; the last first."""
    found, known = [], record.get("lineage") or {}
    while known and known.get("from"):
        found.append((known["from"], known["steps"]))
        known = known.get("before")
    return found


def _descendants(run: Run) -> list[str]:
    """The names of the runs here that began with a run, or with one that did."""
    others = (each for each in all_runs() if each.path != run.path)
    return sorted(each.name for each in others if run.name in dict(ancestors(each.record)))


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names) or _NONE


def _learned(version: Mapping[str, Any]) -> str:
    """What a version learned from, in a sentence without names."""
    counts = {noun: version.get(f"{noun}s") for noun in ("answer", "comparison", "edit")}
    what = " and ".join(several(count, noun) for noun, count in counts.items() if count) or "feedback"
    by = f" of {_people(version['people'])}" if version.get("people") else ""
    sentence = f"{version['name']}{' (in use)' if version['in_use'] else ''} learned from {what}{by}"
    held_out = version.get("held_out")
    if held_out:
        sentence += f"; of those held out it predicts {held_out['right']} of {held_out['count']}"
    energy = energy_of(version)
    return f"{sentence}. Learning took {energy.in_words()}" if energy else f"{sentence}."


def _said(run: Run) -> str:
    """How much was said of a run, in words; empty where there is nothing, or no store."""
    from tfgen.feedback.report import report
    from tfgen.feedback.store import has_store, open_store

    if not has_store():
        return ""
    with open_store() as store:
        counts = report(store, run).counts
    people = {who for each in counts.values() for who in each}
    total = sum(sum(each.values()) for each in counts.values())
    return f"{several(total, 'answer')} of {_people(len(people))}" if total else ""


def _people(count: int) -> str:
    return f"{count} {'person' if count == 1 else 'people'}"
