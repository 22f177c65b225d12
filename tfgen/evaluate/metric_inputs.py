"""Everything that metrics may ask for, made when one asks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


class LazyInputs(Mapping[str, np.ndarray]):
    """Metric inputs by name; each is made once, when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], np.ndarray]]):
        self.makers = dict(makers)
        self._made: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._made:
            self._made[name] = self.makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self.makers

    def __iter__(self) -> Iterator[str]:
        return iter(self.makers)

    def __len__(self) -> int:
        return len(self.makers)


def with_others(
    groups: Mapping[str, LazyInputs],
    others: Mapping[str, tuple[str, Any]],
    own: Callable[[Any], Mapping[str, Callable[[], np.ndarray]]],
) -> dict[str, LazyInputs]:
    """Groups by their names, with a kind of data's own baselines (see Modality.others) beside them.

    own: what the metrics of this kind alone ask of samples. A group that has the name of one of the `others` is asked
        of those samples.
    """
    asked = {name: own(samples) for name, (_, samples) in others.items()}
    found = {name: LazyInputs({**each.makers, **asked.pop(name, {})}) for name, each in groups.items()}
    return {**found, **{name: LazyInputs(makers) for name, makers in asked.items()}}
