"""Every network on every shape, with every loss and penalty: builds, takes a finite step, samples, keeps its state."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.cases import (
    CONDITIONS, LIKELIHOODS, LOSSES, NETWORKS, PENALTIES, SHAPES, all_cases, example_of, gan_cases, models_of,
    vae_cases,
)  # fmt: skip
from tfgen import catalog, config
from tfgen.checkpoints import capture, restore
from tfgen.errors import UserError
from tfgen.modalities.image.codec import ImageCodec
from tfgen.models.networks.convolutional import fitting_sides
from tfgen.representations.arrays.conditions import Conditions
from tfgen.representations.arrays.specification import ArraySpecification, Part

CASES = all_cases()
SLOW = pytest.mark.slow


def make(model, network, shape, settings, conditions=CONDITIONS):
    model_class = catalog.MODELS.load(model)
    config = model_class.Config(network=network, width=2, latent_dim=3, prompt_dim=2, batch_size=4, **settings)
    return model_class(config, example_of(shape), conditions, seed=1)


def batch_of(shape, size=4):
    pictures = np.random.default_rng(0).uniform(-1, 1, (size, *shape)).astype(np.float32)
    return tf.constant(pictures), tf.constant([0, 1, 1, -1][:size], tf.int32)


@pytest.mark.parametrize(
    "case",
    # A third of them is quick; 4 losses and 5 penalties make that every loss, penalty and network.
    [pytest.param(case, id=name, marks=SLOW if place % 3 else []) for place, (name, case) in enumerate(CASES.items())],
)
def test_takes_a_step_samples_and_keeps_its_state(case):
    shape = case[2]
    model = make(*case)
    before = capture(model.state())
    means = model.train_step(batch_of(shape))
    after = capture(model.state())
    assert all(np.isfinite(float(value)) for value in means.values())
    assert all(np.all(np.isfinite(value)) for value in after.values())
    assert after["step"] == 1
    moved = {name.split("/")[0] for name in after if not np.array_equal(before[name], after[name])}
    assert moved >= {name for name in model.parts() if name != "prior"}

    seeds, prompts = tf.constant([0, -5, 2**31 - 1]), tf.constant([[0, 0], [1, 0], [2, 3]])
    samples = model.generate(seeds, prompts).numpy()
    assert samples.shape == (3, *shape)
    outside = ImageCodec.of_shape(shape, 4).to_outside(samples).numpy()
    assert np.isfinite(samples).all() and outside.min() >= 0.0 and outside.max() <= 1.0

    restore(model.state(), before)
    assert not np.array_equal(model.generate(seeds, prompts).numpy(), samples)
    restore(model.state(), after)
    np.testing.assert_array_equal(model.generate(seeds, prompts).numpy(), samples)


WASSERSTEIN = {"loss": "wasserstein", "r1": 0.0, "gradient_penalty": 10.0}


@pytest.mark.parametrize(
    "network, settings", [*((each, {}) for each in NETWORKS), ("convolutional", WASSERSTEIN)], ids=str
)
def test_samples_of_a_fit_in_bfloat16_are_float32(network, settings):
    coarse, exact = (
        make("gan", network, (16, 16, 3), {"precision": each, **settings}) for each in ("bfloat16", "float32")
    )
    restore(coarse.state(), capture(exact.state()))
    seeds, prompts = tf.constant([0, 5]), tf.constant([[1, 0], [2, 3]])
    np.testing.assert_array_equal(coarse.generate(seeds, prompts), exact.generate(seeds, prompts))
    found, wanted = (model.train_step(batch_of((16, 16, 3))) for model in (coarse, exact))
    for name, value in wanted.items():
        assert found[name].dtype == tf.float32 and float(found[name]) == pytest.approx(float(value), rel=0.05, abs=0.05)
    assert coarse.features(batch_of((16, 16, 3))[0]).dtype == tf.float32
    pairs = list(zip(capture(coarse.state()).values(), capture(exact.state()).values(), strict=True))
    assert all(one.dtype == other.dtype for one, other in pairs)
    assert not all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("shape", [(16, 32, 3), (64, 64, 1)], ids=str)
def test_tiles_have_no_seam(shape):
    """What goes around inside goes around outside: no place is an edge."""
    model = make("gan", "convolutional", shape, {"tile": True})
    assert all(np.isfinite(float(value)) for value in model.train_step(batch_of(shape)).values())
    generator = model.generator_average
    latents, condition = tf.random.stateless_normal([2, 3], [1, 2]), tf.zeros([2, model.condition_size])
    whole = generator(latents, condition).numpy()
    height, width, channels = generator.first_shape
    kernel = generator.first.kernel
    turned = tf.roll(tf.reshape(kernel, [-1, height, width, channels]), [1, 1], [1, 2])
    kernel.assign(tf.reshape(turned, kernel.shape))
    step = shape[0] // height, shape[1] // width
    np.testing.assert_allclose(generator(latents, condition), np.roll(whole, step, (1, 2)), atol=1e-5)


@pytest.mark.parametrize(
    "network, shape, words",
    [
        ("residual", (16, 16, 1), "The network 'residual' can't tile"),
        ("style", (16, 16, 1), "The network 'style' can't tile"),
        ("dense", (16, 16, 1), "The network 'dense' can't tile"),
        ("convolutional", (28, 30, 1), "multiples of 4, and these are 28x30. Set size=28x32"),
    ],
)
def test_what_can_not_tile_says_so(network, shape, words):
    with pytest.raises(UserError, match=words):
        make("gan", network, shape, {"tile": True})


def test_a_tile_is_judged_wherever_it_was_cut(monkeypatch):
    from tfgen.models import gan

    seen = []
    monkeypatch.setattr(gan, "random_roll", lambda pictures, seed: seen.append(pictures.shape) or 0.0 * pictures)
    shown = {}
    for tile in (True, False):
        model = make("gan", "convolutional", (16, 32, 3), {"tile": tile, "augment": "none"})
        judge, shown[tile] = model._judge, []

        def note(examples, condition, salt, judge=judge, kept=shown[tile]):
            kept.append(float(tf.reduce_max(tf.abs(examples))))
            return judge(examples, condition, salt)

        model._judge = note
        model.train_step(batch_of((16, 32, 3)))
    assert seen == [(4, 16, 32, 3)]
    assert sorted(shown[True])[:2] == [0.0, 0.0] and min(shown[False]) > 0.0


def test_tiles_that_are_all_alike_are_a_collapse(monkeypatch):
    model = make("gan", "convolutional", (16, 32, 3), {"tile": True})
    monkeypatch.setattr(model, "random_normal", lambda shape, salt: tf.ones(shape))
    pictures, _ = batch_of((16, 32, 3))
    means = model.train_step((pictures, tf.zeros([4], tf.int32)))
    assert model.symptom({name: float(value) for name, value in means.items()})


def test_the_size_that_is_proposed_for_tiles_is_taken():
    for sides in itertools.product(range(8, 257), repeat=2):
        for lowest in (4, 7):
            fitting = fitting_sides(sides, lowest)
            assert min(fitting) >= 8 and fitting == fitting_sides(fitting, lowest)


def test_what_has_other_edges_than_a_picture_can_not_tile():
    model_class = catalog.MODELS.load("gan")
    config = model_class.Config(width=2, tile=True)
    with pytest.raises(UserError, match="not for sounds"):
        model_class(config, ArraySpecification((64, 80, 1), (Part(1, "gaussian"),), 100, plural="sounds"), CONDITIONS)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"precision": "float8"}, "No precision named 'float8'"),
        ({"precision": "bfloat16", "spectral_norm": True}, "needs precision=float32"),
    ],
)
def test_a_precision_that_can_not_be(settings, words):
    with pytest.raises(UserError, match=words):
        make("gan", "dense", (16, 16, 3), settings)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("model", models_of("arrays"))
def test_works_without_prompts(model, network):
    unconditional = make(model, network, (9, 17, 1), {}, Conditions())
    means = unconditional.train_step((batch_of((9, 17, 1))[0], tf.fill([4], -1)))
    assert all(np.isfinite(float(value)) for value in means.values())
    assert unconditional.generate(tf.constant([3, 4]), tf.zeros([2, 1], tf.int32)).shape == (2, 9, 17, 1)


@pytest.mark.parametrize(
    "shape", [(8, 8, 1), pytest.param((8, 256, 3), marks=SLOW), pytest.param((97, 48, 3), marks=SLOW)], ids=str
)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("model", models_of("arrays"))
def test_makes_pictures_of_extreme_shapes(model, network, shape):
    samples = make(model, network, shape, {}).generate(tf.constant([1]), tf.constant([[1, 0]]))
    assert samples.shape == (1, *shape)


@pytest.mark.parametrize("end, level", [(-9.0, 0), (9.0, 255)])
def test_black_and_white_are_reached(end, level):
    model = make("gan", "convolutional", (9, 17, 1), {})
    model.generator_average.last.bias.assign([end])
    samples = model.generate(tf.constant([3]), tf.constant([[1, 0]])).numpy()
    assert abs(samples).max() <= 1.0
    np.testing.assert_array_equal(ImageCodec.of_shape((9, 17, 1), 4).decode(samples), level)


def test_the_battery_tries_every_two_choices_together():
    cases = gan_cases()
    assert {(network, shape) for network, shape, _ in cases} == {*itertools.product(NETWORKS, SHAPES)}
    assert {(network, each["loss"]) for network, _, each in cases} == {*itertools.product(NETWORKS, LOSSES)}
    tried = [(each["loss"], {key: value for key, value in each.items() if key != "loss"}) for _, _, each in cases]
    assert all(pair in tried for pair in itertools.product(LOSSES, PENALTIES))
    likelihoods = [(network, shape, each["likelihood"]) for network, shape, each in vae_cases()]
    for one, two in itertools.combinations((NETWORKS, SHAPES, LIKELIHOODS), 2):
        for first, second in itertools.product(one, two):
            assert any(first in case and second in case for case in likelihoods), (first, second)


def test_residual_network_refuses_spectral_norm_with_a_sentence():
    with pytest.raises(UserError, match="no spectral norm"):
        make("gan", "residual", (9, 17, 1), {"spectral_norm": True})


OTHER_ARRAYS = {
    "categories": ((16, 8), (Part(8, "categorical"),)),
    "a row of columns": ((12,), (Part(4, "categorical"), Part(3, "gaussian"), Part(5, "bernoulli"))),
    "tiles": ((14, 28, 6), (Part(6, "categorical"),)),
}


@pytest.mark.parametrize("name", OTHER_ARRAYS)
@pytest.mark.parametrize("model", models_of("arrays"))
def test_arrays_of_any_shape_and_likelihood_are_learned(model, name):
    shape, parts = OTHER_ARRAYS[name]
    model_class = catalog.MODELS.load(model)
    config = model_class.Config(width=2, latent_dim=3, prompt_dim=2, batch_size=4)
    made = model_class(config, ArraySpecification(shape, parts, 100), CONDITIONS, seed=1)
    means = made.train_step((batch_of(shape)[0], batch_of(shape)[1]))
    assert all(np.isfinite(float(value)) for value in means.values())
    samples = made.generate(tf.constant([3, 4]), tf.constant([[1, 0], [2, 3]])).numpy()
    assert samples.shape == (2, *shape) and np.isfinite(samples).all()
    places = np.cumsum([0, *(part.size for part in parts)])
    for part, start, stop in zip(parts, places, places[1:]):
        values = samples[..., start:stop]
        if part.likelihood == "categorical":
            np.testing.assert_allclose(values.sum(axis=-1), 1.0, atol=1e-5)
        assert values.min() >= (0.0 if part.likelihood == "categorical" else -1.0) and values.max() <= 1.0


def test_a_network_that_does_not_suit_is_refused_with_the_ones_that_do():
    model_class = catalog.MODELS.load("gan")
    config = model_class.Config(network="convolutional", width=2, latent_dim=3, prompt_dim=2, batch_size=4)
    with pytest.raises(UserError, match="can't make arrays of 16x8. Choose one of: dense"):
        model_class(config, ArraySpecification((16, 8), (Part(8, "categorical"),), 100), CONDITIONS, seed=1)


@pytest.mark.parametrize("side, stages", [(28, 2), (48, 3), (49, 4), (64, 4), (200, 6)])
def test_larger_pictures_are_doubled_from_fewer_pixels(side, stages):
    shape = (side, 16, 1)
    codec = ImageCodec.of_shape(shape, 100)
    suited = catalog.MODELS.load("gan").Config.suited(codec.specification, "tiny")
    model = make("gan", "convolutional", shape, {key: value for key, value in suited.items() if key == "lowest"})
    assert len(model.generator.sizes) - 1 == len(model.discriminator.downs) == stages


def test_sounds_and_runs_from_before_there_was_a_lowest_resolution_stay_as_they_are():
    config_class = catalog.MODELS.load("gan").Config
    sounds = ArraySpecification((64, 80, 1), (Part(1, "gaussian"),), 100, plural="sounds")
    assert config_class.suited(sounds, "tiny") == {}
    kept = dataclasses.asdict(config_class())
    del kept["lowest"]
    older = config.from_json(config_class, kept)
    older = catalog.MODELS.load("gan")(older, example_of((64, 64, 1)), CONDITIONS, seed=1)
    assert len(older.generator.sizes) - 1 == 3
