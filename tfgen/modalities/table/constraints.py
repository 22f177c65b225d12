"""What holds in every row of a table: an order of two columns, a sum, a column that follows from another, a key.

They are written as a person writes them: `start <= end`, `net + tax = total`, `fixed city country`,
`unique patient_id`; a name with a space, or one that is a sign, in quotation marks.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.errors import UserError, unknown
from tfgen.representations.rows.columns import INTEGER, NUMBER, Column, Rows

ENOUGH_ROWS = 50  # fewer, and much holds by accident
_HOW_TO_WRITE = "Write it as in: start < end, net + tax = total, fixed city country, unique patient_id."
_SIGNS = ("<", "<=", "+", "=")
_SAMPLE = 2000  # rows by which most that doesn't hold is sorted out
_SUM_SAMPLE = 24  # rows by which sums are sorted out
_SURE = 20.0  # natural logarithms: how unlikely an accident must be
_MOST_SUMMED = {1: 1000, 2: 150, 3: 40}  # columns among which sums of so many are looked for
_MOST_ORDERED = 200  # columns of numbers among which orders are looked for, and of few values that may be fixed
_MOST_VALUES = 1000  # different ones of a column from which another may follow
EXACT = 1e-9
Settled = Mapping[str, np.ndarray]  # by column, bool [n]: cells that were given or asked for, which stay as they are
NOTHING: Settled = {}
MISSING = -1e300  # stands for a missing number where values are compared


@dataclass(frozen=True)
class Constraint:
    """Something that every row fulfils. A row in which a cell of it is missing breaks nothing but Fixed and Unique."""

    @property
    def text(self) -> str:
        """As a person writes it, and `parse` reads it."""
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it is about."""
        raise NotImplementedError

    def holds(self, rows: Rows) -> np.ndarray:
        """bool [n]: which rows fulfil it."""
        raise NotImplementedError

    def repair(self, rows: Rows, settled: Settled = NOTHING) -> Rows:
        """Rows that fulfil it, where a cell that isn't settled follows from the others; else the same rows."""
        return rows

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "names": list(self.names)}


@dataclass(frozen=True)
class Order(Constraint):
    """`lower < upper`, or `lower <= upper`."""

    lower: str
    upper: str
    strict: bool = False

    @property
    def text(self) -> str:
        return f"{_quoted(self.lower)} {'<' if self.strict else '<='} {_quoted(self.upper)}"

    @property
    def names(self) -> tuple[str, ...]:
        return self.lower, self.upper

    def holds(self, rows: Rows) -> np.ndarray:
        lower, upper = rows.values[self.lower], rows.values[self.upper]
        either = np.isnan(lower) | np.isnan(upper)
        return either | ((lower < upper) if self.strict else (lower <= upper))


@dataclass(frozen=True)
class Sum(Constraint):
    """`a + b = total`, with as many addends as one likes; of one it says that two columns are the same."""

    addends: tuple[str, ...]
    total: str

    @property
    def text(self) -> str:
        return f"{' + '.join(map(_quoted, self.addends))} = {_quoted(self.total)}"

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.addends, self.total)

    def holds(self, rows: Rows) -> np.ndarray:
        total, summed = rows.values[self.total], self._summed(rows)
        either = np.isnan(total) | np.isnan(summed)
        return either | (np.abs(total - summed) <= EXACT * np.maximum(1, np.abs(total)))

    def repair(self, rows: Rows, settled: Settled = NOTHING) -> Rows:
        """The total follows from the addends; where it is settled, the largest addend that isn't from the rest."""
        wrong, nowhere = ~self.holds(rows), np.zeros(len(rows), bool)
        is_settled = settled.get(self.total, nowhere)
        total, summed = rows.values[self.total], self._summed(rows)
        values = {**rows.values, self.total: np.where(wrong & ~is_settled, _rounded(rows, self.total, summed), total)}
        free = np.stack([~settled.get(name, nowhere) for name in self.addends])
        sizes = np.where(free, np.abs([rows.values[name] for name in self.addends]), -1.0)
        largest = np.argmax(sizes, axis=0)
        for place, name in enumerate(self.addends):
            own = rows.values[name]
            here = wrong & is_settled & free[place] & (largest == place)
            values[name] = np.where(here, _rounded(rows, name, total - (summed - own)), own)
        return Rows(rows.columns, values)

    def _summed(self, rows: Rows) -> np.ndarray:
        return np.sum([rows.values[name] for name in self.addends], axis=0)


