"""Interactions to baskets: without returns, postage, repetitions and what is too rare, each in its order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfgen.console import several
from tfgen.errors import UserError
from tfgen.modalities.basket.reading import Interactions
from tfgen.representations.sets.sets import Sets
from tfgen.representations.sets.specification import MOST_ITEMS

CORE = 5  # interactions of a user, and sets of an item, at the least
_LEAST_OF_LINES = 2  # items of a basket a line, which is seldom large
# What tills write beside products, as it is compared: lower case.
NO_PRODUCTS = frozenset((
    "postage", "post", "dotcom postage", "dot", "carriage", "c2", "shipping", "delivery", "discount", "d", "manual",
    "m", "bank charges", "amazon fee", "amazonfee", "cruk commission", "cruk", "adjust bad debt", "samples", "fee",
    "deposit", "gift card", "voucher", "coupon", "tip", "tax", "vat", "rounding", "subtotal", "total", "void", "test",
))  # fmt: skip
_SHOWN = 4  # names of what is left out


@dataclass(frozen=True)
class Baskets:
    """Sets of items, by the names that are left, the commonest first; and what became of the others.

    owners: int64 [sets], whose each is: a place in the interactions' owners.
    """

    sets: Sets
    names: list[str]
    owners: np.ndarray
    ordered: bool
    notes: list[str]


def clean(
    found: Interactions, core: int | None = None, least_rating: float | None = None, left_out: Sequence[str] = (),
    known: Sequence[str] | None = None,
) -> Baskets:  # fmt: skip
    """The baskets of interactions.

    Args:
        core: how many items a user has, and how many users an item, at the least; None for what is usual.
        least_rating: interactions with a lower one are left out.
        left_out: more names of what is no product.
        known: the names that a run knows, in its order, beside which others are left out.

    Raises:
        UserError: nothing is left.
    """
    notes: list[str] = []
    kept = _said(found, least_rating, {*NO_PRODUCTS, *(name.casefold() for name in left_out)}, notes)
    users, items, times = (None if each is None else each[kept] for each in (found.users, found.items, found.times))
    users, items, times = _once(users, items, times)
    again = int(kept.sum()) - len(users)
    if again:
        who = "basket" if found.is_lines else "user"
        notes.append(f"{again:,} repetitions of an item by the same {who} count once.")
    if known is not None:
        users, items, times, names = _by_known(users, items, times, found.names, known, notes)
    else:
        least = (CORE, _LEAST_OF_LINES if found.is_lines else CORE) if core is None else (core, max(core, 1))
        chosen = _core(users, items, *least)
        _say_rare(users, items, chosen, least, found.is_lines, notes)
        users, items, times = (None if each is None else each[chosen] for each in (users, items, times))
        users, items, times, names = _by_frequency(users, items, times, found.names, notes)
    if not len(users) and known is not None:
        raise UserError(
            "No basket is left once items that the run doesn't know are left out.",
            "Give baskets of the items that it learned, by the same names.",
        )
    if not len(users):
        raise UserError(
            "No basket is left once rare items and baskets of one item are left out.",
            "Give more baskets, or keep rarer items with --set core=2.",
        )
    owners = np.unique(users)
    return Baskets(_in_order(users, items, times), names, owners, times is not None, notes)


def _said(found: Interactions, least_rating: float | None, no_products: set[str], notes: list[str]) -> np.ndarray:
    """Which interactions count, bool [n]; says what doesn't."""
    kept = np.ones(len(found.users), bool)

    def leave_out(which: np.ndarray, what: str) -> None:
        count = int((kept & which).sum())
        if count:
            notes.append(f"{several(count, 'row')} {'is' if count == 1 else 'are'} left out: {what}.")
        kept[which] = False

    leave_out((found.users < 0) | (found.items < 0), "they name no user or no item")
    if found.quantities is not None:
        leave_out(found.quantities <= 0, "returns and corrections, whose quantity is not above 0")
    if found.ratings is not None and least_rating is not None:
        leave_out(~(found.ratings >= least_rating), f"rated below {least_rating:g}")
    if found.times is not None:
        leave_out(np.isnan(found.times), "their time can't be read")
    is_none = np.array([_is_no_product(name, no_products) for name in found.names] or [False])
    which = (found.items >= 0) & is_none[np.maximum(found.items, 0)]
    names = [found.names[item] for item in np.unique(found.items[which & kept])]
    leave_out(which, f"no products ({', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''})")
    return kept


