"""A source to examples: its baskets, in three parts."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.console import say, several
from tfgen.data.examples import Report, short_name
from tfgen.data.request import DataRequest
from tfgen.errors import UserError
from tfgen.modalities.basket.cleaning import clean
from tfgen.modalities.basket.reading import AS_LINES, Interactions, read_interactions
from tfgen.modalities.basket.recognition import first_lines, line_delimiter
from tfgen.modalities.table.delimited import parse_sample
from tfgen.modalities.table.reading import ending_of
from tfgen.representations.sets.codec import SetCodec, items_of
from tfgen.representations.sets.examples import SetExamples, in_order_of_chance, set_split
from tfgen.representations.sets.sets import Sets

ROLES = ("user", "item", "title", "time", "layout")  # settings that say how a source is read
HOW_READ = (*ROLES, "least_rating", "without")  # and which of it counts


@dataclass(frozen=True, eq=False)
class BasketExamples(SetExamples):
    """See SetExamples."""

    are_users: bool  # whether a set is all that a user had, rather than one basket


def open_examples(request: DataRequest, found: Interactions | None = None) -> BasketExamples:
    """The examples of a source under the request's settings.

    found: what was read, where the source is no file.

    Raises:
        UserError: it can't be read, or nothing in it can be learned.
    """
    known = _known_codec(request.get("codec"))
    found = read_interactions(request.source, _said(request.settings)) if found is None else found
    names = None if known is None else known.names
    left_out = items_of(request.get("without", ""))
    baskets = clean(found, request.get("core"), request.get("least_rating"), left_out, names)
    sets = in_order_of_chance(baskets.sets)
    training, validation = set_split(len(sets), request.get("holdout"))
    codec = known or SetCodec.of(baskets.names, sets.part(0, training), baskets.ordered, "baskets")
    name = short_name(Path(request.shown_source).name.split(".")[0]) if isinstance(request.source, str) else "baskets"
    report = Report(len(found.users) + len(found.broken), len(sets.items), found.broken,
                    [*found.notes, *baskets.notes])  # fmt: skip
    about = "basket", request.shown_source, name
    fingerprint = _fingerprint(sets.items, sets.starts, baskets.names, baskets.ordered)
    return BasketExamples(*about, sets, training, validation, codec, report, fingerprint, not found.is_lines)


def read_given(path: Path, codec: SetCodec, settings: Mapping[str, Any]) -> tuple[list[str], Sets]:
    """The baskets of a file as a run's codec has them, and whose each is; items that it doesn't know are left out.

    settings: of the run's data: what they say of columns and of what counts holds here too.

    Raises:
        UserError: it can't be read, or the run knows nothing in it.
    """
    if not path.exists():
        raise UserError(f"There is no file '{path}'.", "Name one with a basket a line, or a user and an item a row.")
    said = _said(settings)
    if not said and _begins_with_items(path, codec):
        said = {"layout": AS_LINES}  # a few baskets are not as ragged as many
    found = read_interactions(str(path), said)
    left_out = items_of(settings.get("without", ""))
    baskets = clean(found, None, settings.get("least_rating"), left_out, codec.names)
    for note in [*found.notes, *baskets.notes]:
        say(note)
    lost = len(found.owners) - len(baskets.owners)
    if lost:
        say(f"{several(lost, 'basket')} without an item that the run knows {'is' if lost == 1 else 'are'} left out.")
    return [found.owners[owner] for owner in baskets.owners], baskets.sets


def _begins_with_items(path: Path, codec: SetCodec) -> bool:
    """Whether the first line names an item that the run knows, so that it is no heading."""
    lines = [] if ending_of(path) in (".parquet", ".xlsx", ".jsonl", ".ndjson") else first_lines(path)[:1]
    known = set(codec.names)
    return any(cell.strip() in known for row in parse_sample("".join(lines), line_delimiter(lines)) for cell in row)


def _said(settings: Mapping[str, Any]) -> dict[str, str]:
    return {role: settings[role] for role in ROLES if role in settings}


def _fingerprint(items: np.ndarray, starts: np.ndarray, *about: Any) -> str:
    digest = hashlib.sha256(json.dumps(about, ensure_ascii=False).encode())
    digest.update(items.astype("<i4").tobytes() + starts.astype("<i8").tobytes())
    return digest.hexdigest()


def _known_codec(path: str | None) -> SetCodec | None:
    if path is None:
        return None
    try:
        return SetCodec.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'{path}' is no codec of a run of baskets.", "Name the codec.json of a run.") from error
