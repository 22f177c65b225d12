"""How like real rows synthetic ones are, column by column and pair by pair: SDMetrics' quality report, vectorised.

All are functions of tables: structured arrays [n] with a field for each column, float64 of numbers (NaN where a cell is
missing), int32 of categories (-1 where a cell is missing). They agree with sdmetrics 0.32.0 to 1e-6.

Published figures count every pair of columns. Since 0.32 the report of SDMetrics counts only those that go together in
the real rows, unless its thresholds are set to 0: that is `strong_pairs` here.
"""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from tfgen.evaluate.metrics import metric

MOST_PAIRS = 2000  # pairs of columns that are looked at: all of up to 63 columns
STRONG_CORRELATION, STRONG_ASSOCIATION = 0.5, 0.3  # from which on a pair is strong
BINS = 10  # of a number, where it is set beside a category

_DECIMALS = 14  # that KSComplement rounds to
_MOST_CELLS = 2**22  # of a table of counts; larger ones are nearly empty, so that sorting is quicker


@metric(mean_of_rows=False, quality="higher", shapes="higher", pairs="higher", strong_pairs="higher")
def quality(real_rows: np.ndarray, generated_rows: np.ndarray) -> dict[str, float]:
    """SDMetrics' quality and its parts, each from 0 to 1.

    `shapes` is Column Shapes, the mean of `shapes_of`; `pairs` is Column Pair Trends, the mean of `pairs_of`;
    `quality` is the mean of both. `strong_pairs` is the mean over pairs whose correlation in the real rows is above .5,
    or whose Cramér's V is above .3. Columns and pairs of which nothing can be said don't count.
    """
    shapes, each = mean_of(shapes_of(real_rows, generated_rows).values()), pairs_of(real_rows, generated_rows)
    pairs, together = mean_of(each.values()), associations(real_rows, each, corrected=False)
    strong = mean_of(
        score
        for pair, score in each.items()
        if abs(together[pair]) > (STRONG_CORRELATION if _are_numbers(real_rows, pair) else STRONG_ASSOCIATION)
    )
    return {"quality": mean_of([shapes, pairs]), "shapes": shapes, "pairs": pairs, "strong_pairs": strong}


