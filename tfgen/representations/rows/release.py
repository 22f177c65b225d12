"""A codec of rows that gives no row away: categories, values and bins from counts with noise.

Of each column, how often each value occurs is counted; every count gets Gaussian noise, and only values whose noisy
count is above a threshold are known from there on, so that what few rows have stays unknown (Korolova et al. 2009; with
Gaussian noise Wilkins et al. 2024). Numbers in between are counted twice more: over buckets that double every second
time, which are the same for all data, to find where they lie; and over cells in those buckets, to find their quantiles.
A row is once in each of these counts, so it moves n of them together by the square root of n: one Gaussian mechanism.
"""

from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from tfgen.errors import UserError
from tfgen.representations.rows.codec import (
    KNOTS, MOST_CATEGORIES, Bins, Categories, Discretisation, RowCodec, field_of,
)  # fmt: skip
from tfgen.representations.rows.columns import KEY, TEXT, Column, Rows
from tfgen.representations.rows.specification import Field, RowSpecification

_COUNTS_OF_NUMBERS = 3  # how often a row of a numeric column is counted
_SMALLEST, _LARGEST = -20, 62  # powers of two between which numbers have buckets
_PER_OCTAVE = 2
_SURELY = 4.5  # deviations of the noise, above which a bucket surely has rows
_MOST_VALUES, _MOST_CELLS, _FEWEST_CELLS = 128, 256, 8
_OF_A_CELL, _CELLS_OF_A_BIN = 2.0, 4  # deviations of the noise that a cell has; cells of a bin
_MOST_BINS = 100


def released_codec(codec: RowCodec, rows: Rows, noise_multiplier: float, delta: float, key: int) -> RowCodec:
    """The codec of rows to learn, in place of one that looked at them closely: for each example one Gaussian mechanism
    with this noise multiplier, and `delta` for what only one row has.

    Raises UserError where nothing is left that could be learned.
    """
    counted = sum(_COUNTS_OF_NUMBERS if column.is_numeric else 1 for column in rows.learned)
    deviation = noise_multiplier * counted**0.5
    # Each row has one value in each column, and any may be its alone.
    threshold = 1.0 + deviation * NormalDist().inv_cdf(1.0 - delta / len(rows.learned))
    noise = _Noise(np.random.Generator(np.random.Philox(key=key)), deviation, threshold)
    columns, how, fields = [], {}, []
    for column in codec.columns:
        if not column.is_learned:
            # What keys look like is made of keys.
            columns.append(replace(column, writing={"prefix": "", "after": 0}) if column.kind == KEY else column)
            continue
        known, made, counts = (_numbers if column.is_numeric else _categories)(
            column, rows.values[column.name], noise
        )
        columns.append(known)
        if made is not None:
            how[column.name] = made
            fields.append(_field(made, counts, len(rows)))
    if not how:
        raise UserError(
            f"With so much noise nothing can be learned of {len(rows):,} rows.",
            "Ask for more epsilon, or give more rows.",
        )
    about = {**codec.about, "constraints": []}  # which hold is seen in the rows
    return type(codec)(columns, how, RowSpecification(tuple(fields), len(rows)), about)


def in_columns(rows: Rows, codec: RowCodec) -> Rows:
    """The same rows with categories at the places that a released codec has them; one that it doesn't know is the last,
    which stands for all of those."""
    before, values = {column.name: column for column in rows.columns}, {}
    for column in codec.learned:
        own = rows.values[column.name]
        if column.is_categorical:
            places = {name: place for place, name in enumerate(column.categories[:-1])}
            unknown = len(column.categories) - 1
            moved = [places.get(name, unknown) for name in before[column.name].categories]
            own = np.array([*moved, -1], np.int32)[own]
        values[column.name] = own
    return Rows(codec.columns, values)


