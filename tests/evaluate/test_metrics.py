"""The metrics as pure functions: against closed forms, naive implementations and what must not change a score."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.evaluate import intervals, statistics
from tfgen.evaluate.metrics.adherence import prompt_adherence
from tfgen.evaluate.metrics.copying import auc, copying
from tfgen.evaluate.metrics.density_coverage import density_coverage
from tfgen.evaluate.metrics.diversity import diversity
from tfgen.evaluate.metrics.frechet import distance_of_moments, frechet_distance
from tfgen.evaluate.metrics.kernel import kernel_distance
from tfgen.evaluate.metrics.latents import dead_latents
from tfgen.evaluate.metrics.likelihood import log_likelihood_bound
from tfgen.evaluate.metrics.membership import membership
from tfgen.evaluate.metrics.precision_recall import precision_recall, precision_recall_of
from tfgen.evaluate.metrics.reconstruction import reconstruction_error
from tfgen.evaluate.statistics import Moments, centred, nearest, neighbour_distances, squared_distances

seeds = st.integers(0, 2**32 - 1)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def frechet(real, generated):
    return frechet_distance.function(real, generated)["frechet_distance"]


def kernel(real, generated):
    return kernel_distance.function(real, generated)["kernel_distance"]


def balls(real, generated):
    """Precision, recall, density and coverage by name."""
    return {**precision_recall.function(real, generated), **density_coverage.function(real, generated)}


def distances(first, second):
    return np.linalg.norm(first[:, None].astype(np.float64) - second[None].astype(np.float64), axis=2)


def naive_balls(real, generated, neighbours):
    """The four scores as their papers define them, with every distance in one array."""
    around_real, around_generated = (
        np.sort(distances(rows, rows), axis=1)[:, neighbours] for rows in (real, generated)
    )
    apart = distances(real, generated)
    return {
        "precision": (apart <= around_real[:, None]).any(axis=0).mean(),
        "recall": (apart <= around_generated).any(axis=1).mean(),
        "density": (apart < around_real[:, None]).sum(axis=0).mean() / neighbours,
        "coverage": (apart.min(axis=1) < around_real).mean(),
    }


@pytest.fixture
def small_tiles(monkeypatch):
    """Blocks and tiles so small that a test's rows fill several, the last one in part."""
    monkeypatch.setattr(statistics, "BLOCK", 16)
    monkeypatch.setattr(statistics, "TILE", 16)
    monkeypatch.setattr("tfgen.evaluate.metrics.kernel.TILE", 16)


# Moments and the Fréchet distance


@given(seeds, st.lists(st.integers(1, 9), min_size=2, max_size=6))
def test_moments_of_uneven_blocks_are_those_of_all_rows(seed, sizes):
    rows = normal(seed, sum(sizes), 4).astype(np.float64) * [1, 10, 100, 0.1] + [0, 50, -1000, 3]
    moments = Moments(4)
    for block in np.split(rows, np.cumsum(sizes)[:-1]):
        moments.add(block)
    assert moments.count == len(rows)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(moments.covariance, np.cov(rows, rowvar=False), rtol=1e-7, atol=1e-7)


def test_moments_in_float32_survive_a_mean_far_from_zero():
    rows = normal(0, 10_000, 3) + np.float32(1000)
    np.testing.assert_allclose(Moments.of(rows).covariance, np.cov(rows.astype(np.float64), rowvar=False), atol=1e-4)


def test_merged_moments_are_those_of_both():
    rows = normal(0, 50, 3).astype(np.float64)
    rows[20:] += 4
    first, second = Moments.of(rows[:20]), Moments.of(rows[20:])
    first.merge(second.count, second.mean, second.covariance * (second.count - 1))
    assert first.count == 50
    np.testing.assert_allclose(first.mean, rows.mean(axis=0))
    np.testing.assert_allclose(first.covariance, np.cov(rows, rowvar=False))


def moments_with(mean, covariance):
    moments = Moments(len(mean))
    moments.merge(1001, np.array(mean, np.float64), np.array(covariance, np.float64) * 1000)
    return moments


