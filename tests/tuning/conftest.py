"""Runs that people have judged."""

import shutil

import numpy as np
import pytest

from tests.people import Person
from tfgen.api import load
from tfgen.feedback.events import Event, Sample
from tfgen.feedback.store import open_store


def brightness(values):
    return values.reshape(len(values), -1).astype(float).mean(axis=1)


@pytest.fixture
def judged(tmp_path):
    """Copies a run to where the test's runs are, and has a person pick the brightest of 4 samples, so many times;
    `random` is the share of answers that mean nothing."""

    def judge(run, answers=80, random=0.1, seed=0, name="judged"):
        path = tmp_path / "runs" / name
        shutil.copytree(run.path, path)
        copied = load(path)
        bank = copied.generate("", n=320, seed=500)
        person = Person(brightness, bank.values, seed, random=random)
        samples = [Sample.of(copied, prompt, number) for prompt, number in zip(bank.prompts, bank.seeds, strict=True)]
        chance, events = np.random.default_rng(seed), []
        for _ in range(answers):
            shown = chance.choice(len(bank), 4, replace=False)
            picked = person.pick(bank.values[shown])
            events.append(Event("pick", tuple(samples[each].id for each in shown), {"picked": [picked]}, "ann"))
        with open_store() as store:
            store.add(samples, events)
        return copied

    return judge
