"""Items by name, and what a person types of them."""

import csv
import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.data.examples import clean_text
from tfgen.errors import UserError
from tfgen.representations import SETS
from tfgen.representations.base import Codec
from tfgen.representations.sets.sets import Sets
from tfgen.representations.sets.specification import SetSpecification

_SHOWN = 3  # names that are said at once
_ALIKE = 0.65  # of what is written, for a name to be the one that was meant
_COMMON_SIZES = 200  # sizes of sets that are counted, each by itself


class SetCodec(Codec):
    """The names of the items, in the order of their ids, the commonest first."""

    representation = SETS

    def __init__(self, names: Sequence[str], specification: SetSpecification):
        self.names = tuple(names)
        self._specification = specification

    @classmethod
    def of(cls, names: Sequence[str], sets: Sets, ordered: bool, plural: str) -> "SetCodec":
        """The codec of sets to learn."""
        counts = np.bincount(sets.items, minlength=len(names))
        sizes = np.bincount(np.minimum(sets.sizes, _COMMON_SIZES))
        numbers = tuple(map(int, counts)), tuple(map(int, sizes))
        return cls(names, SetSpecification(*numbers, len(sets), ordered, plural))

    @property
    def specification(self) -> SetSpecification:
        return self._specification

    def to_json(self) -> dict[str, Any]:
        return {"items": list(self.names), "example": self._specification.to_json()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "SetCodec":
        return cls(state["items"], SetSpecification.from_json(state["example"]))

    @cached_property
    def ids(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def _ids_in_any_case(self) -> dict[str, int]:
        # Of names that differ in that alone, the commonest.
        return {name.casefold(): place for place, name in reversed(list(enumerate(self.names)))}

    def find(self, name: str) -> int | None:
        """The id of a name, in upper or lower case; None where there is no such item."""
        name = clean_text(name)
        found = self.ids.get(name)
        return self._ids_in_any_case.get(name.casefold()) if found is None else found

    def read(self, prompt: str) -> np.ndarray:
        """The ids of the items that a prompt names, int32 [k], each once, in its order.

        Items stand between commas; one with a comma in its name stands in quotation marks. Raises UserError for those
        that aren't known, with the nearest.
        """
        names = items_of(prompt)
        found = {name: self.find(name) for name in names}
        unknown = [name for name, id in found.items() if id is None]
        if unknown and self.find(prompt) is not None:  # one name with a comma in it
            return np.array([self.find(prompt)], np.int32)
        if unknown:
            raise UserError(*self._unknown(unknown))
        return np.array(list(dict.fromkeys(found.values())), np.int32)

    def _unknown(self, names: Sequence[str]) -> tuple[str, str]:
        """What is said of names that aren't known."""
        shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
        what = f"The run knows no item {shown}." if len(names) == 1 else f"The run knows no items {shown}."
        alike = [name for each in names[:_SHOWN] for name in self.nearest(each)]
        if alike:
            return what, f"Did you mean {' and '.join(repr(name) for name in dict.fromkeys(alike))}?"
        common = ", ".join(quoted(name) for name in self.names[:_SHOWN])
        return what, f"Name some that it knows, such as: {common}."

    def nearest(self, name: str, count: int = 1) -> list[str]:
        """The known names that are the most like one: those written alike, else those with its words in them."""
        by_case = {each.casefold(): each for each in reversed(self.names)}
        written = difflib.get_close_matches(name.casefold(), list(by_case), count, cutoff=_ALIKE)
        alike = [by_case[each] for each in written]
        words = [word for word in clean_text(name).casefold().split() if len(word) > 2]
        holding = [by_case[each] for each in by_case if words and any(word in each for word in words)]
        holding.sort(key=lambda each: -sum(word in each.casefold() for word in words))
        return list(dict.fromkeys([*alike, *holding]))[:count]

    def write(self, items: Iterable[int]) -> str:
        """Items as a prompt has them: `read` takes it back."""
        return ", ".join(quoted(self.names[item]) for item in items)

    def symbols(self) -> tuple[str, ...]:
        return self.names


def items_of(prompt: str) -> list[str]:
    """The names in a prompt, none of them empty."""
    rows = csv.reader([" ".join(prompt.split())], skipinitialspace=True)
    return list(dict.fromkeys(name for name in map(clean_text, next(rows, [])) if name))


def quoted(name: str) -> str:
    """A name as it stands in a prompt."""
    return '"' + name.replace('"', '""') + '"' if "," in name or name.startswith('"') else name
