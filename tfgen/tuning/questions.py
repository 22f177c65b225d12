"""What to ask a person next: samples side by side of which it isn't known yet which are liked better."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.feedback.events import MOST_SHOWN, Event, Sample, new_id, whoami
from tfgen.feedback.preferences import preferences_of
from tfgen.generate import Request, open_generator
from tfgen.representations import ARRAYS
from tfgen.restore import load_model, open_codec, open_modality
from tfgen.run import BASE, Run

MOST = 1000
_POOL = 512  # samples that questions are made of
_TRIED = 64  # groups, of which the one is asked whose answer would teach most
_LEAST = 10  # answers, before it is known what isn't known


@dataclass(frozen=True)
class Question:
    """Samples [k] of one prompt, as they are stored and as the store of feedback knows them."""

    prompt: str
    values: Sequence[Any]
    samples: tuple[Sample, ...]


class Questions:
    """Questions about a run, whose answers go into the store as they are given.

    Of a run that makes arrays, with ten answers to begin with, those are asked whose answers its reward is least sure
    of; else samples of further seeds.

    Raises:
        UserError: so many can't be asked, or the prompt can't be followed.
    """

    def __init__(
        self, run: Run, store: Any, prompt: str = "", shown: int = 2, count: int = 20, seed: int = 0, who: str = ""
    ):
        if not 2 <= shown <= MOST_SHOWN:
            raise UserError(f"{shown} samples can't be compared.", f"Choose from 2 to {MOST_SHOWN}.")
        if not 1 <= count <= MOST:
            raise UserError(f"{count} questions can't be asked.", f"Choose from 1 to {MOST}.")
        self.run, self.store, self.who = run, store, who or whoami()
        self.shown, self.count, self.seed = shown, count, seed
        self.session = f"ask-{new_id()}"
        self.modality = open_modality(run)
        self._is_arrays = open_codec(run).representation == ARRAYS
        made = max(_POOL, shown) if self._is_arrays else count * shown
        self._generator = open_generator(run, Request(prompt, made, seed))

    def __iter__(self) -> Iterator[Question]:
        made = self._generator.samples()
        records = made.records()
        groups = self._unsure(records) if self._is_arrays else np.arange(len(made)).reshape(-1, self.shown)
        for group in groups:
            samples = tuple(records[place] for place in group)
            yield Question(samples[0].prompt, [made[place] for place in group], samples)

    def answer(self, question: Question, picked: Sequence[int]) -> None:
        """Keeps which are the best: places from 0, all of them where none is better."""
        kind = "pair" if len(question.samples) == 2 else "pick"
        ids = tuple(sample.id for sample in question.samples)
        self.store.add(question.samples, [Event(kind, ids, {"picked": list(picked)}, self.who, self.session)])

    def _unsure(self, records: Sequence[Sample]) -> np.ndarray:
        """Groups of places [count, shown], each of one prompt, and as few of them twice as can be."""
        chance = np.random.default_rng([self.seed % 2**32, 41])
        by_prompt: dict[str, list[int]] = {}
        for place, sample in enumerate(records):
            by_prompt.setdefault(sample.prompt, []).append(place)
        enough = [places for places in by_prompt.values() if len(places) >= self.shown]
        if not enough:
            raise UserError("Hardly two samples of one prompt come together.", "Name a prompt.")
        shares = np.array([len(places) for places in enough], float)
        choice = self._reward(records)
        asked = np.zeros(len(records))
        groups = []
        for _ in range(self.count):
            drawn = [enough[row] for row in chance.choice(len(enough), _TRIED, p=shares / shares.sum())]
            tried = np.stack([chance.choice(places, self.shown, replace=False) for places in drawn])
            worth = -asked[tried].sum(axis=1)  # what was asked before comes last
            if choice is not None:
                model, positions = choice
                worth += _to_learn(model, positions[tried])
            groups.append(tried[int(np.argmax(worth))])
            asked[groups[-1]] += 10.0
        return np.stack(groups)

    def _reward(self, records: Sequence[Sample]) -> tuple[Any, np.ndarray] | None:
        """What is liked as far as it is known, and the samples' positions [n, d]; None where too little was said."""
        from tfgen.generate.remade import latents_of
        from tfgen.steering.directions import Directions
        from tfgen.tuning.reward import choice_of
        from tfgen.tuning.shown import Looker, answers_of, features_of, usable

        comparisons = usable(self.run, preferences_of(self.store, self.run).comparisons)
        if len(comparisons) < _LEAST:
            return None
        looker = Looker(load_model(Run(self.run.path, self.run.record, BASE)))
        features = features_of(self.run, looker, [sample for each in comparisons for sample in each.shown])
        if self.run.version != BASE:
            looker = Looker(load_model(self.run))
        own, _ = looker(*latents_of(self.run.vocabulary(), looker.model, records))
        directions = Directions.of(own)
        return choice_of(answers_of(comparisons, features, directions)), directions(own)


def _to_learn(model: Any, positions: np.ndarray) -> np.ndarray:
    """How much an answer about each group, positions [groups, k, d], would teach, [groups]: the more, the less sure the
    utilities' differences are and the nearer to each other."""
    first, second = np.triu_indices(positions.shape[1], 1)
    apart = positions[:, first] - positions[:, second]
    flat = apart.reshape(-1, apart.shape[2])
    worth = model.uncertainty(flat) / (1.0 + np.abs(model.utilities(flat)))
    return worth.reshape(len(positions), -1).mean(axis=1)
