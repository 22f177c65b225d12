"""Rows in the samples' place, by models that anybody can write: of a table [n] each makes one of `count` rows."""

import math
from statistics import NormalDist

import numpy as np

from tfgen.evaluate.metrics.resemblance import is_number
from tfgen.evaluate.rows.tables import Distances, missing, table_of

_NEIGHBOURS = 5  # of SMOTE
_MOST_CORNERS = 4000  # rows between which SMOTE draws: the nearest of each are looked for among all of these


def copies(table: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Rows drawn again (a bootstrap), as a model that only remembers would give."""
    return table[generator.integers(0, len(table), count)]


def independent(table: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Each column drawn by itself: right columns, and nothing goes together."""
    columns = {name: table[name][_drawn(len(table), count, generator)] for name in table.dtype.names}
    return table_of(columns, table.dtype)


def gaussian_copula(table: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """A Gaussian copula with the columns' own marginals (Nelsen 2006; Patki et al. 2016, The Synthetic Data Vault).

    Every column becomes normal scores of its ranks, ties in random order, and a missing cell ranks below all others;
    rows are drawn from the normal distribution with those correlations, and ranks become values again.
    """
    size = len(table)
    normal = np.array([NormalDist().inv_cdf((place + 0.5) / size) for place in range(size)])
    ordered, scores = {}, np.empty([len(table.dtype.names), size])
    for place, name in enumerate(table.dtype.names):
        values = np.where(missing(table, name), -np.inf, table[name])
        order = np.lexsort((generator.random(size), values))
        ordered[name] = table[name][order]
        scores[place, order] = normal
    correlation = np.atleast_2d(np.corrcoef(scores)) if size > 1 else np.eye(len(scores))
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    drawn = root @ generator.standard_normal([len(scores), count])
    # The rank among all that were drawn is the quantile, so that the marginals are kept.
    ranks = np.argsort(np.argsort(drawn, axis=1), axis=1)
    places = np.minimum((ranks + 0.5) / count * size, size - 1).astype(np.int64)
    return table_of({name: ordered[name][places[at]] for at, name in enumerate(table.dtype.names)}, table.dtype)


def interpolated(table: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """SMOTE (Chawla et al. 2002): numbers somewhere between a row and one of its five nearest, categories of either.

    Whole numbers stay whole. Rows lie between real ones, so this is likeness without privacy.
    """
    corners = table[generator.permutation(len(table))[:_MOST_CORNERS]]
    near = _neighbours(corners)
    first = generator.integers(0, len(corners), count)
    second = near[first, generator.integers(0, near.shape[1], count)]
    share = generator.random(count)
    columns = {}
    for name in table.dtype.names:
        one, other = corners[name][first], corners[name][second]
        if is_number(table, name):
            between = one + share * (other - one)
            known = table[name][~np.isnan(table[name])]
            columns[name] = np.round(between) if np.all(known == np.round(known)) else between
        else:
            columns[name] = np.where(share < 0.5, one, other)
    return table_of(columns, table.dtype)


def _neighbours(table: np.ndarray) -> np.ndarray:
    """The places of the nearest others, [n, k]."""
    count = max(1, min(_NEIGHBOURS, len(table) - 1))
    apart = np.full([len(table), len(table)], np.inf, np.float32)
    for place, other, columns in Distances(table).blocks(table, table):
        apart[place, other] = sum(columns)
    if len(table) > 1:
        np.fill_diagonal(apart, np.inf)
    return np.argpartition(apart, count - 1, axis=1)[:, :count]


def _drawn(size: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """Places in a random order, each as often as any other, but for one."""
    return np.concatenate([generator.permutation(size) for _ in range(math.ceil(count / size))])[:count]


# By name; the dear ones are scored by what is cheap alone.
BASELINES = {
    "copies": copies, "independent": independent, "copula": gaussian_copula, "interpolated": interpolated,
}
