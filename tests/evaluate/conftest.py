"""Fits that several tests judge, and a cache that they share: its classifier takes a while to fit."""

import numpy as np
import pytest

from tests.conftest import locked


@pytest.fixture(autouse=True)
def cache(shared_cache):
    """Nothing here is looked at twice."""


@pytest.fixture(autouse=True)
def quick_detector(monkeypatch):
    """What tells samples from real examples learns for a moment only."""
    from tfgen.evaluate.arrays import detector

    monkeypatch.setattr(detector, "_STEPS", (10, 10))


@pytest.fixture(scope="session")
def splits(shared):
    """Real digits as .npz: 4,000 to learn, 2,100 others, 200 few, and the 4,000 with their labels shuffled; for what
    doesn't depend on how many there are, 800 to learn and 600 held out, of which no extractor sees all for long."""
    from tfgen.data import open_data

    examples = open_data("digits")
    folder = shared / "splits"
    shuffled = np.random.default_rng(0).permutation(examples.prompt_index[:4000])
    parts = {
        "learned": (slice(0, 4000), examples.prompt_index[:4000]),
        "others": (slice(4000, 6100), examples.prompt_index[4000:6100]),
        "few": (slice(6100, 6300), examples.prompt_index[6100:6300]),
        "shuffled": (slice(0, 4000), shuffled),
        "some": (slice(6300, 7100), examples.prompt_index[6300:7100]),
        "held": (slice(7100, 7700), examples.prompt_index[7100:7700]),
    }
    with locked(shared / "splits.lock"):
        if not folder.exists():
            folder.mkdir()
            for name, (places, labels) in parts.items():
                values = examples.values[places]
                np.savez(folder / f"{name}.npz", images=values, labels=labels, label_names=examples.prompts)
    return {name: folder / f"{name}.npz" for name in parts}


@pytest.fixture(scope="session")
def healthy(fit_once, splits):
    """Small models fitted for about half a minute each, by name. Don't change them."""
    return {"gan": fit_once("gan", 800, data=splits["learned"]), "vae": fit_once("vae", 500, data=splits["learned"])}


@pytest.fixture(scope="session")
def plays(shared):
    """Text files by name: the first 200,000 characters of the plays, 3,000 others, and 40,000 that are in neither."""
    from tfgen.data import open_data

    folder = shared / "plays"
    places = {"learned": (0, 200_000), "few": (250_000, 253_000), "others": (300_000, 340_000)}
    with locked(shared / "plays.lock"):
        if not folder.exists():
            examples = open_data("shakespeare")
            text = examples.codec.decode(examples.ids(examples.values[:400_000]))
            folder.mkdir()
            for name, (start, end) in places.items():
                (folder / f"{name}.txt").write_text(text[start:end], encoding="utf-8")
    return {name: folder / f"{name}.txt" for name in places}


TEXT_QUICK = ("context=64", "batch_size=16")


@pytest.fixture(scope="session")
def writer(fit_once, plays):
    """A small GPT that has learned a little, by characters. Don't change it."""
    return fit_once("gpt", 250, *TEXT_QUICK, "tokenizer=characters", data=plays["learned"])