@dataclass(frozen=True)
class Fixed(Constraint):
    """`fixed a b`: b follows from a, as a country from its city.

    seen: each value of a with that of b beside it, numbers or places in the categories as they are in Rows; None where
        nobody has seen rows yet. A value of a that isn't there lets b be anything.
    """

    given: str
    follows: str
    seen: tuple[tuple[float, float], ...] | None = None

    @property
    def text(self) -> str:
        return f"fixed {_quoted(self.given)} {_quoted(self.follows)}"

    @property
    def names(self) -> tuple[str, ...]:
        return self.given, self.follows

    def fitted(self, rows: Rows) -> "Fixed":
        """The same with what stands beside what in these rows: of several the commonest."""
        given, follows = _comparable(rows, self.given), _comparable(rows, self.follows)
        pairs, counts = np.unique(np.stack([given, follows], 1), axis=0, return_counts=True)
        order = np.lexsort((-counts, pairs[:, 0]))
        _, first = np.unique(pairs[order, 0], return_index=True)
        return Fixed(self.given, self.follows, tuple(map(tuple, pairs[order][first].tolist())))

    def holds(self, rows: Rows) -> np.ndarray:
        wanted, known = self._wanted(rows)
        return ~known | (wanted == _comparable(rows, self.follows))

    def repair(self, rows: Rows, settled: Settled = NOTHING) -> Rows:
        wanted, known = self._wanted(rows)
        known = known & ~settled.get(self.follows, np.zeros(len(rows), bool))
        follows = rows.values[self.follows]
        is_number = follows.dtype.kind == "f"
        right = np.where(wanted == MISSING, np.nan, wanted) if is_number else wanted.astype(follows.dtype)
        return Rows(rows.columns, {**rows.values, self.follows: np.where(known, right, follows)})

    def _wanted(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """What should stand there, and in which rows that is known."""
        given = _comparable(rows, self.given)
        if not self.seen:
            return np.zeros(len(given)), np.zeros(len(given), bool)
        keys, values = np.array(self.seen, np.float64).T
        place = np.clip(np.searchsorted(keys, given), 0, len(keys) - 1)
        return values[place], keys[place] == given

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "seen": None if self.seen is None else [list(pair) for pair in self.seen]}


@dataclass(frozen=True)
class Unique(Constraint):
    """`unique a`: no two rows have the same. A key that is made anew when rows are written is so by itself."""

    name: str

    @property
    def text(self) -> str:
        return f"unique {_quoted(self.name)}"

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def holds(self, rows: Rows) -> np.ndarray:
        if self.name not in rows.values:
            return np.ones(len(rows), bool)
        first = np.zeros(len(rows), bool)
        first[np.unique(rows.values[self.name], return_index=True)[1]] = True
        return first | (_comparable(rows, self.name) == _missing(rows, self.name))


def from_json(value: Mapping[str, Any], columns: Sequence[Column]) -> Constraint:
    """The constraint that `to_json` wrote."""
    constraint = parse(value["text"], columns)
    if isinstance(constraint, Fixed) and value.get("seen") is not None:
        return Fixed(constraint.given, constraint.follows, tuple(map(tuple, value["seen"])))
    return constraint


def parse(text: str, columns: Sequence[Column]) -> Constraint:
    """A constraint as a person writes it. Raises UserError where it is none, or names no column that has numbers."""
    words = [
        (word[1:-1], True) if word.startswith('"') else (word, False)
        for word in re.findall(r'"[^"]*"|\S+', text)
    ]
    plain = [word if not quoted else "" for word, quoted in words]
    texts = [word for word, _ in words]
    known = {column.name: column for column in columns}

    def learned(*names: str, numeric: bool = False) -> None:
        for name in names:
            if name not in known:
                raise unknown("column", name, known)
            if not known[name].is_learned or (numeric and not known[name].is_numeric):
                wanted = "numbers or dates" if numeric else "learned"
                raise UserError(f"'{text}' can't be: '{name}' is {known[name].kind}, not {wanted}.", _HOW_TO_WRITE)

    if len(words) == 2 and plain[0] == "unique":
        if texts[1] not in known:
            raise unknown("column", texts[1], known)
        return Unique(texts[1])
    if len(words) == 3 and plain[0] == "fixed":
        learned(*texts[1:])
        return Fixed(texts[1], texts[2])
    if len(words) == 3 and plain[1] in ("<", "<=", ">", ">="):
        learned(texts[0], texts[2], numeric=True)
        lower, upper = (texts[0], texts[2]) if plain[1][0] == "<" else (texts[2], texts[0])
        return Order(lower, upper, "=" not in plain[1])
    if len(words) >= 3 and len(words) % 2 and plain[-2] == "=" and all(sign == "+" for sign in plain[1:-2:2]):
        learned(*texts[::2], numeric=True)
        return Sum(tuple(texts[:-2:2]), texts[-1])
    raise UserError(f"'{text}' is no constraint.", _HOW_TO_WRITE)


