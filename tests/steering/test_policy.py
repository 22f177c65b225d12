"""Which tiles are shown: on a model of a few lines of numpy, whose best samples are known."""

from dataclasses import replace

import numpy as np
import pytest

from tfgen.steering.bank import Candidates
from tfgen.steering.policy import KEPT, LIKED, NEAR, Answer, Policy

SIZE = 12
MAP = np.random.default_rng(5).standard_normal([SIZE, 6]) / np.sqrt(SIZE)


def look(noise, seeds, prompts):
    """Six features, which bend; and a score that is low where one of them is large."""
    features = np.tanh(noise @ MAP)
    lengths = np.square(features).sum(axis=1, keepdims=True)
    positions = np.concatenate([features, lengths - lengths.mean()], axis=1)
    known, new = np.full(len(noise), np.inf), np.full(len(noise), -1, np.int32)
    return Candidates(noise, seeds, prompts, positions, -np.abs(features[:, 5]), known, new)


@pytest.fixture
def bank():
    noise = np.random.default_rng(0).standard_normal([1000, SIZE]).astype(np.float32)
    seeds = np.arange(1000, dtype=np.int32)
    made = look(noise, seeds, np.ones([1000, 1], np.int32))
    return Candidates(made.noise, seeds, made.prompts, made.positions, made.scores, made.margins, seeds)


def walked(policy, wish, count, seed=0, answer=None):
    """Rounds in which the best by a wish is picked."""
    rounds = []
    for number in range(count):
        following = policy.propose(rounds, policy.taste(rounds), np.random.default_rng([seed, number]))
        given = answer(following) if answer else Answer("pick", (int(np.argmax(wish(following.shown))),))
        rounds.append(following.answered(given))
    return rounds


def more(candidates):
    return candidates.positions[:, 0] - candidates.positions[:, 1]


@pytest.mark.parametrize("count", [2, 5, 9, 36])
def test_picks_lead_to_the_best_percent(bank, count):
    policy = Policy(bank, look, count)
    rounds = walked(policy, more, 16 if count == 2 else 8)
    assert all(len(each.shown) == len(each.arms) == count for each in rounds)
    best = policy.taste(rounds).best
    assert np.mean(more(bank) < more(best)[0]) >= 0.99


def test_someone_who_wants_one_sample_gets_near(bank):
    target = bank.take([17])

    def near(candidates):
        return -np.linalg.norm(candidates.positions - target.positions, axis=1)

    others = replace(bank.take(np.arange(100, 1000)), rows=np.arange(900))
    policy = Policy(others, look, 9)
    best = policy.taste(walked(policy, near, 15)).best
    assert np.mean(near(others) < near(best)[0]) >= 0.97


def test_someone_who_wants_a_middle_is_served_by_what_can_be_measured(bank):
    """The wish is of two of four attributes, at amounts that are neither much nor little; answers err."""
    def measured(candidates):
        first, second = candidates.positions[:, 0], candidates.positions[:, 1]
        return np.stack([7 * first, 3 + second, *candidates.noise.T[:2]], axis=1)

    own = measured(bank)
    amounts = own[:, :2].mean(axis=0) + 0.7 * own[:, :2].std(axis=0)

    def middle(candidates):
        return -np.linalg.norm((measured(candidates)[:, :2] - amounts) / own[:, :2].std(axis=0), axis=1)

    def reached(policy, seed):
        rounds, chance = [], np.random.default_rng([seed, 9])
        for number in range(15):
            following = policy.propose(rounds, policy.taste(rounds), np.random.default_rng([seed, number]))
            following = replace(following, measured=measured(following.shown))
            seen = middle(following.shown) + 0.3 * chance.standard_normal(9)
            rounds.append(following.answered(Answer("pick", (int(np.argmax(seen)),))))
        taste = policy.taste(rounds)
        assert 0 <= taste.share <= 1 and isinstance(policy.enough(taste, chance), bool)
        return np.mean(middle(bank) < middle(taste.best)[0]), taste.share

    ways = [Policy(bank, look, 9, measured=lambda: own), Policy(bank, look, 9)]
    (served, share), (plain, none) = (np.median([reached(way, seed) for seed in range(6)], axis=0) for way in ways)
    assert served >= 0.97 and served >= plain and share > 0.5 and none == 0


