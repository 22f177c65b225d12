"""Samples on their way to the page and back: how each is shown, and what made it, by which it is known again.

What made a sample travels as text that the page gives back as it is: a browser would write 1.0 as 1, and the sample
would be another.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from tfgen.errors import UserError
from tfgen.feedback.events import MOST_LETTERS, Sample

_FIELDS = {each.name for each in fields(Sample)}


def shown(modality: Any, values: Sequence[Any], records: Sequence[Sample | None]) -> list[dict[str, Any]]:
    """Values with their records as the page takes them: {"id", "html", "text", "record"}; without id and record where
    no seed makes the sample again."""
    return [_shown(modality, value, record) for value, record in zip(values, records, strict=True)]


def _shown(modality: Any, value: Any, record: Sample | None) -> dict[str, Any]:
    title = "a sample" if record is None else (record.prompt if record.content is None else "") or "a sample"
    row: dict[str, Any] = {"html": modality.as_html(value, title)}
    if isinstance(value, str):
        row["text"] = value
    if record is not None:
        row |= {"id": record.id, "prompt": record.prompt, "seed": record.seed, "settings": dict(record.settings)}
        row["record"] = json.dumps(asdict(record))
    return row


def records_of(samples: Any) -> list[Sample | None]:
    """What made samples; None for each where no seed makes them again, as of a walk."""
    try:
        return samples.records()
    except UserError:
        return [None] * len(samples)


def read_records(rows: Any, most: int) -> list[Sample]:
    """Records as the page sends them back. Raises UserError for what is none."""
    if not isinstance(rows, list) or not 1 <= len(rows) <= most:
        raise UserError("The samples that it is about are missing.", "Reload the page, and try again.")
    return [_read(row) for row in rows]


def _read(text: Any) -> Sample:
    try:
        row = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        row = None
    good = isinstance(row, Mapping) and row.keys() <= _FIELDS and {"run", "digest"} <= row.keys()
    if good:
        texts = [row[key] for key in ("run", "digest", "version", "prompt", "prompt_version") if key in row]
        texts.append(row.get("content") or "")
        good = all(isinstance(each, str) and len(each) <= MOST_LETTERS for each in texts)
        good &= row.get("seed") is None or type(row["seed"]) is int and -(2**31) <= row["seed"] < 2**31
        good &= isinstance(row.get("settings", {}), Mapping)
        good &= _are_numbers(row.get("latents", ()))
    if not good:
        raise UserError("That is no sample of tfgen's.", "Reload the page, and try again.")
    return Sample(**{**row, "latents": tuple(row.get("latents", ()))})


def _are_numbers(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and len(values) <= 4096 and all(isinstance(each, float) for each in values)


def values_of(samples: Any) -> Iterable[Any]:
    """The samples themselves: arrays as they are stored, or strings."""
    return getattr(samples, "values", None) if hasattr(samples, "values") else list(samples)
