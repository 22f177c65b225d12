"""Tuning: whether a new version of a model makes what simulated people wish for, and what that costs.

    python scripts/bench/tuning.py gains RUN [--answers 200] [--people 3] [--wish slant] [--strength medium]
    python scripts/bench/tuning.py random RUN [--people 100]

The people judge with a noise of half a standard deviation of their wish and give a tenth of their answers at random.
Each picks the best of 4 samples of a prompt, of random prompts; picks go through a store of their own and `tune`, as a
user's do. The run isn't changed: a copy is tuned.

gains: for each person, held-out accuracy; how much more the wish is met, in standard deviations within a prompt; how
often the person likes a sample of new better than another one of old, of 2,000 each; what tfgen says of that by answers
that it did not learn from; recognised as asked, in all and for the prompt that lost most; diversity as a share of what
it was; seconds, and those of the processor; and concerns. "refused" where nothing was learned. A person takes a minute.

random: how many of the people are refused who give every answer at random.
"""

import shutil
import time

import click
import numpy as np
from common import show_table, talk, work_folder

from tests.people import Person, attributes

WISHES = {"slant": ("slant",), "slant and thickness": ("slant", "thickness")}
SHOWN = 4
_FIRST_SEED, _OLD_SEED, _NEW_SEED = 10**6, 2 * 10**6, 3 * 10**6
_BANK = 4096


@click.group()
def main() -> None:
    """Measure tuning with simulated people."""


@main.command()
@click.argument("run")
@click.option("--answers", default=200, show_default=True)
@click.option("--people", default=3, show_default=True, help="Of each wish.")
@click.option("--wish", "wishes", multiple=True, type=click.Choice(list(WISHES)), help="Only these.")
@click.option("--strength", default="medium", show_default=True)
@click.option("--first", default=0, show_default=True, help="The first person's seed.")
def gains(run, answers, people, wishes, strength, first) -> None:
    """What is learned, and what it costs."""
    place = Place(run)
    rows = []
    for wish in wishes or WISHES:
        for seed in range(first, first + people):
            rows.append((wish, seed, *place.tuned(wish, seed, answers, strength)))
            talk(f"{rows[-1]}")
    measured = ["predicted", "shift", "liked", "judged", "asked", "most lost", "diversity", "s", "CPU s", "concerns"]
    show_table(["wish", "person", *measured], rows)


@main.command()
@click.argument("run")
@click.option("--answers", default=200, show_default=True)
@click.option("--people", default=100, show_default=True)
def random(run, answers, people) -> None:
    """Answers that mean nothing: how often they are refused."""
    from tfgen.steering.directions import Directions
    from tfgen.tuning.reward import CHANCE, Answer, held_out

    place = Place(run)
    positions = Directions.of(place.features)(place.features)
    refused = 0
    for seed in range(people):
        chance = np.random.default_rng([seed, 3])
        given = []
        for _ in range(answers):
            shown = place.shown(chance)
            given.append(Answer(positions[shown], (int(chance.integers(SHOWN)),), tuple(map(str, shown))))
        refused += held_out(given, seed).p_value >= CHANCE
    show_table(["answers", "people", "refused"], [(answers, people, refused)])


class Place:
    """A run, a bank of its samples, and what people find in those."""

    def __init__(self, name: str):
        from tfgen.api import load
        from tfgen.environment import load_tensorflow

        load_tensorflow()
        from tfgen.restore import load_model
        from tfgen.tuning.shown import Looker

        self.run = load(name)
        if self.run.version != "base":
            raise SystemExit(f"{name} has a version in use; name {name}@base.")
        self.bank = self.run.generate("", n=_BANK, seed=_FIRST_SEED)
        self.prompts = np.array(self.bank.prompts)
        seeds = np.arange(_FIRST_SEED, _FIRST_SEED + _BANK, dtype=np.int32)
        self.features = Looker(load_model(self.run)).bank(seeds)[0]
        self.usual = {name: (each.mean(), each.std()) for name, each in attributes(self.bank.values).items()}

    def shown(self, chance: np.random.Generator) -> np.ndarray:
        """The places of samples of one prompt."""
        prompt = chance.choice(np.unique(self.prompts))
        return chance.choice(np.flatnonzero(self.prompts == prompt), SHOWN, replace=False)

    def wish(self, name: str):
        def wish(values: np.ndarray) -> np.ndarray:
            found = attributes(values)
            return sum((found[each] - self.usual[each][0]) / self.usual[each][1] for each in WISHES[name])

        return wish

    def people(self, wish: str, seed: int) -> dict[str, Person]:
        """One person, who knows of each prompt what is usual."""
        own = {each: self.bank.values[self.prompts == each] for each in np.unique(self.prompts)}
        return {prompt: Person(self.wish(wish), values, seed) for prompt, values in own.items()}

    def tuned(self, wish: str, seed: int, answers: int, strength: str) -> tuple:
        """What became of one person's answers."""
        from tfgen.api import Run
        from tfgen.errors import UserError
        from tfgen.feedback.events import Event, Sample
        from tfgen.feedback.store import open_store

        people, chance = self.people(wish, seed), np.random.default_rng([seed, 3])
        with work_folder("tuning") as folder:
            shutil.copytree(self.run.path, folder / self.run.name)
            run = Run.open(str(folder / self.run.name))
            with open_store(str(folder / "feedback.db")) as store:
                samples, events = {}, []
                for number in range(answers):
                    shown = self.shown(chance)
                    named = [Sample.of(run, self.prompts[place], int(_FIRST_SEED + place)) for place in shown]
                    samples.update({each.id: each for each in named})
                    picked = people[self.prompts[shown[0]]].pick(self.bank.values[shown])
                    events.append(Event("pick", tuple(each.id for each in named), {"picked": [picked]}, "person"))
                store.add(samples.values(), events)
                began, spent = time.perf_counter(), time.process_time()
                try:
                    version = run.tune(strength, seed=seed, store=store, verbose=True)
                except UserError as error:
                    talk(str(error))
                    return ("refused", *[None] * 9)
                seconds, spent = time.perf_counter() - began, time.process_time() - spent
            record = version.version_record
            talk(f"{record.get('nats')} nats, kept {record.get('kept')}")
            old, new = (self.run.generate("", n=2048, seed=_OLD_SEED), version.generate("", n=2048, seed=_NEW_SEED))
            liked = [
                {prompt: people[prompt].liking(made.values[np.array(made.prompts) == prompt]) for prompt in people}
                for made in (old, new)
            ]
            shift = np.mean([liked[1][prompt].mean() - liked[0][prompt].mean() for prompt in people])
            wins = np.mean([np.mean(liked[1][each][:, None] > liked[0][each][None, :]) for each in people])
        before, after = record["before"], record["after"]
        asked = [f"{each['as asked']:.3f}" if "as asked" in each else "-" for each in (before, after)]
        return (
            f"{record['held_out']['accuracy']:.2f}",
            float(shift),
            float(wins),
            record["win_rate"][0],
            " to ".join(asked),
            " to ".join(f"{each:.3f}" for each in record["most_lost"][1:]) if record.get("most_lost") else "-",
            after["diversity"] / before["diversity"],
            round(seconds, 1),
            round(spent, 1),
            "; ".join(record["concerns"]) or "none",
        )


if __name__ == "__main__":
    main()
