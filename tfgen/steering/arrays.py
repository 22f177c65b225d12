"""Steering of a run that makes arrays: tiles from a bank and from new noise, and a preset of what was found."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.feedback.events import Event, Sample
from tfgen.restore import load_model, made_of
from tfgen.run import Run
from tfgen.steering.bank import Candidates, LatentSpace, open_bank
from tfgen.steering.policy import ASKED, Answer, Policy, Round, Taste
from tfgen.steering.session import Session, Slider, SteerRequest, Tiles, chance_of
from tfgen.steering.sliders import Sliders

_TOLD = 3  # sliders that a sentence names
_LEAST = 0.05  # of what matters, to be told
_SURE = 0.9  # how probable it must be that certain amounts are wanted, to be told


class ArraySession(Session):
    """See Session. Everything that takes TensorFlow is made with the first tiles."""

    def __init__(self, run: Run, request: SteerRequest, store: Any = None, who: str = "", id: str = ""):
        super().__init__(run, request, store, who, id)
        run.vocabulary().ids(request.prompt)  # refuses words that the model never saw
        if request.options:
            what = f"'{run.name}' makes {self.modality.plural}, which have no such options."
            raise UserError(what, f"Leave out: {', '.join(request.options)}.")
        self.rounds: list[Round] = []  # answered ones
        self._current: Round | None = None
        self._taste: Taste | None = None

    @cached_property
    def space(self) -> LatentSpace:
        """The model at work."""
        model = load_model(self.run)
        return self._kept(model, "space", lambda: LatentSpace(self.run, self.request.prompt, model))

    @cached_property
    def policy(self) -> Policy:
        """What chooses the tiles; opening it opens the bank."""
        bank = self._kept(self.space.model, "bank", lambda: open_bank(self.space, self.request.bank))
        return policy_of(self.space, bank, self.request)

    @property
    def taste(self) -> Taste:
        """What the answers so far say of this person."""
        if self._taste is None:
            self._taste = self.policy.taste(self.rounds)
        return self._taste

    @property
    def best(self) -> np.ndarray | None:
        """What was shown and is liked most, as it is stored; None before the first pick."""
        return None if self.taste.best is None else self.space.decode(self.taste.best)[0]

    @property
    def enough(self) -> bool:
        return self.policy.enough(self.taste, chance_of(self.request, len(self.rounds), 2))

    def sliders(self) -> list[Slider]:
        return self._sliders.ranked(self.taste.model)

    @cached_property
    def _sliders(self) -> Sliders:
        return self._kept(self.space.model, "sliders", lambda: Sliders.of(self.space, self.policy.bank))

    def _kept(self, model: Any, name: str, make: Callable[[], Any]) -> Any:
        """What sessions of the same prompt share, where a model is kept for several."""
        return made_of(model, (name, self.request.prompt, self.request.bank), make)

    def changed(self) -> str:
        if self.rounds and self.rounds[-1].answer.kind == "skip":
            return "Others follow."
        # Attributes, which have names that say something; what is liked is like itself anyway.
        found = [each for each in self.sliders() if abs(each.matters) >= _LEAST and each.name in self._sliders.measures]
        words = ", ".join(
            f"{'more' if each.matters > 0 else 'less'} {each.name} ({abs(each.matters):.0%})" for each in found[:_TOLD]
        )
        kept = "The best so far is among the next."
        wanted = self.taste.ideal.wanted() if self.taste.share > _SURE else None
        if wanted is not None:
            names = self.policy.varied(list(self._sliders.measures))
            words = " and ".join(f"a certain {names[place]}" for place in wanted)
        learned = f"You seem to like {words}. {kept}" if words else kept
        return f"{learned} Hardly anything better is to be expected: save it." if self.enough else learned

    def save(self, name: str) -> Any:
        from tfgen.steering.preset import save_preset

        return save_preset(self, name)

    # How it is shown.

    def default_sheet(self) -> Path:
        return Path(f"{self.run.name}-steer{self.modality.sheet_ending}")

    def save_sheet(self, path: Path) -> None:
        self.modality.save_choices(path, self.tiles().values, self.about)

    def in_terminal(self, columns: int) -> str | None:
        return self.modality.as_terminal(self.tiles().values, columns)

    def in_lines(self) -> list[str]:
        if self.modality.sides(self.tiles().values[0]) is not None:
            return []
        return [f"{place}: {self.modality.as_text(value)}" for place, value in enumerate(self.tiles().values, 1)]

    # The log.

    def _show(self) -> Tiles:
        if self._current is None:
            self._current = self._next()
        shown = self._current.shown
        values = self.space.decode(shown)
        self._current = replace(self._current, measured=self.space.measure(values))
        return Tiles(values, self._samples(shown), self._current.arms)

    def _next(self) -> Round:
        chance = chance_of(self.request, len(self.rounds))
        move = self._said[-1].payload.get("move") if self._said else None
        if move is None:
            return self.policy.propose(self.rounds, self.taste, chance)
        shown = self._sliders.moved(self.policy, self.taste, *move, chance)
        return Round(shown, (ASKED,) * len(shown))

    def _learn(self, event: Event) -> None:
        self.tiles()
        self.rounds.append(self._current.answered(Answer(event.kind, event.picked)))
        self._current = self._taste = None

    def _forget(self) -> None:
        self._current, self._taste = self.rounds.pop(), None

    def _samples(self, shown: Any) -> tuple[Sample, ...]:
        """Names of tiles: what is of the bank is what `generate` makes of the same prompt and seed."""
        deviations = self.space.deviations(shown.noise, shown.prompts)
        prompts = {tuple(ids): "" for ids in shown.prompts.tolist()}
        for ids in prompts:
            prompts[ids] = self.request.prompt or self.space.vocabulary.prompt_of(np.array(ids))
        return tuple(
            Sample(
                self.run.name,
                self.digest,
                self.version,
                prompts[tuple(ids)],
                seed=int(seed),
                latents=() if row >= 0 else tuple(float(each) for each in latents),
            )
            for ids, seed, row, latents in zip(shown.prompts.tolist(), shown.seeds, shown.rows, deviations, strict=True)
        )


def policy_of(space: LatentSpace, bank: Candidates, request: SteerRequest) -> Policy:
    """What chooses the tiles of a session."""
    measured = (lambda: np.stack(list(space.measured(bank).values()), axis=1)) if space.measures() else None
    return Policy(bank, space.look, request.count, request.typical, measured)
