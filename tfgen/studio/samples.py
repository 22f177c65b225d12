"""Samples on their way to the page and back: how each is shown, and what made it, by which it is known again.

What made a sample travels as text, signed, that the page gives back as it is: so nobody can say something of a sample
that was never made, and a browser, which would write 1.0 as 1, makes no other of it.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tfgen.errors import UserError
from tfgen.feedback.events import Sample


class Samples:
    """Shows samples, and knows again what it has shown."""

    def __init__(self, secret: bytes):
        self._secret = secret

    def shown(self, modality: Any, values: Sequence[Any], records: Sequence[Sample | None]) -> list[dict[str, Any]]:
        """Values with their records as the page takes them: {"html", "text", "id", "prompt", "seed", "settings",
        "version", "record"}; the first alone where no seed makes the sample again, "text" where it is one."""
        return [self._row(modality, value, record) for value, record in zip(values, records, strict=True)]

    def _row(self, modality: Any, value: Any, record: Sample | None) -> dict[str, Any]:
        title = "a sample" if record is None or record.content is not None else record.prompt or "a sample"
        row: dict[str, Any] = {"html": modality.as_html(value, title)}
        if isinstance(value, str):
            row["text"] = value
        if record is not None:
            row |= {"id": record.id, "prompt": record.prompt, "settings": dict(record.settings)}
            row["seed"] = None if record.latents else record.seed
            row["version"] = record.version.partition(":")[0]
            content = json.dumps(asdict(record))
            row["record"] = f"{self._signature(content)}.{content}"
        return row

    def read(self, texts: Any, most: int) -> list[Sample]:
        """Records that were shown, 1 to `most`. Raises UserError for what is none."""
        if not isinstance(texts, list) or not 1 <= len(texts) <= most:
            raise UserError("The samples that it is about are missing.", "Reload the page, and try again.")
        return [self._read(text) for text in texts]

    def _read(self, text: Any) -> Sample:
        signature, _, content = text.partition(".") if isinstance(text, str) else ("", "", "")
        if not hmac.compare_digest(signature.encode(), self._signature(content).encode()):
            raise UserError("That is no sample that was shown here.", "Reload the page, and try again.")
        row = json.loads(content)
        return Sample(**{**row, "latents": tuple(row["latents"])})

    def _signature(self, content: str) -> str:
        return hmac.new(self._secret, b"sample:" + content.encode(), hashlib.sha256).hexdigest()[:32]


def records_of(samples: Any) -> list[Sample | None]:
    """What made samples; None for each where no seed makes them again, as of a walk."""
    try:
        return samples.records()
    except UserError:
        return [None] * len(samples)


def values_of(samples: Any) -> Sequence[Any]:
    """The samples themselves: arrays as they are stored, or strings."""
    return samples.values if hasattr(samples, "values") else list(samples)
