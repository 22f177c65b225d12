"""The style network: its convolutions are those of the paper, and what a model calls its latents is w."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.cases import CONDITIONS, example_of
from tfgen import catalog
from tfgen.models.networks.style import ModulatedConvolution
from tfgen.models.steered import SteeredPrior


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)  # which its weights are drawn by
    model_class = catalog.MODELS.load("gan")
    config = model_class.Config(network="style", width=4, latent_dim=6, prompt_dim=3)
    return model_class(config, example_of((16, 24, 3)), CONDITIONS, seed=1)


@pytest.mark.parametrize("upsample", [False, True], ids=["same size", "upsampled"])
def test_modulates_and_demodulates_as_the_paper_has_it(upsample):
    """One convolution for each example, by its own kernel (equations 1 and 3)."""
    keras.utils.set_random_seed(1)
    layer = ModulatedConvolution(5, 7, 4 if upsample else 3, upsample)
    features = tf.random.stateless_normal([3, 8, 6, 5], [1, 2])
    style = tf.random.stateless_normal([3, 4], [3, 4])
    found = layer(features, style).numpy()
    kernel, factors = layer.convolution.kernel.numpy(), layer.affine(style / 2.0).numpy()  # a row has 4 numbers
    for row in range(3):
        if upsample:
            own = kernel * factors[row][None, None, None, :]  # out, in
            own /= np.sqrt(np.sum(own**2, axis=(0, 1, 3), keepdims=True) / 4 + 1e-8)
            wanted = tf.nn.conv2d_transpose(features[row : row + 1], own, [1, 16, 12, 7], 2, "SAME")
        else:
            own = kernel * factors[row][None, None, :, None]
            own /= np.sqrt(np.sum(own**2, axis=(0, 1, 2), keepdims=True) + 1e-8)
            wanted = tf.nn.conv2d(features[row : row + 1], own, 1, "SAME")
        np.testing.assert_allclose(found[row], wanted[0], rtol=1e-3, atol=1e-4)


def test_w_has_the_length_of_noise_whatever_its_seed(model):
    w = model.latents(tf.range(200), tf.tile([[1, 0]], [200, 1]))
    np.testing.assert_allclose(tf.norm(w, axis=1), np.sqrt(6), rtol=1e-4)


@pytest.mark.parametrize("upsample", [False, True], ids=["same size", "upsampled"])
@pytest.mark.parametrize("size", [0.1, 10.0])
def test_outputs_keep_their_size_whatever_the_style(upsample, size):
    layer = ModulatedConvolution(32, 32, 4 if upsample else 3, upsample)
    features = tf.random.stateless_normal([4, 16, 16, 32], [1, 2])
    style = tf.random.stateless_normal([4, 8], [3, 4])
    layer(features, style)
    layer.affine.bias.assign(tf.fill([32], size))
    assert np.std(layer(features, style)[:, 2:-2, 2:-2]) == pytest.approx(1.0, abs=0.1)


def test_latents_are_what_the_mapping_makes_of_the_noise(model):
    seeds, prompts = tf.range(4), tf.constant([[1, 0], [2, 3], [1, 0], [2, 3]])
    w = model.latents(seeds, prompts)
    np.testing.assert_array_equal(model.decode(w, prompts), model.generate(seeds, prompts))
    whole = model.generator_average(_noise(model, seeds), model.condition(prompts))
    np.testing.assert_array_equal(model.generate(seeds, prompts), whole)


def test_map_and_decode_are_the_halves_of_generate(model):
    signatures = model.signatures()
    assert {name: tuple(each.inputs) for name, each in signatures.items()} == {
        "generate": ("seed", "prompt"), "decode": ("w", "prompt"), "map": ("z",)
    }  # fmt: skip
    seeds, prompts = tf.range(4), tf.constant([[1, 0], [2, 3], [1, 0], [2, 3]])
    w = signatures["map"].function(_noise(model, seeds))
    made = signatures["decode"].function(w, prompts)
    np.testing.assert_array_equal(made, signatures["generate"].function(seeds, prompts))


def test_truncation_goes_towards_the_mean_of_w(model):
    prompts = tf.constant([[1, 0], [2, 3]])
    found = model.mean_latents(prompts).numpy()
    seeds = tf.range(10**6, 10**6 + 20000)
    mean, spread = (f(model.latents(seeds, prompts[:1]), axis=0) for f in (np.mean, np.std))
    assert np.all(np.abs(found - mean) < 4 * spread / np.sqrt(1024))
    np.testing.assert_array_equal(found[0], found[1])  # prompts have no part in w


def test_a_steered_prior_moves_the_mean_of_w(model):
    words, prompts = np.array([[0, 0], [1, 0]]), tf.constant([[1, 0], [2, 3]])
    plain = model.mean_latents(prompts).numpy()
    model.steered = SteeredPrior(words, np.stack([np.zeros(6), np.full(6, 2.0)]), np.ones([2, 6]))
    try:
        moved = model.mean_latents(prompts).numpy()
        seeds = tf.range(10**6, 10**6 + 20000)
        mean, spread = (f(model.latents(seeds, prompts[:1]), axis=0) for f in (np.mean, np.std))
    finally:
        model.steered = None
    np.testing.assert_array_equal(moved[1], plain[1])
    assert np.linalg.norm(moved[0] - plain[0]) > 0.1
    assert np.all(np.abs(moved[0] - mean) < 4 * spread / np.sqrt(1024))


def test_noise_is_a_function_of_w_and_differs_between_samples(model):
    convolutions = model.generator_average.synthesis.convolutions
    before = [each.noise_strength.numpy() for each in convolutions]
    seeds, prompts = tf.range(16), tf.tile([[1, 0]], [16, 1])
    plain = model.generate(seeds, prompts).numpy()
    try:
        convolutions[-1].noise_strength.assign(0.5)
        loud = model.generate(seeds, prompts).numpy()
        np.testing.assert_array_equal(loud, model.generate(seeds, prompts))
    finally:
        for each, value in zip(convolutions, before, strict=True):
            each.noise_strength.assign(value)
    differences = loud - plain
    assert np.abs(differences).mean() > 1e-3
    # Of independent noise as much as of any; of the same noise in all samples, nothing.
    assert np.abs(differences - differences.mean(axis=0)).mean() > 0.5 * np.abs(differences).mean()


def test_sefa_looks_at_what_makes_styles_of_w(model):
    synthesis = model.generator_average.synthesis
    weights = model.latent_weights().numpy()
    channels = sum(each.modulated.affine.units for each in (*synthesis.convolutions, *synthesis.ups))
    assert weights.shape == (6, channels + sum(each.affine.units for each in synthesis.to_pictures))
    direction = np.linalg.eigh(weights @ weights.T)[1]
    seeds, prompts = tf.range(16), tf.tile([[1, 0]], [16, 1])
    w = model.latents(seeds, prompts)
    here = model.decode(w, prompts).numpy()
    change = [np.abs(model.decode(w + direction[:, place], prompts).numpy() - here).mean() for place in (-1, 0)]
    assert change[0] > change[1]


def _noise(model, seeds):
    from tfgen.models import noise

    return noise.normal(seeds, model.latent_dim)
