"""The loop: whether what simulated people say makes a model's samples what they wish for, though nobody told it.

    python scripts/bench/loop.py steering RUN [RUN ...]
    python scripts/bench/loop.py steering RUN --sessions 40 --wish slant --wish medium

The people are those of tests/people.py: a hidden wish, noise of half a standard deviation, a tenth of the answers at
random. Each session is another person, and another prompt of the run in turn.

steering: for each wish, the round from which the median session stays at the 99th (99.9th) percentile of what the model
draws by itself, by the tile that tfgen takes for the best; the median percentile after some rounds; the share of tiles
after round 10 that are recognised as the prompt by the evaluation's classifier, in the mean and in 9 of 10 sessions;
and the thought of a round, by the clock and of the processor. A session takes a few seconds.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click
import numpy as np
from common import show_table, talk

from tests.people import WISHES, Person, wish_of

_CERTAIN = 512  # samples one of which is the wish, beyond the bank
_LATE = 10
_SHOWN = (5, 10, 15, 20)


@click.group()
def main() -> None:
    """Measure the loop with simulated people."""


@main.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--sessions", default=10, show_default=True, help="Of each wish.")
@click.option("--rounds", default=20, show_default=True)
@click.option("--wish", "wishes", multiple=True, type=click.Choice(WISHES), help="Only these.")
@click.option("--prompt", "prompts", multiple=True, help="Only these.  [default: all labels in turn]")
@click.option("-k", "--count", default=9, show_default=True, help="Tiles.")
@click.option("--first", default=0, show_default=True, help="The first person's seed.")
@click.option("--free", is_flag=True, help="Without the guard that keeps tiles typical.")
@click.option("--evolution", is_flag=True, help="The last pick and its children alone, to compare with.")
def steering(runs, sessions, rounds, wishes, prompts, count, first, free, evolution) -> None:
    """Sessions of tfgen steer."""
    from tfgen.environment import load_tensorflow

    load_tensorflow()
    rows = []
    for name in runs:
        place = Place(name, prompts, count, not free, evolution)
        for wish in wishes or WISHES:
            rows.append((name, wish, *_cell([place.session(wish, first + each, rounds) for each in range(sessions)])))
            talk(f"{name}, {wish}: {rows[-1][2:]}")
    after = [f"after {each}" for each in _SHOWN if each <= rounds]
    times = ["ms a round", "of processor"]
    show_table(["run", "wish", "99 %", "99.9 %", *after, "recognised", "in 9 of 10 sessions", *times], rows)


class Place:
    """A run with its banks, which sessions of the same prompt share, and a classifier of its labels."""

    def __init__(self, name: str, prompts: tuple[str, ...], count: int, typical: bool, evolution: bool):
        from tfgen.data import open_data
        from tfgen.evaluate.extractors.classifier import open_classifier
        from tfgen.restore import load_model
        from tfgen.run import Run

        self.run, self.count, self.typical, self.evolution = Run.open(name), count, typical, evolution
        self.model = load_model(self.run)
        vocabulary = self.run.vocabulary()
        self.prompts = prompts or vocabulary.prompts
        self.classifier = open_classifier(open_data(self.run.data_source(), **self.run.data_settings()))
        self._opened = {}

    def session(self, kind: str, seed: int, rounds: int) -> dict[str, np.ndarray | float]:
        """One session: percentiles by round, seconds by round, and whether late tiles are recognised."""
        from tfgen.steering.session import SteerRequest, open_session

        prompt = self.prompts[seed % len(self.prompts)]
        session = open_session(self.run, SteerRequest(prompt, self.count, seed, self.typical))
        space, policy, values, others, sliders = self._open(prompt, session)
        session.space, session.policy, session._sliders = space, policy, sliders
        person = Person(wish_of(kind, values, 1000 + seed, others), values, seed)
        session.tiles()
        reached, seconds, late = [], [], []
        for number in range(rounds):
            tiles = session.tiles()
            picked = person.pick(tiles.values)
            start, used = time.perf_counter(), time.process_time()
            session.answer("pick", [picked])
            session.tiles()
            seconds.append((time.perf_counter() - start, time.process_time() - used))
            reached.append(person.percentile(session.best[None])[0])
            if number >= _LATE:
                late.append(tiles.values)
        seen = self.classifier.recognised(self.classifier.look(np.concatenate(late)))
        right = float(np.mean([self.classifier.labels[place] == prompt for place in seen]))
        return {"reached": np.array(reached), "seconds": np.array(seconds), "right": right}

    def _open(self, prompt: str, session):
        """What sessions of a prompt share: the space, the policy, the bank's samples, and others."""
        if prompt not in self._opened:
            from tfgen.steering.bank import LatentSpace, open_bank
            from tfgen.steering.arrays import policy_of
            from tfgen.steering.sliders import Sliders

            space = LatentSpace(self.run, prompt, self.model)
            bank = open_bank(space)
            policy = policy_of(space, bank, session.request)
            if self.evolution:
                policy = evolving(policy)
            seeds = np.arange(10**6, 10**6 + _CERTAIN, dtype=np.int32)
            noise, prompts = space.draw(seeds)
            others = space.decode(space.look(noise, seeds, prompts))
            self._opened[prompt] = space, policy, space.decode(bank), others, Sliders.of(space, bank)
        return self._opened[prompt]


def evolving(policy: Any) -> Any:
    """The policy without any model of a taste: what was picked last, and its children (Sims 1991)."""
    taste = policy.taste

    def last_pick(rounds: Sequence) -> Any:
        best = policy._parents(rounds, taste([]))
        return replace(taste([]), best=best and best.take([0]))

    policy.taste = last_pick
    policy._share_of_evolution = lambda rounds, free: free
    return policy


def _cell(sessions: list[dict]) -> tuple:
    """The numbers of one wish's sessions."""
    median = np.median([each["reached"] for each in sessions], axis=0)
    after = [float(median[each - 1]) for each in _SHOWN if each <= len(median)]
    right = [each["right"] for each in sessions]
    thought = np.median(np.concatenate([each["seconds"] for each in sessions]), axis=0) * 1000
    sure = float(np.mean(right)), float(np.quantile(right, 0.1))
    return _held(median, 99), _held(median, 99.9), *after, *sure, *thought.tolist()


def _held(median: np.ndarray, least: float) -> int | None:
    """The round from which the median stays at least so high; None where it never does."""
    below = np.flatnonzero(median < least)
    first = int(below[-1]) + 2 if len(below) else 1
    return first if first <= len(median) else None


if __name__ == "__main__":
    main()
