"""Steering of a run that makes sequences: ways to go on from what is written so far, of which a person picks one.

Each round makes a pool of continuations, of which the tiles are those that a choice model on the mean hidden states
likes, by weights drawn from its posterior, so that there is something new among them. What is picked becomes part of
what is written. A session ends as what was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.console import command_line
from tfgen.errors import UserError, unknown
from tfgen.feedback.events import Event, Sample
from tfgen.representations.sequences.sampler import SequenceSampler, Text
from tfgen.representations.sequences.sampling_settings import SamplingSettings
from tfgen.restore import load_model, made_of
from tfgen.run import Run
from tfgen.steering.choice import Choice, ChoiceModel, pick
from tfgen.steering.directions import Directions
from tfgen.steering.policy import LIKED, drawn
from tfgen.steering.session import Session, SteerRequest, Tiles, chance_of

POOL = 64  # continuations of which the tiles are chosen
LENGTH = 48  # tokens of one at the most, where nobody says
TEMPERATURE = 1.0
_OPTIONS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "length", "stop")
_ROWS = 16  # texts that the model looks at together
_ENDS = (". ", "! ", "? ", ".\n", "!\n", "?\n", "\n")  # what a continuation ends with, where it has one
_SHORTEST = 12  # letters before such an end


@dataclass(frozen=True)
class Pool:
    """Continuations of what is written. features: [n, width], the mean hidden state of each with what stands before."""

    texts: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]
    seeds: tuple[int, ...]
    features: np.ndarray


@dataclass(frozen=True)
class Step:
    """One round: what stood there as tokens, what was shown as places in the pool, and what was picked."""

    written: tuple[int, ...]
    pool: Pool
    shown: np.ndarray
    picked: tuple[int, ...] = ()


class SequenceSession(Session):
    """See Session. Several picks teach the model, and the text goes on with the first of them."""

    def __init__(self, run: Run, request: SteerRequest, store: Any = None, who: str = "", id: str = ""):
        super().__init__(run, request, store, who, id)
        for name in request.options:
            if name not in _OPTIONS:
                raise unknown("option", name, _OPTIONS)
        defaults = {"temperature": TEMPERATURE, "length": LENGTH}
        self.how = SamplingSettings.of({**defaults, **request.options})
        if self.how.temperature == 0:
            raise UserError("There is nothing to pick from without chance.", "Give a --temperature above 0.")
        self._prompt_ids = tuple(int(each) for each in self.codec.prompt_ids(request.prompt))
        self._written: tuple[int, ...] = ()
        self.steps: list[Step] = []  # answered ones
        self._current: Step | None = None

    @property
    def written(self) -> str:
        """What was picked so far."""
        return self.codec.written(self._written)

    @cached_property
    def _sampler(self) -> SequenceSampler:
        model = load_model(self.run)
        return made_of(model, "sampler", lambda: SequenceSampler(model, self.codec))

    @cached_property
    def _look(self) -> Any:
        import tensorflow as tf

        model = self._sampler.model
        given = [tf.TensorSpec([_ROWS, model.context], tf.int32), tf.TensorSpec([_ROWS], tf.int32)]
        return made_of(model, "features", lambda: tf.function(model.features, input_signature=given, autograph=False))

    @property
    def enough(self) -> bool:
        return False

    def changed(self) -> str:
        last = self.steps[-1] if self.steps else None
        if last is None or not last.picked:
            return "Others follow."
        return f"So far: {_end_of(self.ending())}"

    def check_presets(self) -> None:
        raise UserError(
            f"A session of {self.modality.plural} ends as what was written, and has no preset.",
            f"Let the model learn from your picks: {command_line('tune', self.run.name)}",
        )

    def save(self, name: str) -> Any:
        self.check_presets()

    def in_lines(self) -> list[str]:
        # What has many lines, such as a level, can't be read in one.
        return [
            f"--- {place} ---\n{text}" if text.count("\n") > 1 else f"{place}: {text!r}"
            for place, text in enumerate(self.tiles().values, 1)
        ]

    def ending(self) -> str:
        return self._prompt_so_far()

    # The log.

    def _show(self) -> Tiles:
        if self._current is None:
            self._current = self._next()
        step = self._current
        texts = tuple(step.pool.texts[place] for place in step.shown)
        prompt, settings = self._prompt_so_far(), {**self.how.to_json(), "until": "sentence"}
        samples = tuple(
            Sample(
                self.run.name, self.digest, self.version, prompt, seed=step.pool.seeds[place], settings=settings,
                content=step.pool.texts[place],
            )
            for place in step.shown
        )
        return Tiles(texts, samples, (LIKED,) * len(texts))

    def _next(self) -> Step:
        number = len(self.steps)
        chance = chance_of(self.request, number)
        pool = self._pool(number)
        if len(pool.texts) < 2:
            raise UserError("The model knows one way to go on from here alone.", "Raise --temperature, or end with q.")
        count = min(self.request.count, len(pool.texts))
        directions = self._directions(pool)
        taste = self._taste(directions)
        return Step(self._written, pool, drawn(taste, directions(pool.features), count, chance))

    def _directions(self, pool: Pool) -> "_Centred":
        """What continuations differ in: of all pools so far, each less its mean, since all have the same beginning."""
        every = [step.pool for step in self.steps] + [pool]
        centred = np.concatenate([each.features - each.features.mean(axis=0) for each in every])
        try:
            return _Centred(Directions.of(centred))
        except ValueError:
            raise UserError("All ways to go on look the same to the model.", "Raise --temperature.") from None

    def _taste(self, directions: "_Centred") -> ChoiceModel:
        choices: list[Choice] = []
        for step in self.steps:
            if step.picked:
                choices += pick(directions(step.pool.features)[step.shown], step.picked)
        return ChoiceModel.fit(choices, directions.size)

    def _learn(self, event: Event) -> None:
        self.tiles()
        step = self._current
        picked = event.picked if event.kind == "pick" else ()
        self.steps.append(Step(step.written, step.pool, step.shown, picked))
        if picked:
            self._written += step.pool.tokens[step.shown[picked[0]]]
        self._current = None

    def _forget(self) -> None:
        step = self.steps.pop()
        self._written = step.written
        self._current = Step(step.written, step.pool, step.shown)

    # The pool.

    def _pool(self, number: int) -> Pool:
        """Different continuations of what is written, each up to the end of a sentence where it has one."""
        first = (self.request.seed * 1000003 + number * POOL) % 2**31
        texts = [Text("", (first + place) % 2**31) for place in range(POOL)]
        for _ in self._sampler.write([*self._prompt_ids, *self._written], texts, self.how):
            pass
        found: dict[tuple[int, ...], int] = {}
        for text in texts:
            tokens = self._to_sentence(text)
            if self.codec.decode(tokens).strip():
                found.setdefault(tokens, int(text.seed))
        words = tuple(self.codec.written(tokens) for tokens in found)
        return Pool(words, tuple(found), tuple(found.values()), self._features(tuple(found)))

    def _to_sentence(self, text: Text) -> tuple[int, ...]:
        """A text's tokens up to the end of its first sentence; a token that goes beyond it is kept whole."""
        ends = set(self._sampler.model.example.ends)
        tokens = [each for each in text.tokens if each not in ends]
        wanted = len(_first_sentence(text.text))
        stream, length = self.codec.stream(), 0
        for count, token in enumerate(tokens, 1):
            length += len(stream.push(token))
            if length >= wanted:
                return tuple(tokens[:count])
        return tuple(tokens)

    def _prompt_so_far(self) -> str:
        """What stands there as the model can be given it again."""
        typed = self.request.prompt + self.written
        try:
            self.codec.prompt_ids(typed)
            return typed
        except UserError:  # where what was typed lacks what stands between tokens
            return self.codec.written([*self._prompt_ids, *self._written])

    def _features(self, texts: Sequence[tuple[int, ...]]) -> np.ndarray:
        """The mean hidden state [n, width] of each continuation with as much before it as the model sees."""
        import tensorflow as tf

        context, end = self._sampler.model.context, self._sampler.model.example.end
        rows = np.full([-(-max(len(texts), 1) // _ROWS) * _ROWS, context], end, np.int32)
        lengths = np.ones(len(rows), np.int32)
        for place, tokens in enumerate(texts):
            ids = [*self._prompt_ids, *self._written, *tokens][-context:]
            rows[place, : len(ids)] = ids
            lengths[place] = len(ids)
        parts = [
            self._look(tf.constant(rows[at : at + _ROWS]), tf.constant(lengths[at : at + _ROWS])).numpy()
            for at in range(0, len(rows), _ROWS)
        ]
        return np.concatenate(parts)[: len(texts)]


class _Centred:
    """Directions of features that are taken less the mean of their own pool."""

    def __init__(self, directions: Directions):
        self._directions = directions
        self.size = directions.components.shape[1] + 1

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return self._directions(features - features.mean(axis=0))


def _first_sentence(text: str) -> str:
    """Up to the first end of a sentence that isn't right at the beginning; all of it where there is none."""
    places = [text.find(end, _SHORTEST) + len(end) for end in _ENDS if text.find(end, _SHORTEST) >= 0]
    return text[: min(places)] if places else text


def _end_of(text: str, letters: int = 120) -> str:
    """The last letters, in a line."""
    words = " ".join(text.split())
    return words if len(words) <= letters else f"... {words[-letters:]}"