def _is_no_product(name: str, no_products: set[str]) -> bool:
    name = name.casefold()
    return name in no_products or name.partition(" (")[0] in no_products  # a title with its code


def _once(users: np.ndarray, items: np.ndarray, times: np.ndarray | None) -> tuple:
    """Each item of a user once, the first time that it was there."""
    keys = users * (int(items.max(initial=0)) + 1) + items
    order = np.arange(len(keys)) if times is None else np.argsort(times, kind="stable")
    _, first = np.unique(keys[order], return_index=True)
    places = np.sort(order[first])
    return users[places], items[places], None if times is None else times[places]


def _core(users: np.ndarray, items: np.ndarray, of_item: int, of_user: int) -> np.ndarray:
    """Which interactions are left where every item has so many users and every user so many items, bool [n]."""
    kept = np.ones(len(users), bool)
    while kept.any():
        per_user, per_item = np.bincount(users[kept]), np.bincount(items[kept])
        fewer = kept.copy()
        fewer[kept] = (per_user[users[kept]] >= of_user) & (per_item[items[kept]] >= of_item)
        if fewer.sum() == kept.sum():
            break
        kept = fewer
    return kept


def _say_rare(
    users: np.ndarray, items: np.ndarray, kept: np.ndarray, least: tuple[int, int], is_lines: bool, notes: list[str]
) -> None:
    rare = len(np.unique(items)) - len(np.unique(items[kept]))
    small = len(np.unique(users)) - len(np.unique(users[kept]))
    who = "basket" if is_lines else "user"
    if rare:
        notes.append(f"{several(rare, 'item')} that fewer than {least[0]} {who}s have {_are(rare)} left out.")
    if small:
        notes.append(f"{several(small, who)} with fewer than {least[1]} such items {_are(small)} left out.")


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _by_frequency(
    users: np.ndarray, items: np.ndarray, times: np.ndarray | None, names: Sequence[str], notes: list[str]
) -> tuple:
    """The same with items counted from the commonest, of which there are MOST_ITEMS at the most."""
    counts = np.bincount(items, minlength=1)
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    if len(order) > MOST_ITEMS:
        notes.append(
            f"Of {len(order):,} items, the {MOST_ITEMS:,} commonest are learned: with more, the table of what goes "
            "with what would be too large."
        )
        order = order[:MOST_ITEMS]
    ids = np.full(max(len(counts), 1), -1, np.int64)
    ids[order] = np.arange(len(order))
    kept = ids[items] >= 0
    times = None if times is None else times[kept]
    return users[kept], ids[items[kept]], times, [names[place] for place in order]


def _by_known(
    users: np.ndarray, items: np.ndarray, times: np.ndarray | None, names: Sequence[str], known: Sequence[str],
    notes: list[str],
) -> tuple:  # fmt: skip
    """The same with a run's items, beside which others are left out."""
    places = {name: place for place, name in enumerate(known)}
    ids = np.array([places.get(name, -1) for name in names] or [-1], np.int64)
    kept = ids[items] >= 0
    others = len(np.unique(items[~kept]))
    if others:
        notes.append(f"{several(others, 'item')} that the run doesn't know {_are(others)} left out.")
    return users[kept], ids[items[kept]], None if times is None else times[kept], list(known)


def _in_order(users: np.ndarray, items: np.ndarray, times: np.ndarray | None) -> Sets:
    """A set for each user, its items by their time; those of one time, and all where there is none, by chance.

    Tills list a purchase by code: whoever learns what comes next would learn the order of codes.
    """
    _, users = np.unique(users, return_inverse=True)
    chance = np.random.default_rng(0).random(len(users))
    order = np.lexsort((chance, users) if times is None else (chance, times, users))
    starts = np.concatenate([[0], np.cumsum(np.bincount(users))])
    return Sets(items[order].astype(np.int32), starts.astype(np.int64))
