"""The mixture prior finds clusters that were planted, and samples follow it."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.models import noise
from tfgen.models.mixture import MixturePrior, Tilt
from tfgen.representations.arrays.conditions import Conditions

TWO_PROMPTS = Conditions(2, ((1,), (2,)), (3000, 1000))
SEEDS = tf.range(4000)


def samples(prior, word):
    return prior.sample(noise.normal(SEEDS, prior.means.shape[2]), SEEDS, tf.fill([len(SEEDS), 1], word)).numpy()


def planted(centres, weights, count=4000, seed=0):
    """Points around centres, of a tilted covariance."""
    generator = np.random.default_rng(seed)
    which = generator.choice(len(centres), count, p=weights)
    tilted = generator.standard_normal((count, 2)) @ np.array([[0.5, 0.3], [0.0, 0.2]])
    return (np.asarray(centres)[which] + tilted).astype(np.float32)


def test_is_standard_normal_before_it_is_fitted():
    prior = MixturePrior(10, 5, TWO_PROMPTS)
    np.testing.assert_allclose(samples(prior, 2), noise.normal(SEEDS, 5), atol=1e-6)


@pytest.fixture(scope="module")
def fitted():
    """Mixtures fitted to three clusters of the first prompt and one of the second."""
    prior = MixturePrior(3, 2, TWO_PROMPTS)
    first = planted([(-8, 0), (0, 8), (8, 0)], [0.6, 0.3, 0.1], 3000)
    second = planted([(0, -20)], [1.0], 1000, seed=1)
    prior.fit(np.concatenate([first, second]), np.repeat([0, 1], [3000, 1000]), seed=0)
    return prior


def test_samples_follow_the_planted_clusters_and_their_weights(fitted):
    made = samples(fitted, 1)
    centres = np.array([(-8, 0), (0, 8), (8, 0)])
    distances = np.linalg.norm(made[:, None] - centres[None], axis=2)
    assert distances.min(axis=1).max() < 3.5
    shares = np.bincount(distances.argmin(axis=1), minlength=3) / len(made)
    np.testing.assert_allclose(shares, [0.6, 0.3, 0.1], atol=0.03)


def test_samples_have_the_clusters_covariance(fitted):
    made = samples(fitted, 2)
    tilt = np.array([[0.5, 0.3], [0.0, 0.2]])
    np.testing.assert_allclose(made.mean(axis=0), [0, -20], atol=0.06)
    np.testing.assert_allclose(np.cov(made.T), tilt.T @ tilt, atol=0.03)


def test_an_unknown_mix_of_words_is_served_by_all_examples(fitted):
    made = fitted.sample(noise.normal(SEEDS, fitted.means.shape[2]), SEEDS, tf.zeros([len(SEEDS), 1], tf.int32)).numpy()
    assert 0.1 < np.mean(made[:, 1] < -15) < 0.5
    assert np.isfinite(made).all()


def test_rare_prompts_share_the_mixture_of_all():
    prior = MixturePrior(2, 2, Conditions(2, ((1,), (2,)), (1000, 5)))
    assert prior.prompt_places == [0]
    prior.fit(planted([(5, 5)], [1.0], 1005), np.repeat([0, 1], [1000, 5]), seed=0)
    assert np.linalg.norm(samples(prior, 2).mean(axis=0) - [5, 5]) < 0.2


def test_a_common_prompt_of_which_few_examples_are_at_hand_does_not_break_the_fit():
    prior = MixturePrior(3, 2, TWO_PROMPTS)
    prior.fit(planted([(5, 5)], [1.0], 500), np.repeat([0, 1], [499, 1]), seed=0)
    assert np.isfinite(samples(prior, 2)).all()


def test_few_examples_give_fewer_components():
    prior = MixturePrior(10, 2, Conditions())
    prior.fit(planted([(3, 3)], [1.0], 9), np.full(9, -1), seed=0)
    made = prior.sample(noise.normal(SEEDS, prior.means.shape[2]), SEEDS, tf.zeros([len(SEEDS), 1], tf.int32)).numpy()
    assert np.abs(made - 3).max() < 6, "no component was left at the standard normal"


def test_weights_are_part_of_the_state_and_of_one_shape():
    assert [tuple(w.shape) for w in MixturePrior(4, 3, TWO_PROMPTS).weights] == [(3, 4), (3, 4, 3), (3, 4, 3, 3)]


def test_words_of_rare_prompts_draw_the_components_that_they_stood_beside():
    # Words 1 and 2 stand beside the left and the right cluster; word 3 beside both.
    words = ((1, 3), (2, 3))
    prior = MixturePrior(2, 2, Conditions(3, words, (150, 150)))
    assert prior.prompt_places == []
    latents = np.concatenate([planted([(-8, 0)], [1.0], 150), planted([(8, 0)], [1.0], 150, seed=1)])
    prior.fit(latents, np.repeat([0, 1], 150), seed=0)

    def share_at_the_left(*prompt):
        deviations = noise.normal(SEEDS, prior.means.shape[2])
        made = prior.sample(deviations, SEEDS, tf.tile(tf.constant([prompt]), [len(SEEDS), 1])).numpy()
        return float(np.mean(made[:, 0] < 0))

    assert share_at_the_left(1, 3) > 0.98 and share_at_the_left(2, 3) < 0.02
    assert abs(share_at_the_left(3, 0) - 0.5) < 0.05 and abs(share_at_the_left(0, 0) - 0.5) < 0.05


def test_affinities_are_exact_in_float16():
    prior = MixturePrior(3, 2, Conditions(4, tuple((word,) for word in range(1, 5)), (40, 30, 20, 10)))
    latents = planted([(-8, 0), (0, 8), (8, 0)], [0.5, 0.3, 0.2], 100)
    prior.fit(latents, np.random.default_rng(0).integers(0, 4, 100), seed=0)
    affinities = prior.affinities.numpy()
    assert np.any(affinities) and not np.any(affinities[0])
    np.testing.assert_array_equal(affinities.astype(np.float16).astype(np.float32), affinities)


# Rows as a version has them: -1 for all other prompts, then the two prompts.
ROWS = np.array([[-1], [1], [2]], np.int32)
PULLS = np.array([[0.0, 0.0], [0.15, 0.1], [-0.8, 0.6]], np.float32)


def tilted(prior, word, tilt, seeds=SEEDS):
    deviations = noise.normal(seeds, prior.means.shape[2])
    return prior.sample(deviations, seeds, tf.fill([len(seeds), 1], word), tilt=tilt).numpy()


@pytest.mark.parametrize("row, word", [(1, 1), (2, 2)])
def test_a_tilted_mixture_is_the_mixture_weighted_by_the_exponential_of_the_pull(fitted, row, word):
    many = tf.range(60000)
    base, tilt = tilted(fitted, word, None, many), Tilt(fitted, ROWS, PULLS)
    weights = np.exp(base @ PULLS[row])
    normal = weights.mean()
    made = tilted(fitted, word, tilt, many)
    wanted = (weights[:, None] * base).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(made.mean(axis=0), wanted, atol=0.1)
    assert tilt.nats[row] == pytest.approx(made.mean(axis=0) @ PULLS[row] - np.log(normal), abs=0.02)
    mean = fitted.mean(tf.constant([[word]]), tf.zeros([1, 2]), tilt=tilt).numpy()[0]
    np.testing.assert_allclose(mean, made.mean(axis=0), atol=0.1)


def test_a_pull_of_0_changes_no_sample(fitted):
    tilt = Tilt(fitted, ROWS, 0 * PULLS)
    for word in (0, 1, 2):
        np.testing.assert_array_equal(tilted(fitted, word, tilt), tilted(fitted, word, None))
    np.testing.assert_array_equal(tilt.nats, 0)


def test_components_out_of_use_stay_so():
    prior = MixturePrior(10, 2, Conditions())
    prior.fit(planted([(3, 3)], [1.0], 9), np.full(9, -1), seed=0)
    far = Tilt(prior, np.array([[-1]]), np.array([[-40.0, -40.0]], np.float32))  # towards the origin, where they lie
    used = int(np.sum(np.diff(prior.ends.numpy()[0], prepend=0) > 0))
    assert used < 10 and np.all(far.ends.numpy()[0, used - 1 :] == noise.INTEGERS)


def test_words_of_rare_prompts_are_tilted_too():
    prior = MixturePrior(2, 2, Conditions(3, ((1, 3), (2, 3)), (150, 150)))
    latents = np.concatenate([planted([(-8, 0)], [1.0], 150), planted([(8, 0)], [1.0], 150, seed=1)])
    prior.fit(latents, np.repeat([0, 1], 150), seed=0)
    tilt = Tilt(prior, np.array([[-1, -1], [1, 3]]), np.array([[0.1, 0.0], [0.6, 0.0]], np.float32))

    def share_at_the_left(*prompt, tilt=None):
        prompts = tf.tile(tf.constant([prompt]), [len(SEEDS), 1])
        return float(np.mean(prior.sample(noise.normal(SEEDS, 2), SEEDS, prompts, tilt=tilt).numpy()[:, 0] < 0))

    both = share_at_the_left(3, 0), share_at_the_left(3, 0, tilt=tilt)
    odds = [share / (1 - share) for share in both]
    assert odds[1] / odds[0] == pytest.approx(np.exp(-0.1 * 16), rel=0.2)
    assert share_at_the_left(1, 3) > 0.98 and share_at_the_left(1, 3, tilt=tilt) < share_at_the_left(1, 3)


def test_a_prompt_with_a_mixture_of_its_own_needs_a_row(fitted):
    with pytest.raises(ValueError, match="no row of its own"):
        Tilt(fitted, ROWS[:2], PULLS[:2])


def test_a_condition_moves_the_shared_mixture_by_what_it_explains():
    # The same words in two orders, of which the condition knows; on top of that a cluster at each side.
    words = ((1, 2), (2, 1))
    prior = MixturePrior(2, 2, Conditions(2, words, (150, 150), in_order=True), 3)
    conditions = np.array([[1, 0, 1], [0, 1, 1]], np.float32)
    latents = np.concatenate([planted([(-8, at), (8, at)], [0.5, 0.5], 150) for at in (3, -3)])
    prior.fit(latents, np.repeat([0, 1], 150), seed=0, conditions=conditions)
    for place, height in ((0, 3), (1, -3)):
        prompts, condition = (tf.constant([each[place]] * len(SEEDS)) for each in (words, conditions))
        made = prior.sample(noise.normal(SEEDS, 2), SEEDS, prompts, condition).numpy()
        np.testing.assert_allclose(made[:, 1].mean(), height, atol=0.3)
        assert 0.4 < np.mean(made[:, 0] < 0) < 0.6
        mean = prior.mean(prompts[:1], tf.zeros([1, 2]), condition[:1]).numpy()[0]
        np.testing.assert_allclose(mean, made.mean(axis=0), atol=0.5)


def test_a_word_that_comes_twice_counts_once():
    prior = MixturePrior(2, 2, Conditions(2, ((1, 2, 1), (2, 1, 0)), (150, 150), in_order=True))
    latents = np.concatenate([planted([(-8, 0)], [1.0], 150), planted([(8, 0)], [1.0], 150)])
    prior.fit(latents, np.repeat([0, 1], 150), seed=0)
    once, twice = (prior._shares_by_words(tf.constant([ids])).numpy() for ids in ([1, 2, 0], [1, 2, 1]))
    np.testing.assert_array_equal(once, twice)


def test_a_tilt_and_a_condition_move_the_shared_mixture_side_by_side():
    words = ((1, 2), (2, 1))
    prior = MixturePrior(2, 2, Conditions(2, words, (150, 150), in_order=True), 3)
    conditions = np.array([[1, 0, 1], [0, 1, 1]], np.float32)
    latents = np.concatenate([planted([(-8, at), (8, at)], [0.5, 0.5], 150) for at in (3, -3)])
    prior.fit(latents, np.repeat([0, 1], 150), seed=0, conditions=conditions)
    tilt = Tilt(prior, np.array([[-1, -1], [1, 2]]), np.array([[0.0, 0.0], [0.1, 0.0]], np.float32))
    prompts, condition = (tf.constant([each[0]] * len(SEEDS)) for each in (words, conditions))
    deviations = noise.normal(SEEDS, 2)
    both = prior.sample(deviations, SEEDS, prompts, condition, tilt).numpy()
    unmoved = prior.sample(deviations, SEEDS, prompts, 0 * condition, tilt).numpy()
    apart = np.broadcast_to((conditions @ prior.moves.numpy())[:1], both.shape)
    np.testing.assert_allclose(both - unmoved, apart, atol=1e-5)
    plain = prior.sample(deviations, SEEDS, prompts, condition).numpy()
    assert np.mean(both[:, 0] > 0) > np.mean(plain[:, 0] > 0) + 0.2
