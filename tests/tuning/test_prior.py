"""Maps of the noise that make more of what is liked."""

import numpy as np
import pytest

from tests.conformance.cases import models_of
from tfgen.feedback.events import Sample
from tfgen.feedback.preferences import Comparison
from tfgen.generate.arrays import generate
from tfgen.representations.arrays.conditions import Conditions
from tfgen.restore import load_model, open_codec
from tfgen.tuning.prior import MOST_ROWS, Rows, tune_prior
from tfgen.tuning.shown import Looker, features_of, usable
from tfgen.tuning.tilt import tilt_prior

FIRST, *OTHERS = models_of("arrays")


@pytest.fixture(params=[FIRST, *[pytest.param(each, marks=pytest.mark.slow) for each in OTHERS]])
def run(request, fit_once):
    return fit_once(request.param, 200)


def bright(examples, prompts):
    import tensorflow as tf

    return 20.0 * tf.reduce_mean(tf.reshape(examples, [tf.shape(examples)[0], -1]), axis=1)


def brightness_of(model, prompts, count=256):
    import tensorflow as tf

    ids = tf.constant(np.tile(prompts, [count, 1]), tf.int32)
    return float(tf.reduce_mean(bright(model.generate(tf.range(count) + 7000, ids), None)))


@pytest.mark.slow
def test_gives_more_of_what_is_liked_and_the_more_the_stronger(run):
    model, ids = load_model(run), run.vocabulary().ids("seven")
    found = [brightness_of(model, ids)]
    for tau in (2.0, 0.3):
        model.adopt(tune_prior(model, bright, tau, steps=60))
        found.append(brightness_of(model, ids))
    assert found[0] < found[1] < found[2]


@pytest.fixture(scope="session")
def vae_run(fit_once):
    return fit_once("vae", 200)


@pytest.fixture
def bank(vae_run):
    """A VAE, and latents, word ids and utilities of its samples: the first latent is liked."""
    model = load_model(vae_run)
    _, latents, prompts = Looker(model).bank(np.arange(1024, dtype=np.int32) - 9000)
    return model, latents, prompts, latents[:, 0].astype(float)


def drawn(model, word_ids, count=512):
    return model.latents(np.arange(count, dtype=np.int32), np.tile(word_ids, [count, 1])).numpy()


@pytest.mark.slow
def test_a_mixture_is_tilted_to_what_is_liked_as_far_as_tau_allows(vae_run, bank):
    model, latents, prompts, utilities = bank
    ids = vae_run.vocabulary().ids("seven").astype(np.int32)
    base, gained, nats = drawn(model, ids), [], []
    for tau in (2.0, 0.5):
        model.adopt(tilt_prior(model, latents, prompts, utilities, tau))
        gained.append(float((drawn(model, ids) - base).mean(axis=0)[0]))
        nats.append(float(model.steered.tilt.nats[1:].mean()))
    # Of N(0, s^2) the gain is s^2 / tau.
    assert 0.1 < gained[0] * 2.0 < 2.5 and gained[1] > gained[0] and nats[1] > nats[0] > 0


@pytest.mark.slow
def test_a_tilt_costs_no_more_than_it_may(bank):
    model, latents, prompts, utilities = bank
    for most in (0.3, 1.0):
        model.adopt(tilt_prior(model, latents, prompts, 9 * utilities, 0.5, most))
        nats = model.steered.tilt.nats[1:]
        assert np.all(nats <= most + 1e-6) and np.all(nats > 0.9 * most), nats


@pytest.mark.slow
def test_a_tilt_that_is_left_out_leaves_no_trace(vae_run, bank):
    model, latents, prompts, utilities = bank
    ids = vae_run.vocabulary().ids("seven").astype(np.int32)
    before = drawn(model, ids)
    model.adopt(tilt_prior(model, latents, prompts, utilities, 0.5))
    assert not np.array_equal(drawn(model, ids), before)
    model.steered = None
    np.testing.assert_array_equal(drawn(model, ids), before)


@pytest.mark.slow
def test_versions_of_before_tilts_still_load_and_move_the_noise_alone(vae_run):
    from tfgen.models import noise

    model, ids = load_model(vae_run), vae_run.vocabulary().ids("seven").astype(np.int32)
    shape = [2, model.latent_dim]
    words = np.stack([np.zeros_like(ids), ids])
    model.adopt({"words": words, "mean": np.full(shape, 0.5, np.float32), "scale": np.full(shape, 0.9, np.float32)})
    seeds, prompts = np.arange(64, dtype=np.int32), np.tile(ids, [64, 1])
    moved = model.prior.sample(0.5 + 0.9 * noise.normal(seeds, model.latent_dim), seeds, prompts).numpy()
    np.testing.assert_allclose(drawn(model, ids, 64), moved, atol=1e-5)


