"""Old and new side by side, and nobody says which is which: what a person then prefers is the proof."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen import versions
from tfgen.console import command_line
from tfgen.errors import UserError
from tfgen.evaluate.statistics import wilson
from tfgen.feedback.events import Event, Sample, new_id, whoami
from tfgen.generate import Request, open_generator
from tfgen.run import BASE, Run

MOST = 1000


@dataclass(frozen=True)
class Pair:
    """What two versions make of the same prompt and seed, in a random order. `new`: the place of the newer one."""

    prompt: str
    values: Sequence[Any]
    samples: tuple[Sample, Sample]
    new: int


class BlindTest:
    """Pairs of what a version and the one before it make; answers go into the store as they are given.

    run: whose version is tested. old, new: the versions' names.

    Raises:
        UserError: the run has no version, or its seeds or prompt can't be used.
    """

    def __init__(self, run: Run, store: Any, count: int = 20, prompt: str = "", seed: int | None = None, who: str = ""):
        if run.version == BASE:
            make = command_line("tune", run.name)
            raise UserError(f"'{run.name}' has no version in use to compare.", f"Make one: {make}")
        if not 1 <= count <= MOST:
            raise UserError(f"{count} pairs can't be compared.", f"Choose from 1 to {MOST}.")
        self.run, self.store, self.who = run, store, who or whoami()
        # Nothing that was learned from, or seen before.
        seed = 10**8 + secrets.randbelow(10**9) if seed is None else seed
        self.seed = seed
        self.new, self.old = run.version, versions.find(run, run.version).record.get("parent") or BASE
        self.session = f"blind-{new_id()}"
        sides = [Run(run.path, run.record, name) for name in (self.old, self.new)]
        self._generators = [open_generator(side, Request(prompt, count, seed)) for side in sides]
        self._new_first = np.random.default_rng([seed % 2**32, count, 31]).random(count) < 0.5
        self.modality = self._generators[0].modality
        self._answers: list[float] = []

    def pairs(self) -> list[Pair]:
        """The pairs, made now."""
        made = [zip(each, each.records(), strict=True) for each in (one.samples() for one in self._generators)]
        pairs = []
        for (old, old_sample), (new, new_sample), new_first in zip(*made, self._new_first, strict=False):
            order = slice(None, None, -1 if new_first else 1)
            values, samples = (old, new)[order], (old_sample, new_sample)[order]
            pairs.append(Pair(old_sample.prompt, values, samples, 0 if new_first else 1))
        return pairs

    def answer(self, pair: Pair, picked: Sequence[int]) -> None:
        """Keeps which of a pair was preferred: (0,), (1,), or both where neither was."""
        ids = tuple(each.id for each in pair.samples)
        if ids[0] != ids[1]:
            event = Event("pair", ids, {"picked": list(picked)}, self.who, self.session)
            self.store.add(pair.samples, [event])
        self._answers.append(0.5 if len(picked) != 1 else float(picked[0] == pair.new))

    @property
    def result(self) -> dict[str, Any]:
        """How often new was preferred, ties counted half, with its 95 % interval; plain JSON."""
        count = len(self._answers)
        share = float(np.mean(self._answers)) if count else None
        return {
            "run": self.run.name,
            "old": self.old,
            "new": self.new,
            "session": self.session,
            "seed": self.seed,
            "pairs": count,
            "ties": sum(each == 0.5 for each in self._answers),
            "win_rate": None if share is None else [round(each, 4) for each in (share, *wilson(share, count))],
        }