def test_frechet_distance_of_gaussians_along_the_axes_has_a_closed_form():
    first, second = moments_with([0, 0], np.diag([1.0, 4.0])), moments_with([3, 4], np.diag([9.0, 16.0]))
    assert distance_of_moments(first, second) == pytest.approx(25 + (3 - 1) ** 2 + (4 - 2) ** 2)


def test_frechet_distance_of_turned_gaussians():
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    first = moments_with([0, 0], turn @ np.diag([1.0, 4.0]) @ turn.T)
    second = moments_with([0, 0], turn @ np.diag([25.0, 9.0]) @ turn.T)
    assert distance_of_moments(first, second) == pytest.approx((5 - 1) ** 2 + (3 - 2) ** 2)


@given(seeds)
def test_frechet_distance_is_symmetric_and_nothing_between_a_set_and_itself(seed):
    real, generated = normal(seed, 60, 5), 2 * normal(seed + 1, 40, 5) + 1
    assert frechet(real, generated) == pytest.approx(frechet(generated, real), rel=1e-6)
    assert frechet(real, generated) > 1
    assert frechet(real, real) == pytest.approx(0, abs=1e-5)


def test_frechet_distance_is_the_squared_length_of_a_shift():
    real = normal(0, 500, 6)
    assert frechet(real, real + np.float32(0.5)) == pytest.approx(6 * 0.25, rel=1e-4)


def test_frechet_distance_with_features_that_never_vary():
    real, generated = normal(0, 200, 6), 3 * normal(1, 200, 6)
    flat = [np.concatenate([rows, np.full([200, 2], 7, np.float32)], axis=1) for rows in (real, generated)]
    assert frechet(*flat) == pytest.approx(frechet(real, generated), rel=1e-5)


def test_frechet_distance_with_fewer_rows_than_features():
    real = normal(0, 10, 40)
    assert frechet(real, real) == pytest.approx(0, abs=1e-3)
    assert frechet(real, real + 1) == pytest.approx(40, rel=1e-3)


# Kernel distance


