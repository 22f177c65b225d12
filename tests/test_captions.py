"""Captions whose order counts: in models, in runs from before, in fits that go on, and in exports."""

import itertools
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.conformance.cases import SLOW, example_of, models_of
from tests.conftest import BARE_GAN, assert_same_state, state_of, stopped_at
from tfgen import checkpoints, config
from tfgen.catalog import MODELS
from tfgen.config import parse_pairs
from tfgen.errors import UserError
from tfgen.models.networks.captions import SIZE, CaptionEncoder
from tfgen.representations.arrays.conditions import Conditions

COLOURS = {
    "red": (220, 30, 30), "green": (30, 170, 30), "blue": (30, 60, 220), "yellow": (240, 220, 30),
    "black": (0, 0, 0), "white": (255, 255, 255), "pink": (250, 120, 220),
}
# One of them is quick.
MODELS_OF_ARRAYS = [pytest.param(name, marks=[] if name == "vae" else SLOW) for name in models_of("arrays")]
QUICK = {"size": "tiny", "latent_dim": 8, "batch_size": 32, "save_every": 1000}
DENSE = {"network": "dense", "width": 2}  # captions are encoded before any network


def pictures(each=3, colours=COLOURS):
    """[n, 8, 8, 3] whose left and right half have the colours of their captions, "red beside blue"; some noise."""
    chance = np.random.default_rng(0)
    pairs = list(itertools.product(colours, repeat=2)) * each
    values = np.zeros([len(pairs), 8, 8, 3])
    values[:, :, :4] = np.array([COLOURS[one] for one, _ in pairs])[:, None, None]
    values[:, :, 4:] = np.array([COLOURS[other] for _, other in pairs])[:, None, None]
    values = np.clip(values + chance.normal(0, 10, values.shape), 0, 255).astype(np.uint8)
    return values, [f"{one} beside {other}" for one, other in pairs]


def fit(model, output, labelled=None, **settings):
    values, captions = labelled or pictures()
    steps = settings.pop("steps", 4)
    bare = parse_pairs(BARE_GAN) if model == "gan" else {}
    return tfgen.fit(model, values, labels=captions, output=output, steps=steps, **{**QUICK, **bare, **settings})


@pytest.fixture(scope="module", params=MODELS_OF_ARRAYS)
def run(request, tmp_path_factory):
    """A short fit of each model. Don't change it."""
    return fit(request.param, tmp_path_factory.mktemp("captions") / request.param)


def conditions_of(run, *prompts):
    return run.model.condition(tf.constant(np.stack([run.vocabulary().ids(prompt) for prompt in prompts]))).numpy()


def test_the_order_of_words_is_a_part_of_the_condition_beside_the_bag(run):
    assert run.record["config"]["captions"] == "encoder" and run.vocabulary().kind == "captions"
    first, second, none = conditions_of(run, "red beside blue", "blue beside red", "")
    np.testing.assert_array_equal(first[SIZE:], second[SIZE:])
    assert np.linalg.norm(first[:SIZE] - second[:SIZE]) > 0.1
    np.testing.assert_allclose(np.linalg.norm(first[:SIZE]), 1.0, atol=1e-3)
    assert not np.any(none)


def test_a_word_may_come_twice(run):
    twice, once = (run.vocabulary().ids(prompt) for prompt in ("red beside red", "red beside"))
    assert twice[0] == twice[2] and once[2] == 0
    first, second = conditions_of(run, "red beside red", "red beside")
    np.testing.assert_array_equal(first[SIZE:], second[SIZE:])
    assert not np.array_equal(run.generate("red beside red", n=1), run.generate("red beside", n=1))


def test_the_encoder_learns_and_its_average_follows(run):
    live, average = (run.model.caption_parts()[name].get_weights() for name in ("captions", "captions_average"))
    begun = begun_with(run)
    for place, (one, other) in enumerate(zip(live, average, strict=True)):
        assert np.any(one != begun[f"captions/{place:03d}"]) and np.any(one != other)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS_OF_ARRAYS)
def test_a_resumed_fit_ends_as_one_that_was_not_stopped(model, tmp_path):
    whole = fit(model, tmp_path / "whole", steps=80, **DENSE)
    with stopped_at(20):
        fit(model, tmp_path / "halves", steps=80, interruptible=True, **DENSE)
    assert tfgen.load(tmp_path / "halves").record["reached"] < 80
    assert_same_state(state_of(tfgen.fit(model, output=tmp_path / "halves", resume=True)), state_of(whole))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS_OF_ARRAYS)
def test_bags_have_no_order(model, tmp_path):
    bag = fit(model, tmp_path / "bag", captions="bag", steps=2, **DENSE)
    assert not any(name.startswith("captions") for name in bag.model.state())
    np.testing.assert_array_equal(*conditions_of(bag, "red beside blue", "blue beside red"))
    # A run from before has neither the setting nor words that come twice.
    older = tmp_path / "older"
    shutil.copytree(bag.path, older)
    for name, part, key in (("run.json", "config", "captions"), ("codec.json", "vocabulary", "repeats")):
        content = json.loads((older / name).read_text(encoding="utf-8"))
        del content[part][key]
        (older / name).write_text(json.dumps(content), encoding="utf-8")
    older = tfgen.load(older)
    np.testing.assert_array_equal(older.generate("red beside blue", n=3), bag.generate("red beside blue", n=3))
    assert older.vocabulary().ids("red beside red").tolist()[2:] == [0]
    repeated = tfgen.fit(repeat=older, output=tmp_path / "repeated")
    assert repeated.record["config"]["captions"] == "bag"
    assert_same_state(state_of(repeated), state_of(bag))