def shapes_of(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Of each column by its name how alike its values are spread; NaN where either has none at all.

    A number: 1 less the Kolmogorov-Smirnov distance (KSComplement). A category: 1 less the total variation distance
    (TVComplement). Missing cells are left out of both, as SDMetrics does.
    """
    return {
        name: (_kolmogorov_smirnov if is_number(real, name) else _total_variation)(real[name], generated[name])
        for name in real.dtype.names
    }


def pairs_of(
    real: np.ndarray, generated: np.ndarray, pairs: Sequence[tuple[str, str]] | None = None
) -> dict[tuple[str, str], float]:
    """Of each pair of columns how alike they go together; NaN where that can't be said, as of a constant number.

    Two numbers: 1 less half the difference of their correlations (CorrelationSimilarity, Pearson). Others: 1 less the
    total variation distance of their joint shares, a number cut into ten equal parts of its own table's range, where
    what is missing stands with the largest value (ContingencySimilarity, as the report of SDMetrics calls it).

    Args:
        pairs: these ones; by default `pairs_looked_at`.
    """
    if pairs is None:
        pairs = pairs_looked_at(real.dtype.names)
    both_numbers = [pair for pair in pairs if _are_numbers(real, pair)]
    found = dict.fromkeys(pairs, np.nan)
    if both_numbers:
        names = [name for name in real.dtype.names if is_number(real, name)]
        place = {name: number for number, name in enumerate(names)}
        apart = np.abs(correlations(real, names) - correlations(generated, names)) / 2
        found.update({(one, other): 1 - float(apart[place[one], place[other]]) for one, other in both_numbers})
    codes = {}
    for name in {name for pair in set(pairs) - set(both_numbers) for name in pair}:
        codes[name] = tuple(as_codes(table, name) for table in (real, generated))
    for one, other in pairs:
        if not _are_numbers(real, (one, other)):
            found[one, other] = _contingency(codes[one], codes[other])
    return found


def pairs_looked_at(names: Iterable[str]) -> list[tuple[str, str]]:
    """All pairs of columns, in order; of very many a sample, always the same."""
    pairs = list(itertools.combinations(names, 2))
    if len(pairs) <= MOST_PAIRS:
        return pairs
    chosen = np.random.default_rng(0).choice(len(pairs), MOST_PAIRS, replace=False)
    return [pairs[place] for place in np.sort(chosen)]


def mean_of(values: Iterable[float]) -> float:
    """Of those that are numbers; NaN where none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan


def is_number(table: np.ndarray, name: str) -> bool:
    """Whether the column holds numbers, not categories."""
    return table.dtype[name].kind == "f"


def _are_numbers(table: np.ndarray, pair: tuple[str, str]) -> bool:
    return is_number(table, pair[0]) and is_number(table, pair[1])


def correlations(table: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Pearson's, float64 [k, k], each of the rows that have both numbers; NaN for what is constant there."""
    values = np.stack([table[name] for name in names])
    known = np.isfinite(values)
    count = known.sum(axis=1, keepdims=True)
    values = np.where(known, values, 0.0)
    # Around 0 and of length about 1, so that what follows loses no digits.
    values = np.where(known, values - values.sum(axis=1, keepdims=True) / np.maximum(count, 1), 0.0)
    values /= np.maximum(np.sqrt((values**2).sum(axis=1, keepdims=True) / np.maximum(count, 1)), 1e-300)
    shown = known.astype(np.float64)
    both, sums, squares = shown @ shown.T, values @ shown.T, (values**2) @ shown.T
    spread = both * squares - sums**2
    spread = np.where(spread > 1e-10 * both * squares, spread, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (both * (values @ values.T) - sums * sums.T) / np.sqrt(spread * spread.T)
    return np.clip(found, -1.0, 1.0)


def as_codes(table: np.ndarray, name: str) -> np.ndarray | None:
    """Codes int64 [n] from 0 on: of a category with missing as 0, of a number the part of its range that it lies in.

    None for numbers that can't be cut.
    """
    values = np.ascontiguousarray(table[name])
    if not is_number(table, name):
        return values.astype(np.int64) + 1
    try:
        edges = np.histogram_bin_edges(values[~np.isnan(values)], BINS)
    except ValueError:  # a range so small beside its values that it has no ten parts
        return None
    return np.digitize(values, edges)


def _kolmogorov_smirnov(real: np.ndarray, generated: np.ndarray) -> float:
    first, second = (np.sort(np.round(each[~np.isnan(each)], _DECIMALS)) for each in (real, generated))
    if not len(first) or not len(second):
        return np.nan
    both = np.concatenate([first, second])
    below = (np.searchsorted(each, both, side="right") / len(each) for each in (first, second))
    return 1 - float(np.max(np.abs(next(below) - next(below))))


def _total_variation(real: np.ndarray, generated: np.ndarray) -> float:
    first, second = (each[each >= 0] for each in (real, generated))
    if not len(first) or not len(second):
        return np.nan
    return 1 - apart_of_codes(first, second, int(max(first.max(), second.max())) + 1)


def _contingency(
    one: tuple[np.ndarray | None, np.ndarray | None], other: tuple[np.ndarray | None, np.ndarray | None]
) -> float:
    """Of codes of two columns, each real and generated."""
    if any(codes is None or not len(codes) for codes in (*one, *other)):
        return np.nan
    width = max(int(codes.max()) for codes in other) + 1
    cells = (max(int(codes.max()) for codes in one) + 1) * width
    joint = [first * width + second for first, second in zip(one, other, strict=True)]
    if cells > _MOST_CELLS:
        count = len(joint[0])
        places = np.unique(np.concatenate(joint), return_inverse=True)[1]
        joint, cells = [places[:count], places[count:]], int(places.max()) + 1
    return 1 - apart_of_codes(joint[0], joint[1], cells)


def apart_of_codes(first: np.ndarray, second: np.ndarray, count: int) -> float:
    """The total variation distance of the shares of codes below `count`."""
    shares = (np.bincount(codes, minlength=count) / len(codes) for codes in (first, second))
    return float(np.abs(next(shares) - next(shares)).sum() / 2)


def associations(
    table: np.ndarray, pairs: Iterable[tuple[str, str]], corrected: bool = True
) -> dict[tuple[str, str], float]:
    """How strongly columns go together, from 0 to 1, or from -1 where both are numbers.

    Two numbers: Pearson's correlation. Others: Cramér's V, a number cut into tenths of its range; corrected as Bergsma
    does (2013), it is about 0 where they have nothing to do with each other, also with many categories or few rows.
    """
    pairs = list(pairs)
    numbers = [name for name in table.dtype.names if is_number(table, name)]
    place = {name: number for number, name in enumerate(numbers)}
    matrix = correlations(table, numbers) if numbers else np.zeros([0, 0])
    counted = {name for pair in pairs if not _are_numbers(table, pair) for name in pair}
    codes = {name: as_codes(table, name) for name in counted}
    codes = {name: None if each is None else np.unique(each, return_inverse=True)[1] for name, each in codes.items()}
    return {
        (one, other): float(matrix[place[one], place[other]])
        if _are_numbers(table, (one, other))
        else _cramer(codes[one], codes[other], corrected)
        for one, other in pairs
    }


def _cramer(one: np.ndarray | None, other: np.ndarray | None, corrected: bool) -> float:
    if one is None or other is None or len(one) < 2:
        return np.nan
    rows, columns, count = int(one.max()) + 1, int(other.max()) + 1, len(one)
    if min(rows, columns) < 2:
        return np.nan
    # The sum of squares over the cells that are not empty: n phi^2 = n (sum o^2 / (row column) - 1).
    cells, seen = _counts(one * columns + other, rows * columns)
    of_rows, of_columns = np.bincount(one), np.bincount(other)
    phi = float((seen / of_rows[cells // columns] * (seen / of_columns[cells % columns])).sum()) - 1
    least = min(rows, columns) - 1
    if corrected:
        phi = phi - (rows - 1) * (columns - 1) / (count - 1)
        least = min(each - (each - 1) ** 2 / (count - 1) for each in (rows, columns)) - 1
    return min(1.0, float(np.sqrt(max(phi, 0.0) / least))) if least > 0 else np.nan


def _counts(codes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The codes that occur, and how often."""
    if count > _MOST_CELLS:
        return np.unique(codes, return_counts=True)
    seen = np.bincount(codes, minlength=count)
    cells = np.flatnonzero(seen)
    return cells, seen[cells]