def naive_kernel(real, generated):
    """The unbiased estimate, pair by pair."""
    def value(one, other):
        return (float(one @ other) / len(one) + 1) ** 3

    def within(rows):
        pairs = [value(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(pairs) / len(pairs)

    between = [value(one, other) for one in real for other in generated]
    return within(real) + within(generated) - 2 * sum(between) / len(between)


@pytest.mark.parametrize("sizes", [(7, 5), (16, 17), (40, 33)])
def test_kernel_distance_equals_a_double_loop(sizes, small_tiles):
    real, generated = (normal(seed, size, 6).astype(np.float64) + seed for seed, size in enumerate(sizes))
    assert kernel(real, generated) == pytest.approx(naive_kernel(real, generated), rel=1e-9)
    single = kernel(real.astype(np.float32), generated.astype(np.float32))
    assert single == pytest.approx(naive_kernel(real, generated), rel=1e-4)


def test_kernel_distance_of_equal_distributions_is_nothing_on_average():
    draws = np.array([kernel(normal(2 * seed, 30, 4), normal(2 * seed + 1, 30, 4)) for seed in range(300)])
    assert (draws > 0).any() and (draws < 0).any()
    assert abs(draws.mean()) < 4 * draws.std() / math.sqrt(len(draws))
    # What a biased estimate would have on top: the share of an example's kernel with itself.
    diagonal = 2 * np.mean([(np.square(row).mean() + 1) ** 3 for row in normal(0, 1000, 4)]) / 30
    assert abs(draws.mean()) < diagonal / 4


def test_kernel_distance_sees_a_difference_that_mean_and_covariance_hide():
    real, generated = normal(0, 2000, 1), np.random.default_rng(1).exponential(1, [2000, 1]).astype(np.float32) - 1
    assert kernel(real, generated) > 5 * abs(kernel(real, normal(2, 2000, 1)))


# Precision, recall, density, coverage


@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_precision_and_recall_equal_a_naive_implementation(neighbours, small_tiles):
    real, generated = normal(0, 70, 3), 0.8 * normal(1, 45, 3) + np.float32(0.7)
    naive = naive_balls(real, generated, neighbours)
    scores = precision_recall_of(real, generated, neighbours)
    assert 0 < naive["recall"] < 1 and 0 < naive["precision"] < 1
    assert scores == {name: pytest.approx(naive[name]) for name in ("precision", "recall")}


@given(seeds, st.integers(11, 60), st.integers(11, 60))
def test_all_four_equal_a_naive_implementation(seed, count, other):
    real, generated = normal(seed, count, 4), normal(seed + 1, other, 4) + np.float32(0.5)
    assert balls(real, generated) == {
        name: pytest.approx(value) for name, value in naive_balls(real, generated, 5).items()
    }


@pytest.mark.parametrize("count", [15, 16, 17, 33])
def test_all_four_across_the_borders_of_tiles(count, small_tiles):
    real, generated = normal(0, count, 3), normal(1, count + 1, 3) + np.float32(0.5)
    assert balls(real, generated) == {
        name: pytest.approx(value) for name, value in naive_balls(real, generated, 5).items()
    }


def test_moving_and_turning_both_changes_no_score():
    real, generated = normal(0, 200, 6), normal(1, 200, 6) + np.float32(0.6)
    turn = np.linalg.qr(normal(2, 6, 6).astype(np.float64))[0]
    moved = [(rows @ turn + 30).astype(np.float32) for rows in (real, generated)]
    assert balls(*moved) == {name: pytest.approx(value, abs=0.011) for name, value in balls(real, generated).items()}


def test_a_collapsed_set_is_precise_and_recalls_nothing():
    real = normal(0, 300, 4)
    scores = balls(real, np.repeat(real[:1], 100, axis=0))
    assert scores["precision"] == 1
    assert scores["recall"] < 0.02
    assert scores["coverage"] < 0.1


def test_copies_of_everything_score_as_well_as_can_be():
    real = normal(0, 200, 4)
    scores = balls(real, real)
    assert (scores["precision"], scores["recall"], scores["coverage"]) == (1, 1, 1)
    assert scores["density"] == pytest.approx(1)  # each lies in k balls: its own, and those that have it among k


def test_what_is_far_away_scores_nothing():
    scores = balls(normal(0, 100, 4), normal(1, 100, 4) + 100)
    assert scores == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_one_stray_example_raises_precision_but_hardly_density():
    real, generated = normal(0, 200, 4), normal(1, 200, 4) + 20
    stray = np.concatenate([real, generated[:1]])
    assert precision_recall.function(stray, generated)["precision"] == 1
    assert density_coverage.function(stray, generated)["density"] <= 1 / 5
    assert density_coverage.function(stray, generated)["coverage"] <= 1 / len(stray)


# Distances and neighbours


def test_squared_distances_equal_the_differences():
    first, second = normal(0, 9, 5), normal(1, 7, 5)
    np.testing.assert_allclose(squared_distances(first, second), distances(first, second) ** 2, rtol=1e-4)
    assert squared_distances(first * 100, first * 100).min() >= 0


def test_centring_keeps_digits_far_from_zero():
    first, second = normal(0, 40, 5) + np.float32(3000), normal(1, 40, 5) + np.float32(3000)
    near = squared_distances(*centred(first, second))
    np.testing.assert_allclose(near, distances(first, second) ** 2, rtol=1e-3)


@pytest.mark.parametrize("count", [6, 16, 17, 50])
def test_neighbour_distances_equal_sorted_ones(count, small_tiles):
    rows = normal(0, count, 3)
    expected = np.sort(distances(rows, rows), axis=1)[:, 5] ** 2
    np.testing.assert_allclose(neighbour_distances(rows, 5), expected, rtol=1e-4)


def test_an_example_that_is_there_twice_is_its_own_neighbour(small_tiles):
    rows = np.concatenate([normal(0, 30, 3)] * 2)
    np.testing.assert_allclose(neighbour_distances(rows, 1), 0, atol=1e-5)
    assert neighbour_distances(rows, 2).min() > 1e-4


@given(seeds, st.integers(1, 60), st.integers(3, 60))
def test_nearest_equals_brute_force(seed, count, among_count):
    rows, among = normal(seed, count, 4), normal(seed + 1, among_count, 4)
    places, apart = nearest(rows, among, 3)
    expected = distances(rows, among)
    np.testing.assert_allclose(apart, np.sort(expected, axis=1)[:, :3], rtol=1e-4)
    np.testing.assert_allclose(np.take_along_axis(expected, places, axis=1), apart, rtol=1e-4)


def test_nearest_across_the_borders_of_blocks(small_tiles):
    rows, among = normal(0, 20, 4), normal(1, 50, 4)
    places, apart = nearest(rows, among, 3)
    expected = distances(rows, among)
    assert (places == np.argsort(expected, axis=1)[:, :3]).all()
    np.testing.assert_allclose(apart, np.sort(expected, axis=1)[:, :3], rtol=1e-5)


def test_copies_are_exactly_nothing_away(small_tiles):
    among = normal(0, 50, 100) * 1000 + 5000
    places, apart = nearest(among[::-1], among, 2)
    assert places[:, 0].tolist() == list(range(50))[::-1]
    assert (apart[:, 0] == 0).all() and (apart[:, 1] > 0).all()


# Copying and membership


def test_auc_counts_ties_half():
    assert auc(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1
    assert auc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 0
    assert auc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5
    assert auc(np.array([0.0, 1.0]), np.array([1.0, 2.0])) == pytest.approx(3.5 / 4)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_auc_equals_the_share_of_pairs(low, high):
    pairs = [(other > one) + (other == one) / 2 for one in low for other in high]
    assert auc(np.array(low), np.array(high)) == pytest.approx(np.mean(pairs))


def copying_of(training, generated, unseen):
    return copying.function(*(nearest(rows, training, 2)[1] for rows in (generated, unseen)))


def test_copies_are_copies_also_where_the_data_has_them_twice():
    training, unseen = normal(0, 400, 4), normal(1, 200, 4)
    for data in (training, np.concatenate([training, training])):
        assert copying_of(data, training[:100], unseen) == {"nearness": 1, "copied": 1}


def test_new_samples_of_the_same_distribution_are_no_copies():
    scores = copying_of(normal(0, 2000, 4), normal(1, 1000, 4), normal(2, 1000, 4))
    assert scores["nearness"] == pytest.approx(0.5, abs=0.05)
    assert scores["copied"] < 0.03


def test_the_share_of_copies_among_samples_is_found():
    training = normal(0, 2000, 8)
    generated = np.concatenate([training[:50], normal(1, 150, 8)])
    assert copying_of(training, generated, normal(2, 1000, 8))["copied"] == pytest.approx(0.25, abs=0.03)


def test_membership_is_the_probability_that_a_training_example_scores_higher():
    scores = {"training_scores": np.array([2.0, 3.0, 4.0]), "unseen_scores": np.array([1.0, 2.0])}
    assert membership.function(**scores) == {"membership": pytest.approx(5.5 / 6)}


# Prompts


def test_prompt_adherence_is_the_share_recognised_as_asked():
    asked, recognised = np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1])
    assert prompt_adherence.function(asked, recognised) == {"prompt_adherence": 0.75}


def diversity_of(real, generated, real_prompts, asked):
    return diversity.function(real, generated, real_prompts, asked)["diversity"]


def test_diversity_is_the_ratio_of_spreads_within_prompts():
    prompts = np.arange(400) % 4
    means = 50 * normal(0, 4, 3)[prompts]  # how far prompts are from each other doesn't count
    real = normal(1, 400, 3)
    assert diversity_of(means + real, means + real, prompts, prompts) == pytest.approx(1)
    assert diversity_of(means + real, 2 * means + real / 2, prompts, prompts) == pytest.approx(0.5, rel=1e-4)
    assert diversity_of(means + real, means, prompts, prompts) == pytest.approx(0, abs=1e-4)


def test_diversity_without_prompts_is_that_of_all_samples():
    real, nothing = normal(0, 100, 3), np.full(100, -1)
    assert diversity_of(real, 3 * real, nothing, nothing) == pytest.approx(3, rel=1e-5)
    assert diversity_of(real, real[:1].repeat(100, axis=0), nothing, nothing) == 0


def test_diversity_of_prompts_that_few_examples_have_is_that_of_all_samples():
    real, few = normal(0, 12, 3), np.arange(12) // 2
    assert diversity_of(real, real / 2, few, few) == pytest.approx(0.5, rel=1e-5)


def test_a_rare_prompt_does_not_count():
    prompts = np.array([0] * 50 + [1] * 4)
    real = normal(0, 54, 3)
    generated = np.where(prompts[:, None] == 1, 100 * real, real)
    assert diversity_of(real, generated, prompts, prompts) == pytest.approx(1)


# What variational models say


def test_likelihood_bound_is_the_log_of_the_mean_weight():
    weights = np.array([[1.0, 3.0], [2.0, 4.0]])
    bound = log_likelihood_bound.function(np.log(weights))["log_likelihood_bound"]
    assert bound == pytest.approx((math.log(2) + math.log(3)) / 2)


@pytest.mark.parametrize("size", [-50_000.0, 50_000.0])
def test_likelihood_bound_of_weights_that_no_float_holds(size):
    logs = np.log(np.array([[1.0, 3.0], [2.0, 4.0]])) + size
    bound = log_likelihood_bound.function(logs)["log_likelihood_bound"]
    assert bound - size == pytest.approx((math.log(2) + math.log(3)) / 2, abs=1e-6)


@given(seeds)
def test_likelihood_bound_lies_between_the_mean_and_the_largest_log_of_the_weights(seed):
    logs = 3 * np.random.default_rng(seed).standard_normal([20, 8])
    bound = log_likelihood_bound.function(logs)["log_likelihood_bound"]
    assert logs.mean() <= bound + 1e-9 <= logs.max(axis=1).mean() + 2e-9


def test_dead_latents_are_counted():
    nats = np.array([[0.0, 0.019, 2.0, 0.0], [0.001, 0.0, 0.0, 0.03]])
    assert dead_latents.function(nats) == {"dead_latents": 2}


def test_reconstruction_error_is_the_mean_over_examples():
    assert reconstruction_error.function(np.array([0.1, 0.3])) == {"reconstruction_error": pytest.approx(0.2)}


# Intervals


def spread_and_half_width(metric, score, draw, draws=40):
    """2.262 times the score's spread over new draws, and the typical half width of its interval."""
    drawn = [draw(seed) for seed in range(draws)]
    values = [metric.function(**inputs)[score] for inputs in drawn]
    widths = [intervals.half_widths(metric, inputs)[score] for inputs in drawn]
    return 2.262 * np.std(values, ddof=1), np.sqrt(np.mean(np.square(widths)))


def of_prompts(seed):
    generator = np.random.default_rng(seed)
    asked = generator.integers(0, 4, 400)
    return {"asked": asked, "recognised": np.where(generator.random(400) < 0.8, asked, -1)}


def of_features(seed):
    return {"real": normal(2 * seed, 300, 4), "generated": 1.3 * normal(2 * seed + 1, 300, 4) + np.float32(0.5)}


@pytest.mark.parametrize(
    ("metric", "score", "draw"),
    [
        (prompt_adherence, "prompt_adherence", of_prompts),
        (frechet_distance, "frechet_distance", of_features),
        (kernel_distance, "kernel_distance", of_features),
        (density_coverage, "density", of_features),
    ],
)
def test_the_interval_is_as_wide_as_the_score_varies(metric, score, draw):
    spread, half_width = spread_and_half_width(metric, score, draw)
    assert spread / 2 < half_width < 2 * spread


def test_too_few_rows_give_no_interval():
    inputs = of_prompts(0)
    assert intervals.half_widths(prompt_adherence, {name: rows[:99] for name, rows in inputs.items()}) == {}
    assert intervals.half_widths(prompt_adherence, {name: rows[:100] for name, rows in inputs.items()}) != {}