@pytest.mark.parametrize("model", MODELS_OF_ARRAYS)
def test_labels_are_as_they_were(model):
    settings = config.make_config(MODELS.load(model).Config, "tiny", {})
    made = MODELS.load(model)(settings, example_of((8, 8, 1)), Conditions(2, ((1,), (2,)), (5, 5)))
    assert made.condition_size == 2 and not made.caption_parts()


def test_an_unknown_kind_is_an_error(tmp_path):
    with pytest.raises(UserError, match="Did you mean 'encoder'"):
        fit("vae", tmp_path / "run", captions="encoders")


@pytest.mark.slow
def test_a_vae_draws_what_was_said_in_its_order(tmp_path):
    unseen = ("red beside blue", "blue beside red", "green beside yellow")
    values, captions = pictures(each=8)
    kept = [place for place, caption in enumerate(captions) if caption not in unseen]
    # Some more words, so that these are captions and not labels.
    texts = [f"{captions[place]} {chr(97 + number % 5)}" for number, place in enumerate(kept)]
    run = fit("vae", tmp_path / "run", (values[kept], texts), steps=300, network="dense")
    assert np.mean([as_asked(np.asarray(run.generate(caption, n=20)), caption) for caption in unseen]) > 0.8


def as_asked(made, caption):
    """The share of pictures whose halves are nearest to the colours of the caption, in its order."""
    palette, names = np.array(list(COLOURS.values())), list(COLOURS)
    halves = [made[:, 1:-1, 1:3].mean(axis=(1, 2)), made[:, 1:-1, 5:7].mean(axis=(1, 2))]
    seen = [np.linalg.norm(half[:, None] - palette, axis=2).argmin(axis=1) for half in halves]
    one, _, other = caption.split()
    return np.mean((seen[0] == names.index(one)) & (seen[1] == names.index(other)))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS_OF_ARRAYS)
def test_a_fit_goes_on_with_more_words_with_labels_and_from_labels(model, tmp_path):
    few = {name: COLOURS[name] for name in ("red", "green", "blue", "yellow", "black", "white")}
    first = fit(model, tmp_path / "first", pictures(colours=few), steps=2, **DENSE)
    values, captions = pictures()
    labels = [caption.split()[0] for caption in captions]
    more = fit_from(first, tmp_path / "more", values, captions)
    assert set(first.vocabulary().words) < set(more.vocabulary().words)
    old, new = (run.model.caption_encoder for run in (first, more))
    begun = begun_with(more)["captions/000"]
    np.testing.assert_array_equal(begun[: len(old.table.numpy())], old.table.numpy())
    assert begun.shape == new.table.shape
    labelled = fit_from(first, tmp_path / "labelled", values, labels)
    assert labelled.vocabulary().kind == "labels" and not labelled.model.caption_parts()
    captioned = fit_from(labelled, tmp_path / "captioned", values, captions)
    assert captioned.model.caption_parts()
    assert captioned.generate("red beside pink", n=1).shape == (1, 8, 8, 3)


def fit_from(start, output, values, captions):
    return tfgen.fit(start.record["model"], values, labels=captions, output=output, steps=2, start=start)


def begun_with(run):
    """The state that a run began with, by name."""
    path = min(run.checkpoints.glob("*-step-00000000-*.npz"))
    return checkpoints.read(path, path.stem.rsplit("-", 1)[1])


@pytest.mark.slow
def test_every_format_agrees_with_the_model_and_takes_words_in_their_order(run, tmp_path):
    """Each format is compared with the model before it is published; words become numbers alike for every model."""
    formats = ["float32", "float16", "int8", "int8-weights"] if run.record["model"] == "vae" else ["float32"]
    assert len(run.export(tmp_path / "out", saved_model=True, tflite=formats)) == 1 + len(formats)
    served = tf.saved_model.load(str(next((tmp_path / "out").rglob("saved_model.pb")).parent))
    prompts = ["red beside blue", "blue beside red", "red beside red"]
    made = served.signatures["generate"](seed=tf.constant([7, 7, 7]), prompt=tf.constant(prompts))
    own = np.concatenate([np.asarray(run.generate(prompt, n=1, seed=7)) for prompt in prompts])
    np.testing.assert_allclose(np.rint(made["images"].numpy() * 255), own, atol=1)


def test_padding_changes_nothing():
    encoder = CaptionEncoder(9, 5)
    encoder.build((None, 5))
    wider = CaptionEncoder(9, 8)
    wider.build((None, 8))
    wider.set_weights(encoder.get_weights())
    made = encoder(tf.constant([[3, 1, 4, 0, 0]])), wider(tf.constant([[3, 1, 4, 0, 0, 0, 0, 0]]))
    np.testing.assert_allclose(*made, atol=1e-6)
