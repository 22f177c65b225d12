"""Every network on every shape with every loss and penalty: builds, takes a finite step, samples, keeps its state."""

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.cases import CONDITIONS, NETWORKS, SHAPES, all_cases, example_of, gan_cases, models_of
from tfgen import catalog
from tfgen.checkpoints import capture, restore
from tfgen.modalities.image.modality import ImageModality
from tfgen.errors import UserError
from tfgen.models.base import Conditions

CASES = all_cases()


def make(model, network, shape, settings, conditions=CONDITIONS):
    model_class = catalog.MODELS.load(model)
    config = model_class.Config(network=network, width=2, latent_dim=3, prompt_dim=2, batch_size=4, **settings)
    return model_class(config, example_of(shape), conditions, seed=1)


def batch_of(shape, size=4):
    pictures = np.random.default_rng(0).uniform(-1, 1, (size, *shape)).astype(np.float32)
    return tf.constant(pictures), tf.constant([0, 1, 1, -1][:size], tf.int32)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
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
    outside = ImageModality.to_outside(samples).numpy()
    assert np.isfinite(samples).all() and outside.min() >= 0.0 and outside.max() <= 1.0

    restore(model.state(), before)
    assert not np.array_equal(model.generate(seeds, prompts).numpy(), samples)
    restore(model.state(), after)
    np.testing.assert_array_equal(model.generate(seeds, prompts).numpy(), samples)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("model", models_of("image"))
def test_works_without_prompts(model, network):
    unconditional = make(model, network, (9, 17, 1), {}, Conditions())
    means = unconditional.train_step((batch_of((9, 17, 1))[0], tf.fill([4], -1)))
    assert all(np.isfinite(float(value)) for value in means.values())
    assert unconditional.generate(tf.constant([3, 4]), tf.zeros([2, 1], tf.int32)).shape == (2, 9, 17, 1)


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 256, 3), (97, 48, 3)], ids=str)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("model", models_of("image"))
def test_makes_pictures_of_extreme_shapes(model, network, shape):
    samples = make(model, network, shape, {}).generate(tf.constant([1]), tf.constant([[1, 0]]))
    assert samples.shape == (1, *shape)


@pytest.mark.parametrize("end, level", [(-9.0, 0), (9.0, 255)])
def test_black_and_white_are_reached(end, level):
    model = make("gan", "convolutional", (9, 17, 1), {})
    model.generator_average.last.bias.assign([end])
    samples = model.generate(tf.constant([3]), tf.constant([[1, 0]])).numpy()
    assert abs(samples).max() <= 1.0
    np.testing.assert_array_equal(ImageModality.decode(samples), level)


def test_the_battery_pairs_every_network_with_every_shape():
    assert {(network, shape) for network, shape, _ in gan_cases()} == {(n, s) for n in NETWORKS for s in SHAPES}


def test_residual_network_refuses_spectral_norm_with_a_sentence():
    with pytest.raises(UserError, match="no spectral norm"):
        make("gan", "residual", (9, 17, 1), {"spectral_norm": True})


def test_every_network_of_the_catalog_is_for_a_known_modality():
    assert {name.partition("/")[0] for name in catalog.NETWORKS} <= catalog.MODALITIES.keys()