def test_what_does_not_vary_is_not_wanted(bank):
    constant = np.stack([np.ones(1000), bank.positions[:, 0], np.full(1000, np.nan)], axis=1)
    policy = Policy(bank, look, 9, measured=lambda: constant)
    rounds = [replace(each, measured=np.zeros([9, 3])) for each in walked(policy, more, 2)]
    assert policy.taste(rounds).ideal is None


def test_the_best_is_kept_and_both_arms_have_tiles(bank):
    policy = Policy(bank, look, 9)
    rounds = walked(policy, more, 5)
    assert KEPT not in rounds[0].arms
    for number in range(1, 5):
        assert rounds[number].arms.count(KEPT) == 1 and {NEAR, LIKED} <= set(rounds[number].arms)
        kept = rounds[number].shown.take([rounds[number].arms.index(KEPT)])
        np.testing.assert_array_equal(kept.noise, policy.taste(rounds[:number]).best.noise)
    places = [each.arms.index(KEPT) for each in walked(policy, more, 12)[1:]]
    assert len(set(places)) > 3  # its place says nothing


def test_what_was_shown_does_not_come_again(bank):
    rounds = walked(Policy(bank, look, 9), more, 8, answer=lambda shown: Answer("skip"))
    rows = np.concatenate([each.shown.rows for each in rounds])
    assert len(set(rows)) == len(rows) == 72


@pytest.mark.parametrize("count", [9, 36])
def test_skips_never_run_out_of_tiles(bank, count):
    few = bank.take(np.arange(64))
    rounds = walked(Policy(few, look, count), more, 12, answer=lambda shown: Answer("skip"))
    assert all(len(set(each.shown.rows)) == count for each in rounds)


def test_nothing_atypical_is_shown_unless_asked_for(bank):
    def odd(candidates):
        return np.abs(candidates.positions[:, 5])

    least = np.percentile(bank.scores, 5)
    guarded = Policy(bank, look, 9)
    shown = [each.shown for each in walked(guarded, odd, 10)]
    low = np.concatenate([each.scores for each in shown]) < least
    free = [each.shown for each in walked(Policy(bank, look, 9, typical=False), odd, 10)]
    assert low.mean() < 0.1 and np.mean(np.concatenate([each.scores for each in free]) < least) > 0.2


def test_noise_stays_in_the_shell(bank):
    policy = Policy(bank, look, 9)
    far = policy.in_shell(np.full([3, SIZE], 9.0, np.float32))
    assert np.all(np.linalg.norm(far, axis=1) <= np.sqrt(SIZE - 0.5) + 1.16 + 1e-5)
    np.testing.assert_array_equal(policy.in_shell(bank.noise[:1] * 0.1), bank.noise[:1] * np.float32(0.1))


def test_none_prefers_what_was_there(bank):
    policy = Policy(bank, look, 9)
    first = walked(policy, more, 1)
    following = policy.propose(first, policy.taste(first), np.random.default_rng(1))
    kept, positions = following.arms.index(KEPT), following.shown.positions
    assert [each.picked for each in following.answered(Answer("none")).choices(positions)] == [0]
    np.testing.assert_array_equal(
        following.answered(Answer("none")).choices(positions)[0].shown[0], following.shown.positions[kept]
    )
    assert first[0].answered(Answer("none")).choices(first[0].shown.positions) == []  # nothing was there before
    assert len(following.answered(Answer("pick", (1, 4))).choices(positions)) == 2
    assert following.answered(Answer("skip")).choices(positions) == []


def test_enough_is_said_when_there_is_little_to_gain(bank):
    policy = Policy(bank, look, 9)
    rounds = walked(policy, more, 14)
    said = [policy.enough(policy.taste(rounds[:count]), np.random.default_rng(0)) for count in range(15)]
    assert not said[0] and not said[1] and said[-1]


def test_answers_at_random_are_not_taken_for_a_taste(bank):
    """Whoever picks without looking is not told that hardly anything better is to be had."""
    said = []
    for seed in range(8):
        chance, policy = np.random.default_rng([seed, 4]), Policy(bank, look, 9)
        rounds = walked(policy, None, 15, seed, answer=lambda shown: Answer("pick", (int(chance.integers(9)),)))
        said.append(policy.enough(policy.taste(rounds), np.random.default_rng(0)))
    assert sum(said) <= 2
