"""A small GPT-2 as KerasHub saves it, and fits that begin with it; all of it needs the extra [pretrained]."""

import json
import shutil

import numpy as np
import pytest

from tests.conftest import fit_run, locked
from tfgen.restore import build_model
from tfgen.run import Run

SETTINGS = ("context=32", "batch_size=8", "dropout=0.05", "holdout=0.2")
WHOLE, LORA = ("learning_rate=0.001",), ("learning_rate=0.01",)
STEPS = 60


def sentences(seed, count, form):
    """Sentences of a few words, many of them the same; `form` says how a sentence is made of its words."""
    chance = np.random.default_rng(seed)
    adjectives = "old green quiet brave small odd".split()
    nouns = "king bird river ship queen baker".split()
    verbs = "met saw found left heard missed".split()
    lines = []
    for _ in range(count):
        words = [*chance.choice(adjectives, 2), *chance.choice(nouns, 2), chance.choice(verbs)]
        lines.append(form.format(*words, chance.integers(1900, 2030)))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def preset(shared):
    """The folder of a small GPT-2 that knows one way to make sentences, as KerasHub saves it. Don't change it."""
    path = shared / "small_gpt2"
    with locked(shared / "small_gpt2.lock"):
        if not path.exists():
            write_preset(path)
    return path


def write_preset(path):
    import keras
    import keras_hub
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    text = sentences(0, 600, "In {5}, the {0} {2} {4} the {1} {3}.")
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    spaces = "      indented   text\n\n\n" * 100  # so that there are tokens of white space alone
    library.train_from_iterator([text, spaces], trainers.BpeTrainer(vocab_size=399, initial_alphabet=alphabet))
    learned = json.loads(library.to_str())["model"]
    vocabulary = {**learned["vocab"], "<|endoftext|>": len(learned["vocab"])}
    tokenizer = keras_hub.models.GPT2Tokenizer(vocabulary, [" ".join(pair) for pair in learned["merges"]])
    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=len(vocabulary), num_layers=2, num_heads=4, hidden_dim=32, intermediate_dim=64,
        max_sequence_length=64,
    )
    ids = np.array(library.encode(text).ids)
    windows = np.stack([ids[start : start + 33] for start in np.random.default_rng(0).integers(0, len(ids) - 33, 3200)])
    model = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=loss)
    inputs = {"token_ids": windows[:, :-1], "padding_mask": np.ones_like(windows[:, :-1])}
    model.fit(inputs, windows[:, 1:], batch_size=16, verbose=0, shuffle=False)
    preprocessor = keras_hub.models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=64)
    keras_hub.models.GPT2CausalLM(backbone, preprocessor).save_to_preset(str(path))


@pytest.fixture(scope="session")
def notes(shared):
    """A text with the same words in another order."""
    path = shared / "notes.txt"
    with locked(shared / "notes.lock"):
        if not path.exists():
            path.write_text(sentences(1, 800, "{0} {2}s {4} {1} {3}s: {5}!"), encoding="utf-8")
    return path


def fit_from(preset, notes, output, steps=STEPS, *overrides, **options):
    settings = {"size": None, "start": str(preset), "evaluate_every": 20, **options}
    return fit_run("gpt", output, notes, steps, *SETTINGS, *overrides, **settings)


@pytest.fixture(scope="session")
def whole(shared, preset, notes):
    """Fitted whole; its preset is gone since. Don't change it."""
    return fit_from_once(shared / "runs" / "whole", preset, notes, *WHOLE)


@pytest.fixture(scope="session")
def adapted(shared, preset, notes):
    """Fitted by LoRA; its preset is gone since. Don't change it."""
    return fit_from_once(shared / "runs" / "lora", preset, notes, *LORA, lora=4)


def fit_from_once(path, preset, notes, *overrides, **options):
    """The run at a path, for all worker processes."""
    with locked(path.parent.parent / f"{path.name}.lock"):
        if not path.exists():
            copy = path.parent.parent / f"preset of {path.name}"
            shutil.copytree(preset, copy)
            fit_from(copy, notes, path, STEPS, *overrides, **options)
            shutil.rmtree(copy)
    return Run.open(str(path))


@pytest.fixture(scope="session")
def started(preset, adapted):
    """The model as a fit begins with it, and KerasHub's own."""
    import keras_hub

    return build_model(adapted), keras_hub.models.GPT2CausalLM.from_preset(str(preset))