def parsed(texts: Sequence[str], rows: Rows) -> list[Constraint]:
    """Constraints that a person wrote, with what was seen. Raises UserError where one doesn't hold in the rows."""
    found = []
    for text in texts:
        constraint = parse(text, rows.columns)
        constraint = constraint.fitted(rows) if isinstance(constraint, Fixed) else constraint
        broken = ~constraint.holds(rows)
        if broken.any():
            raise UserError(
                f"'{constraint.text}' doesn't hold in {int(broken.sum())} of {len(rows)} rows, the first is row "
                f"{int(np.argmax(broken)) + 1}.",
                "Leave the constraint out, or mend the rows.",
            )
        found.append(constraint)
    return found


def find(rows: Rows) -> list[Constraint]:
    """What holds in every row, and would hardly by accident; nothing for a few rows."""
    if len(rows) < ENOUGH_ROWS:
        return []
    sums = _sums(rows)
    return [*_orders(rows, sums), *sums, *_fixed(rows, sums)]


def never_repeated(rows: Rows) -> list[Unique]:
    """Columns of numbers in which no value comes twice though they lie so densely that this is hardly an accident, such
    as the numbers of invoices. To be proposed: whether it must be so, only a person knows."""
    found = []
    for column, values in rows:
        if len(rows) < ENOUGH_ROWS or not column.is_numeric or np.isnan(values).any():
            continue
        room = np.ptp(values) * 10.0**column.decimals + 1  # how many values there could be
        # Without a reason all would differ with a probability of at most exp(-n(n - 1) / 2 room).
        if len(rows) * (len(rows) - 1) / (2 * room) > _SURE and len(np.unique(values)) == len(rows):
            found.append(Unique(column.name))
    return found


def lowest_below(constraints: Sequence[Constraint]) -> dict[str, str]:
    """Of each column that is never below another, the lowest of those that it is never below: which is below none.

    Without what follows from other columns, and is put right by them.
    """
    orders = [each for each in constraints if isinstance(each, Order)]
    follows = {each.names[-1] for each in constraints if isinstance(each, (Fixed, Sum))}
    below: dict[str, str] = {}
    for order in orders:
        below.setdefault(order.upper, order.lower)

    def lowest(name: str) -> str:
        seen = {name}
        while name in below and below[name] not in seen:
            name = below[name]
            seen.add(name)
        return name

    bases = {name: lowest(name) for name in below if name not in follows}
    return {name: base for name, base in bases.items() if base not in bases and base != name}


def holding(constraints: Sequence[Constraint], rows: Rows) -> np.ndarray:
    """bool [n]: which rows fulfil all constraints."""
    result = np.ones(len(rows), bool)
    for constraint in constraints:
        result &= constraint.holds(rows)
    return result


def repaired(constraints: Sequence[Constraint], rows: Rows, settled: Settled = NOTHING) -> Rows:
    """Rows with what follows from other cells put right. One that follows from another that was put right takes a
    further round."""
    wanted = [constraint for constraint in constraints if isinstance(constraint, (Fixed, Sum))]
    for _ in wanted:
        for constraint in wanted:
            rows = constraint.repair(rows, settled)
        if holding(wanted, rows).all():
            break
    return rows


# Orders.


