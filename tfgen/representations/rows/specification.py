"""What a model must know of rows: for each column its tokens, how often each was there, and their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

_MOST_FIELDS, _MOST_TOKENS = 2**16, 2**22  # of a specification that is read


@dataclass(frozen=True)
class Field:
    """One learned column as a model sees it.

    counts: how many of the learned rows have each token, [tokens].
    scores: where each token of a numeric column lies, as a normal score of its middle rank, [tokens], and None for one
        without an order, such as a missing cell; empty for a categorical column.
    never: tokens that are never drawn: what stands for rare values.
    """

    counts: tuple[int, ...]
    scores: tuple[float | None, ...] = ()
    never: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        return len(self.counts)


@dataclass(frozen=True)
class RowSpecification:
    """The fields of a row, in the order of the columns that are learned."""

    fields: tuple[Field, ...]
    count: int  # rows to learn
    plural: str = "rows"

    @cached_property
    def sizes(self) -> np.ndarray:
        """How many tokens each field has, int [fields]."""
        return np.array([field.size for field in self.fields])

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where each field's tokens begin among those of all fields, int [fields]."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def order(self) -> np.ndarray:
        """The fields in the order in which they are drawn, int [fields]: those with few tokens first."""
        return np.argsort(self.sizes, kind="stable")

    def drawn_evenly(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Rows that have nothing of the data: each field's token is any that can be drawn, int [count, fields]."""
        drawable = [np.setdiff1d(np.arange(field.size), field.never) for field in self.fields]
        return np.stack([generator.choice(tokens, count) for tokens in drawable], axis=1)

    def has(self, tokens: np.ndarray) -> bool:
        """Whether these are rows of tokens, int [n, fields]."""
        is_shaped = tokens.dtype.kind in "iu" and tokens.ndim == 2 and tokens.shape[1] == len(self.fields)
        return is_shaped and bool(np.all((tokens >= 0) & (tokens < self.sizes)))

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` takes it back."""
        fields = [
            {"counts": list(field.counts), "scores": list(field.scores), "never": list(field.never)}
            for field in self.fields
        ]
        return {"fields": fields, "count": self.count, "plural": self.plural}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RowSpecification":
        """What `to_json` gave. Raises ValueError for more than any table has."""
        if len(value["fields"]) > _MOST_FIELDS or sum(len(each["counts"]) for each in value["fields"]) > _MOST_TOKENS:
            raise ValueError("no table has so many columns or values")
        fields = tuple(
            Field(tuple(each["counts"]), tuple(each["scores"]), tuple(each["never"])) for each in value["fields"]
        )
        return cls(fields, value["count"], value["plural"])
