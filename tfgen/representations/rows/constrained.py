"""Rows that keep to what holds in every row of the data: put right where that follows from other columns, else drawn
anew by a seed that follows from their own."""

from typing import Any

import numpy as np

from tfgen.representations.rows.codec import Bins, Distance, RowCodec
from tfgen.representations.rows.columns import Rows
from tfgen.representations.rows.conditions import Conditions
from tfgen.representations.rows.sampler import Given, RowSampler

_ROUNDS = 100  # of drawing anew
_LAST_SEED = 2**31 - 1


def enforce_constraints(
    modality: Any, codec: RowCodec, sampler: RowSampler, seeds: np.ndarray, conditions: Conditions, rows: Rows,
    given: Given | None = None,
) -> tuple[Rows, int]:
    """Rows that were drawn by these seeds, with what breaks a constraint of the data put right or drawn anew, and how
    many still do. What was given stays, and so does what was asked for.

    modality: what knows the constraints, by `holds` and `repair` (tfgen.modalities.base.Modality).
    """
    rows = _put_right(modality, codec, conditions, rows, given)
    for round_number in range(1, _ROUNDS + 1):
        broken = np.flatnonzero(~_is_right(modality, codec, conditions, rows, given))
        if not len(broken):
            return rows, 0
        # A row that breaks a constraint is drawn anew by a seed that follows from its own.
        again = (seeds[broken].astype(np.int64) * 1000003 + round_number * 7919) % _LAST_SEED
        part = None if given is None else given.take(broken)
        new = sampler.drawn(again.astype(np.int32), conditions if part is None else part.under, part)[0]
        new = _put_right(modality, codec, conditions, new, part)
        for name, values in rows.values.items():
            values[broken] = new.values[name]
    return rows, int((~_is_right(modality, codec, conditions, rows, given)).sum())


def _put_right(modality: Any, codec: RowCodec, conditions: Conditions, rows: Rows, given: Given | None) -> Rows:
    settled = {} if given is None else dict(given.there)
    settled |= {name: np.ones(len(rows), bool) for name in conditions.asked(codec)}
    if given is not None:
        given.put_into(rows)
    return modality.repair(rows, codec, settled)


def _is_right(modality: Any, codec: RowCodec, conditions: Conditions, rows: Rows, given: Given | None) -> np.ndarray:
    """bool [n]: which rows keep to constraints and conditions, and lie where the data does."""
    right = modality.holds(rows, codec)
    if given is None:
        right = right & conditions.hold(codec, rows)
    for column in codec.learned:
        how, values = codec.encodings[column.name], rows.values[column.name]
        # A distance is never too great, unless from what was given.
        if isinstance(how, Bins) and len(how.knots) and not isinstance(how, Distance):
            own = np.isnan(values) if given is None else np.isnan(values) | given.there[column.name]
            half = 0.5 * 10.0**-column.decimals  # what rounding does
            right = right & (own | ((values >= how.knots[0, 0] - half) & (values <= how.knots[-1, -1] + half)))
    return right