@pytest.mark.slow
def test_of_a_tilt_what_the_data_never_had_stays_as_it_was(bank):
    model, latents, prompts, utilities = bank
    before = drawn(model, np.zeros(model.conditions.longest, np.int32))  # no prompt of the data's
    model.adopt(tilt_prior(model, latents, prompts, utilities, 0.5))
    np.testing.assert_array_equal(drawn(model, np.zeros(model.conditions.longest, np.int32)), before)


def test_what_the_data_never_had_stays_as_it_was(gan_run):
    model = load_model(gan_run)
    unknown = np.zeros([1, model.conditions.longest], np.int32) + 99
    arrays = tune_prior(model, bright, 0.5, steps=5)
    before = model.latents(np.arange(4, dtype=np.int32), np.tile(unknown, [4, 1])).numpy()
    model.adopt(arrays)
    np.testing.assert_array_equal(model.latents(np.arange(4, dtype=np.int32), np.tile(unknown, [4, 1])).numpy(), before)
    assert arrays["scale"].min() > 0 and len(arrays["words"]) == len(model.conditions.prompt_words) + 1


def test_the_same_seed_gives_the_same_map(gan_run):
    model = load_model(gan_run)
    first, again, other = (tune_prior(model, bright, 0.5, seed, steps=5) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["mean"], again["mean"])
    assert not np.array_equal(first["mean"], other["mean"])


def test_the_commonest_prompts_have_rows_and_the_others_share_one():
    words = tuple((each, 0) for each in range(1, 201))
    rows = Rows.of(Conditions(200, words, tuple(range(1, 201))))
    assert len(rows.words) == MOST_ROWS + 1 and not rows.words[0].any()
    assert {tuple(row) for row in rows.words[1:]} == set(words[-MOST_ROWS:])
    row, prompts = rows.drawn(650, np.random.default_rng(0))
    assert np.bincount(row).tolist() == [10] * 65
    assert set(map(tuple, prompts[row == 0].tolist())) <= set(words[:-MOST_ROWS])
    np.testing.assert_array_equal(prompts[row == 3], np.tile(rows.words[3], [10, 1]))


def test_a_model_without_prompts_has_one_row():
    rows = Rows.of(Conditions())
    row, prompts = rows.drawn(8, np.random.default_rng(0))
    assert rows.words.shape == (1, 1) and not row.any() and prompts.shape == (8, 1)


@pytest.mark.slow
def test_what_was_shown_is_made_again_as_its_version_made_it(run, judged):
    from tfgen import versions
    from tfgen.api import load

    copied = judged(run, answers=1)
    model = load_model(copied)
    versions.create(copied, "v1", tune_prior(model, bright, 0.3, steps=10), {"kind": "tuned"})
    version = load(f"{copied.path}@v1")
    shown = [Sample.of(copied, "seven", 3), Sample.of(version, "seven", 3), Sample.of(copied, "", 4)]
    found = features_of(copied, Looker(model), shown)
    values = [generate(each, prompt, 1, seed).values for each, prompt, seed in
              [(copied, "seven", 3), (version, "seven", 3), (copied, "", 4)]]
    expected = model.features(open_codec(copied).encode(np.concatenate(values))).numpy()
    scale = np.abs(expected).max()
    for sample, features in zip(shown, expected, strict=True):
        np.testing.assert_allclose(found[sample.id], features, atol=0.03 * scale)  # values were rounded in between
    assert np.abs(found[shown[0].id] - found[shown[1].id]).max() > 0
    deviations = tuple(float(each) for each in np.linspace(-1, 1, model.latent_dim))
    own = Sample.of(copied, "seven", 3, latents=deviations)
    assert np.abs(features_of(copied, Looker(model), [own])[own.id] - found[shown[0].id]).max() > 0


def test_what_cant_be_made_again_is_left_out(judged, gan_run):
    run = judged(gan_run, answers=1)
    good = [Sample.of(run, "seven", 1), Sample.of(run, "seven", 2)]
    others = [
        Sample(run.name, "f" * 32, seed=1),  # other weights
        Sample.of(run, "seven"),  # neither seed nor latents
        Sample.of(run, "unheard-of", 1),
        Sample.of(run, "seven", 1, settings={"like": "a.png"}),
    ]
    given = [Comparison((good[0], each), (0,)) for each in [good[1], *others]]
    assert usable(run, given) == given[:1]