def _orders(rows: Rows, sums: Sequence[Sum]) -> list[Order]:
    again = {each.total for each in sums if len(each.addends) == 1}  # the same as another column
    columns = [column for column in rows.learned if column.is_numeric and column.name not in again]
    if len(columns) > _MOST_ORDERED:
        return []
    found: dict[tuple[str, str], bool] = {}
    spread = np.random.default_rng(0).permutation(len(rows))
    sample = {column.name: rows.values[column.name][spread[:_SAMPLE]] for column in columns}
    for first, second in itertools.combinations(columns, 2):
        dates = first.kind not in (NUMBER, INTEGER)
        pair = {first.name, second.name}
        if any(each.total in pair and pair <= set(each.names) for each in sums):
            continue  # a part of a sum is less than the whole where all parts are positive: nothing new
        if first.kind != second.kind and {first.kind, second.kind} != {NUMBER, INTEGER}:
            continue
        for lower, upper in ((first, second), (second, first)):
            if not _may_be_ordered(sample[lower.name], sample[upper.name], dates):
                continue
            low, high = rows.values[lower.name], rows.values[upper.name]
            both = ~np.isnan(low) & ~np.isnan(high)
            if both.sum() >= ENOUGH_ROWS and np.all(low[both] <= high[both]):
                found[lower.name, upper.name] = bool(np.all(low[both] < high[both]))
    return [
        Order(lower, upper, strict) for (lower, upper), strict in found.items()
        if not any((lower, between) in found and (between, upper) in found for between in sample)
    ]


def _may_be_ordered(lower: np.ndarray, upper: np.ndarray, dates: bool) -> bool:
    """Whether one never is above the other in a sample, though it often would be in rows that don't belong together."""
    both = ~np.isnan(lower) & ~np.isnan(upper)
    lower, upper = lower[both], upper[both]
    if len(lower) < 20 or np.any(lower > upper):
        return False
    if len(np.unique(lower)) < 3 or len(np.unique(upper)) < 3:
        return False
    accident = np.mean(lower <= np.roll(upper, 1))
    if accident == 1 or -len(lower) * np.log(max(accident, 1e-9)) < _SURE:
        return False
    if dates:
        return True
    # Numbers of two kinds are often ordered, such as an age and a wage: those that lie in one range count.
    low, middle = np.quantile(lower, (0.25, 0.75))
    start = np.quantile(upper, 0.25)
    return bool(start <= middle + (middle - low) and accident < 0.9)


# Sums.


def _sums(rows: Rows) -> list[Sum]:
    columns = [column for column in rows.learned if column.kind in (NUMBER, INTEGER)]
    filled = [column for column in columns if np.mean(np.isnan(rows.values[column.name])) < 0.5]
    varied = [column for column in filled if np.mean(_without(rows, column.name) != 0) >= 0.05
              and len(np.unique(_without(rows, column.name)[:_SAMPLE])) > 2]  # fmt: skip
    if len(varied) < 2:
        return []
    names = [column.name for column in varied]
    values = np.stack([rows.values[name] for name in names], 1)
    whole = np.flatnonzero(~np.isnan(values).any(axis=1))
    if len(whole) < ENOUGH_ROWS:
        return []
    sample = values[np.random.default_rng(1).permutation(whole)[:_SUM_SAMPLE]]
    found: list[Sum] = []
    for count in (1, 2, 3):
        if not count < len(names) <= _MOST_SUMMED[count]:
            break
        for addends, total in _candidates(sample, count):
            parts = {names[place] for place in addends}
            if any(parts > set(each.addends) and each.total == names[total] for each in found):
                continue
            if count == 1 and (addends[0] > total):
                continue
            candidate = Sum(tuple(names[place] for place in addends), names[total])
            present = ~np.isnan(values[:, [*addends, total]]).any(axis=1)
            if present.sum() >= ENOUGH_ROWS and candidate.holds(rows).all() and not _repeats(candidate, found):
                found.append(candidate)
    return found


