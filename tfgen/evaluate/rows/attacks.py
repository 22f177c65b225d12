"""Attacks that need nothing but samples, each against rows that were learned and against rows that were not.

What works on both is only what the data says of everybody. What works better on rows that were learned has leaked
(Giomi et al. 2023, A Unified Framework for Quantifying Privacy Risk in Synthetic Data: "anonymeter").
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from tfgen.evaluate.metrics.resemblance import is_number
from tfgen.evaluate.rows.tables import missing

MOST_SECRETS = 10  # columns that are guessed
PREDICATES = 400  # that single a row out
_ATTEMPTS = 10  # times as many are tried
_MOST_ROWS = 10_000  # that predicates are looked up in
_NEAR = 0.05  # of the range between the 5th and the 95th percentile: a number that is guessed so well is guessed


def secrets_of(table: np.ndarray, seed: int) -> list[str]:
    """The columns that are guessed: all with two values at the least, of many a sample."""
    names = [name for name in table.dtype.names if len(np.unique(table[name][~missing(table, name)])) > 1]
    chosen = np.random.default_rng([seed, 7]).permutation(len(names))[:MOST_SECRETS]
    return [names[place] for place in np.sort(chosen)]


def guessed(rows: np.ndarray, generated: np.ndarray, nearest: Mapping[str, np.ndarray]) -> np.ndarray:
    """Attribute inference: each secret column is guessed from the synthetic row nearest in all others.

    From those rows' places by the secret, int64 [n] each. float64 [n, secrets]: 1 where the guess is right, 0 where it
    is not, NaN where the cell is missing. A number is right within 5 % of the range between its 5th and 95th
    percentile.
    """
    found = np.empty([len(rows), len(nearest)])
    for column, (name, places) in enumerate(nearest.items()):
        truth, guess = rows[name], generated[name][places]
        if is_number(rows, name):
            known = truth[~np.isnan(truth)]
            low, high = np.quantile(known, [0.05, 0.95]) if len(known) else (0.0, 0.0)
            right = np.abs(guess - truth) <= _NEAR * (high - low)
        else:
            right = guess == truth
        found[:, column] = np.where(missing(rows, name), np.nan, right)
    return found


def predicates_on(
    generated: np.ndarray, training: np.ndarray, unseen: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Singling out: predicates that hold for exactly one synthetic row, tried on rows learned and on as many others.

    "univariate" and "multivariate" to bool [predicates, 2 m]: whether it holds for each of m rows that were learned,
    and then of m that were not. Univariate predicates are values that are there once, and the ends of a column;
    multivariate ones say of two to six columns of a synthetic row that they are equal, or at least as far from the
    middle.
    """
    generator = np.random.default_rng([seed, 8])
    size = min(len(training), len(unseen), _MOST_ROWS)
    tables = [each[generator.permutation(len(each))[:size]] for each in (generated, training, unseen)]
    made = _columns(tables[0])
    rows = _columns(np.concatenate(tables[1:]))
    found = {"univariate": _ends(tables[0], generator), "multivariate": _conjunctions(tables[0], generator)}
    kept = {kind: _that_single_out(made, predicates) for kind, predicates in found.items()}
    return {
        kind: np.array([_holds(rows, each) for each in predicates], bool).reshape(len(predicates), 2 * size)
        for kind, predicates in kept.items()
    }


def _columns(table: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(table[name]) for name in table.dtype.names}


Predicate = list[tuple[str, str, float]]  # of columns: their names, "equal", "least" or "most", and a value


def _ends(table: np.ndarray, generator: np.random.Generator) -> list[Predicate]:
    """The largest and smallest values of numbers, and whatever is there once."""
    found: list[Predicate] = []
    for name in table.dtype.names:
        values, counts = np.unique(table[name][~missing(table, name)], return_counts=True)
        if not len(values):
            continue
        if is_number(table, name):
            found += [[(name, "most", float(values[0]))], [(name, "least", float(values[-1]))]]
        found += [[(name, "equal", float(value))] for value in values[counts == 1]]
    return [found[place] for place in generator.permutation(len(found))]


def _conjunctions(table: np.ndarray, generator: np.random.Generator) -> Iterator[Predicate]:
    """What a row has in two to six columns: its category, or a number as far from the middle or further."""
    middles = {name: np.nanmedian(table[name]) for name in table.dtype.names if _is_known(table, name)}
    names = table.dtype.names
    for _ in range(_ATTEMPTS * PREDICATES if len(names) > 1 and len(table) else 0):
        row = table[generator.integers(len(table))]
        count = min(int(generator.integers(2, 7)), len(names))
        predicate: Predicate = []
        for place in generator.permutation(len(names))[:count]:
            name, value = names[place], float(row[names[place]])
            if name in middles and not np.isnan(value):
                predicate.append((name, "least" if value > middles[name] else "most", value))
            elif not is_number(table, name) and value >= 0:
                predicate.append((name, "equal", value))
        if len(predicate) > 1:
            yield predicate


def _is_known(table: np.ndarray, name: str) -> bool:
    """Whether the column has a number."""
    return is_number(table, name) and not np.isnan(table[name]).all()


def _that_single_out(columns: dict[str, np.ndarray], predicates: Iterable[Predicate]) -> list[Predicate]:
    kept: list[Predicate] = []
    for predicate in predicates:
        if len(kept) == PREDICATES:
            break
        if np.count_nonzero(_holds(columns, predicate)) == 1:
            kept.append(predicate)
    return kept


def _holds(columns: dict[str, np.ndarray], predicate: Predicate) -> np.ndarray:
    """For which rows, bool [n]."""
    holds = np.ones(len(next(iter(columns.values()))), bool)
    for name, how, value in predicate:
        values = columns[name]
        holds &= values == value if how == "equal" else values >= value if how == "least" else values <= value
    return holds