class _Noise:
    """Counts with noise. deviation: of the noise. threshold: below it a value of unknown origin stays unknown."""

    def __init__(self, generator: np.random.Generator, deviation: float, threshold: float):
        self._generator, self.deviation, self.threshold = generator, deviation, threshold

    def counts(self, counts: np.ndarray) -> np.ndarray:
        return counts + self.deviation * self._generator.standard_normal(len(counts))

    def known(self, values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Of values that anybody may have, those that enough rows share, the commonest first, with noisy counts."""
        different, counts = np.unique(values, return_counts=True)
        noisy = self.counts(counts)
        order = np.argsort(-noisy, kind="stable")[:most]
        order = order[noisy[order] > self.threshold]
        return different[order], noisy[order]


def _categories(column: Column, values: np.ndarray, noise: _Noise) -> tuple[Column, Discretisation | None, np.ndarray]:
    places, counts = noise.known(values, MOST_CATEGORIES)
    is_there = places >= 0
    if not is_there.any():
        return Column(column.name, TEXT), None, counts
    # The last stands for all that are not known.
    names = (*(column.categories[place] for place in places[is_there]), "")
    has_missing = not is_there.all()
    known = replace(column, categories=names, missing=column.missing if has_missing else None)
    kept = int(is_there.sum())
    made = Categories(tuple(range(kept)), has_missing, len(names))
    return known, made, np.concatenate([counts[is_there], [0.0], counts[~is_there]])


def _numbers(column: Column, values: np.ndarray, noise: _Noise) -> tuple[Column, Discretisation | None, np.ndarray]:
    """Tokens for the values that enough rows share, and quantile bins between them."""
    shared, counts = noise.known(values, _MOST_VALUES)  # one NaN stands for all
    is_missing, missing = np.isnan(shared), counts[np.isnan(shared)]
    shared, counts = shared[~is_missing], counts[~is_missing]
    rest = values[~np.isnan(values) & ~np.isin(values, shared)]
    lows, highs = _cells(rest, noise)
    masses = np.maximum(noise.counts(_in_cells(rest, lows, highs)), 0.0)
    tokens = [(np.full(KNOTS, value), count) for value, count in zip(shared, counts)]
    tokens += _bins(np.sort(shared), lows, highs, masses, column, noise.deviation)
    has_missing = bool(len(missing))
    if not tokens:
        return Column(column.name, TEXT), None, counts
    tokens.sort(key=lambda token: token[0][0])
    made = Bins(np.stack([knots for knots, _ in tokens]), has_missing)
    known = replace(column, missing=column.missing if has_missing else None)
    return known, made, np.array([*(count for _, count in tokens), *missing])


def _cells(values: np.ndarray, noise: _Noise) -> tuple[np.ndarray, np.ndarray]:
    """Where numbers lie: cells with their lower and upper ends, rising; more of them where there are more numbers."""
    edges = _edges()
    buckets = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    counts = noise.counts(np.bincount(buckets, minlength=len(edges) - 1))
    found = np.flatnonzero(counts > _SURELY * noise.deviation)
    total = counts[found].sum()
    cells = np.clip(total / (_OF_A_CELL * noise.deviation), _FEWEST_CELLS, _MOST_CELLS)
    ends = [np.linspace(edges[at], edges[at + 1], max(1, round(cells * counts[at] / total)) + 1) for at in found]
    if not ends:
        return np.zeros(0), np.zeros(0)
    return np.concatenate([each[:-1] for each in ends]), np.concatenate([each[1:] for each in ends])


def _edges() -> np.ndarray:
    """The ends of buckets that are the same for all data: of both signs, and one around 0."""
    powers = np.exp2(np.arange(_SMALLEST * _PER_OCTAVE, _LARGEST * _PER_OCTAVE + 1) / _PER_OCTAVE)
    return np.concatenate([-powers[::-1], powers])


def _in_cells(values: np.ndarray, lows: np.ndarray, highs: np.ndarray) -> np.ndarray:
    """How many values are in each cell; those between two are in the lower one."""
    if not len(lows):
        return np.zeros(0)
    places = np.clip(np.searchsorted(lows, values, side="right") - 1, 0, len(lows) - 1)
    return np.bincount(places, minlength=len(lows)).astype(np.float64)


def _bins(
    shared: np.ndarray, lows: np.ndarray, highs: np.ndarray, masses: np.ndarray, column: Column, deviation: float
) -> Iterator[tuple[np.ndarray, float]]:
    """Quantile bins, as knots [KNOTS] and how many rows they have, between the values that are tokens of their own."""
    if not masses.sum():
        return
    points = np.stack([lows, highs], axis=1).ravel()
    behind = np.concatenate([[0.0], np.repeat(np.cumsum(masses), 2)[:-1]])
    rising = behind + 1e-9 * behind[-1] * np.arange(len(behind))  # flat parts have no inverse
    wanted = max(behind[-1] / _MOST_BINS, _CELLS_OF_A_BIN * _OF_A_CELL * deviation)
    unit = 10.0**-column.decimals
    for low, high in zip([-np.inf, *shared], [*shared, np.inf]):
        first, last = np.interp([low, high], points, rising)
        count = round((last - first) / wanted)
        if not len(shared):
            count = max(1, count)
        if count < 1 or high - low < 2 * unit:
            continue
        knots = np.interp(np.linspace(first, last, count * (KNOTS - 1) + 1), rising, points)
        knots = np.clip(knots, low + unit, high - unit)
        for place in range(count):
            yield knots[place * (KNOTS - 1) : (place + 1) * (KNOTS - 1) + 1], (last - first) / count


def _field(how: Discretisation, counts: np.ndarray, rows: int) -> Field:
    """A column as a model sees it, by noisy counts; what is rare is what is left of the rows."""
    whole = np.maximum(np.rint(counts), 0).astype(np.int64)
    if isinstance(how, Categories):
        whole[how.rare] = max(0, rows - whole.sum())
    return field_of(how, whole)