def _candidates(sample: np.ndarray, count: int) -> list[tuple[tuple[int, ...], int]]:
    """Sums that hold in a few rows."""
    places = np.array(list(itertools.combinations(range(sample.shape[1]), count)))
    found = []
    for chunk in np.array_split(places, max(1, len(places) // 4000)):
        summed = sample[:, chunk].sum(axis=2)  # [rows, combinations]
        fits = np.ones((len(chunk), sample.shape[1]), bool)
        for row, sums in zip(sample, summed):
            fits &= np.abs(sums[:, None] - row[None]) <= EXACT * np.maximum(1, np.abs(row[None]))
        found += [(tuple(chunk[place].tolist()), int(total)) for place, total in zip(*np.nonzero(fits))
                  if total not in chunk[place]]  # fmt: skip
    return found


def _repeats(candidate: Sum, found: Sequence[Sum]) -> bool:
    """Whether it says what others say already, with a column that is the same as another."""
    same = {name: min(each.names) for each in found if len(each.addends) == 1 for name in each.names}
    plain = sorted(same.get(name, name) for name in candidate.addends), same.get(candidate.total, candidate.total)
    return len(candidate.addends) > 1 and any(
        plain == (sorted(same.get(name, name) for name in each.addends), same.get(each.total, each.total))
        for each in found
    )


# What follows from another column.


def _fixed(rows: Rows, sums: Sequence[Constraint]) -> list[Fixed]:
    codes, sizes = _coded(rows)
    same = {frozenset(each.names) for each in sums if len(each.names) == 2}
    names = list(codes)
    if len(names) > _MOST_ORDERED:
        return []
    sample = np.random.default_rng(2).permutation(len(rows))[:_SAMPLE]
    few = {name: values[sample] for name, values in codes.items()}
    determined: dict[str, list[str]] = {}
    for given, follows in itertools.permutations(names, 2):
        if sizes[follows] > sizes[given] or sizes[follows] < 2 or frozenset((given, follows)) in same:
            continue
        if _follows(few[given], few[follows], sizes[given]) and _follows(codes[given], codes[follows], sizes[given]):
            if _is_no_accident(codes[given], codes[follows], sizes[given]):
                determined.setdefault(follows, []).append(given)
    found = []
    for follows, givens in determined.items():
        # From the nearest: a country from its state rather than from its city; of two that follow from each other only
        # the second from the first.
        kept = [given for given in givens if follows not in determined.get(given, ())
                or names.index(given) < names.index(follows)]  # fmt: skip
        if kept:
            nearest = min(kept, key=lambda given: (sizes[given], names.index(given)))
            found.append(Fixed(nearest, follows).fitted(rows))
    return found


def _coded(rows: Rows) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Columns of few different values as places among them."""
    codes, sizes = {}, {}
    for column, values in rows:
        if column.is_categorical:
            if len(column.categories) > _MOST_VALUES:
                continue
            coded, size = np.where(values < 0, len(column.categories), values), len(column.categories) + 1
            present = np.bincount(coded, minlength=size) > 0
            coded, size = (np.cumsum(present) - 1)[coded], int(present.sum())
        else:
            if len(np.unique(values[:_SAMPLE])) > _MOST_VALUES // 2:
                continue
            distinct, coded = np.unique(np.nan_to_num(values, nan=MISSING), return_inverse=True)
            size = len(distinct)
        # Each value often enough that what stands beside it is no accident.
        if 2 <= size <= min(_MOST_VALUES, len(rows) // 4):
            codes[column.name], sizes[column.name] = coded, size
    return codes, sizes


def _follows(given: np.ndarray, follows: np.ndarray, size: int) -> bool:
    beside = np.zeros(size, follows.dtype)
    beside[given] = follows
    return bool(np.array_equal(beside[given], follows))


def _is_no_accident(given: np.ndarray, follows: np.ndarray, size: int) -> bool:
    """Whether rows of one value would hardly agree in the other if they had nothing to do with each other."""
    times = np.bincount(given, minlength=size)
    shares = np.bincount(follows) / len(follows)
    beside = np.zeros(size, np.int64)
    beside[given] = follows
    share = shares[beside]
    return bool(-np.sum(np.maximum(times - 1, 0) * np.log(np.maximum(share, 1e-12))) > _SURE and np.sum(times > 1) > 1)


def _comparable(rows: Rows, name: str) -> np.ndarray:
    """A column as float64 in which what is missing equals itself."""
    return np.nan_to_num(rows.values[name].astype(np.float64), nan=MISSING)


def _missing(rows: Rows, name: str) -> float:
    return MISSING if rows.values[name].dtype.kind == "f" else -1.0


def _without(rows: Rows, name: str) -> np.ndarray:
    values = rows.values[name]
    return values[~np.isnan(values)]


def _rounded(rows: Rows, name: str, values: np.ndarray) -> np.ndarray:
    """Values with as many decimals as a column of numbers has."""
    column = next(column for column in rows.columns if column.name == name)
    return np.round(values, column.decimals) if column.kind in (NUMBER, INTEGER) else values


def _quoted(name: str) -> str:
    plain = re.fullmatch(r'[^\s"]+', name) and name not in (*_SIGNS, ">", ">=", "fixed", "unique")
    return name if plain else f'"{name}"'
