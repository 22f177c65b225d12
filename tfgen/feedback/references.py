"""How a person names one output: by a file that tfgen made, by its id in the store, or by run and seed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfgen.catalog import MODALITIES
from tfgen.console import command_line
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.representations import ARRAYS, SEQUENCES
from tfgen.restore import open_codec
from tfgen.run import BASE, Run

_LARGEST = 2**28  # bytes of a file that is read for what it says of itself


def sample_of(name: str, prompt: str = "") -> Sample | str:
    """The sample behind a name, or the beginning of an id that the store may know.

    Args:
        name: a file that `generate` wrote; texts.jsonl:3, its third row; or RUN:SEED.
        prompt: of RUN:SEED.

    Raises:
        UserError: the file says not enough of where it is from, or there is no such run.
    """
    path, colon, place = name.rpartition(":")
    if Path(name).is_file():
        return _of_file(Path(name))
    if colon and Path(path).is_file() and _is_number(place):
        return _of_row(Path(path), int(place))
    if colon and _is_number(place):
        run = Run.open(path)
        if open_codec(run).representation == SEQUENCES:
            raise UserError(
                "A text is not known by its seed alone.",
                "Keep it first, then name its row: "
                f"{command_line('generate', run.reference, '-o', 'texts.jsonl')}, and texts.jsonl:1",
            )
        if open_codec(run).representation != ARRAYS:
            one = MODALITIES.load(run.record["modality"]).samples[0]
            raise UserError(f"A {one} is not rated by its seed.", "In Python: run.generate(...).rate(...)")
        run.vocabulary().ids(prompt)
        if not -(2**31) <= int(place) < 2**31:
            raise UserError(f"The seed {place} is out of range.", "Choose one from -2147483648 to 2147483647.")
        return Sample.of(run, prompt, int(place))
    if len(name) >= 4 and all(letter in "0123456789abcdef" for letter in name):
        return name
    raise UserError(
        f"'{name}' names no sample.", "Give a file that tfgen made, RUN:SEED, or an id that feedback list shows."
    )


def _of_file(path: Path) -> Sample:
    if path.suffix == ".jsonl":
        return _of_row(path, None)
    facts = facts_of(path)
    if facts is None:
        raise UserError(f"'{path}' does not say what made it.", "Give a file that tfgen generate wrote.")
    return _from_facts(facts, str(path))


def facts_of(path: Path) -> Mapping[str, Any] | None:
    """What a file that tfgen wrote says of how it was made; None where it says no run."""
    if path.stat().st_size > _LARGEST:
        return None
    for modality in MODALITIES.all():
        try:
            facts = modality.read_metadata(path)
        except Exception:  # whatever a reader of files raises for what is none of its kind
            continue
        if isinstance(facts, Mapping) and "run" in facts:
            return facts
    return None


def _of_row(path: Path, number: int | None) -> Sample:
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")  # a text may hold other ends of lines
    if number is None and len(lines) > 1:
        raise UserError(f"'{path}' has {len(lines)} rows.", f"Name one, such as {path}:1")
    number = 1 if number is None else number
    if not 1 <= number <= len(lines):
        raise UserError(f"'{path}' has {len(lines)} rows.", f"Name one from 1: {path}:1")
    try:
        row = json.loads(lines[number - 1])
        facts = {**row, "settings": json.dumps(row.get("settings", {}))}
    except (ValueError, TypeError):
        raise UserError(f"Row {number} of '{path}' is no JSON.", "Give a file that tfgen generate wrote.") from None
    return _from_facts(facts, f"{path}:{number}")


def _from_facts(facts: Mapping[str, Any], name: str) -> Sample:
    try:
        seed = int(facts["seed"])
        return Sample(
            facts["run"],
            facts["weights"],
            facts.get("version") or BASE,
            facts["prompt"],
            facts.get("prompt version", ""),
            seed,
            settings=json.loads(facts.get("settings") or "{}"),
            content=facts.get("text"),
        )
    except (KeyError, ValueError, TypeError):
        raise UserError(
            f"'{name}' shows several samples, or does not say which weights and seed made it.",
            "Give a file of one sample, as tfgen generate -o FOLDER writes them.",
        ) from None


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdigit()
