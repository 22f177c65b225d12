"""The clock's arithmetic, with made-up times: how many steps fit, and where a fit that becomes slow ends sooner."""

import random
from dataclasses import replace

import pytest

from tfgen.training.plan import (
    SAVING_SHARE, SHEETS, Costs, Intervals, Pace, horizon_at, most_measurements, save_interval, seconds_left,
    steps_within,
)

PLANNING = 5.0  # seconds
ARRAYS = Costs(step=0.03, sheet=0.3, save=0.02, after=0.5)
SEQUENCES = Costs(step=0.1, sheet=0.3, save=0.1, measurement=0.4, after=0.5, saves_at_end=2)
SLOW_DISK = replace(ARRAYS, save=3.0)


def fit_by_the_clock(seconds, costs, slow=lambda now: 1.0, disk=lambda now: 1.0, every=None, noise=0.1, seed=0):
    """A fit as the stage and its monitor make it: planned, followed, shortened. Steps and all that is computed take
    `slow(now)` times as long as when it was planned, saves `disk(now)` times.

    Gives the seconds that it took, its steps, and each time that it was shortened.
    """
    chance, now, unit = random.Random(seed), PLANNING, 8
    intervals = Intervals(unit, 30.0, every)
    steps = steps_within(seconds - PLANNING, costs, intervals)
    every = every and every(steps)
    pace = Pace(seconds, seconds / 60, costs, intervals)
    step, training, saved, save, sheet, shortened = 0, 0.0, now, costs.save, 0, []
    while step < steps:
        before, step = step, min(step + unit, steps)
        taken = (step - before) * costs.step * slow(now) * max(0.3, chance.gauss(1, noise))
        now, training = now + taken, training + taken
        if every and step < steps and step // every > before // every:
            now += costs.measurement * slow(now) + costs.save * disk(now)
        shorter = pace.shorter(step, steps, now, training, now - saved) if step < steps else None
        if shorter:
            shortened.append((now, step, steps, shorter))
            steps = shorter
        if step < steps and now - saved >= save_interval(30.0, save):
            save = costs.save * disk(now)
            pace.note_save(save)
            now += save
            saved = now
        if step < steps and step * SHEETS // steps > sheet:
            sheet, now = step * SHEETS // steps, now + costs.sheet * slow(now)
    measured = (costs.measurement * slow(now) + costs.save * disk(now)) if every else 0.0
    end = (costs.sheet + costs.after) * slow(now) + costs.saves_at_end * costs.save * disk(now) + measured
    return now + end, steps, shortened


def spread(steps):
    return max(1, steps // 20)


MACHINES = {
    "quiet": lambda share: 1.0,
    "busy in the second half": lambda share: 2.2 if share > 0.5 else 1.0,
    "busy near the end": lambda share: 2.0 if share > 0.8 else 1.0,
    "busy from the start": lambda share: 1.5,
    "busy twice": lambda share: 2.5 if share > 0.6 else 1.6 if share > 0.3 else 1.0,
    "busier and busier": lambda share: 1.0 + share,
    "busy for a moment": lambda share: 3.0 if 0.3 < share < 0.35 else 1.0,
    "busy now and then": lambda share: 1.6 if int(share * 40) % 2 else 1.0,
}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("seconds", [60, 180, 420, 3600])
@pytest.mark.parametrize(
    "costs, every", [(ARRAYS, None), (SLOW_DISK, None), (SEQUENCES, spread)], ids=["arrays", "slow disk", "measured"]
)
def test_a_fit_takes_as_long_as_was_asked(costs, every, seconds, machine):
    for seed in range(5):
        took, _, shortened = fit_by_the_clock(
            seconds, costs, lambda now: MACHINES[machine](now / seconds), every=every, seed=seed
        )
        assert took == pytest.approx(seconds, rel=0.1)
        assert len(shortened) <= 2


@pytest.mark.parametrize("seconds", [24, 30])
def test_a_short_fit_on_a_slow_disk_takes_as_long_as_was_asked(seconds):
    for seed in range(5):
        took, _, _ = fit_by_the_clock(seconds, SLOW_DISK, seed=seed)
        assert took == pytest.approx(seconds, rel=0.1)


def test_a_disk_that_becomes_slow_is_noticed():
    took, _, _ = fit_by_the_clock(600, ARRAYS, disk=lambda now: 150.0 if now > 200 else 1.0)
    assert took == pytest.approx(600, rel=0.1)


def test_a_moment_early_on_costs_few_steps():
    _, quiet, _ = fit_by_the_clock(420, ARRAYS)
    _, steps, _ = fit_by_the_clock(420, ARRAYS, lambda now: MACHINES["busy for a moment"](now / 420))
    assert steps > 0.9 * quiet


def test_a_fit_is_shortened_in_its_second_half_by_whole_calls_and_never_below_where_it_is():
    for machine in MACHINES.values():
        _, _, shortened = fit_by_the_clock(180, ARRAYS, lambda now: machine(now / 180))
        for now, step, before, after in shortened:
            assert now >= 90 and step < after < before and (after - step) % 8 == 0


def test_a_fit_that_is_quicker_than_planned_keeps_its_steps():
    took, steps, shortened = fit_by_the_clock(180, ARRAYS, lambda now: 0.5)
    assert not shortened and took < 120
    assert steps == steps_within(180 - PLANNING, ARRAYS, Intervals(8, 30.0))


def test_the_plan_is_the_most_that_fits():
    for costs, every in ((ARRAYS, None), (SLOW_DISK, None), (SEQUENCES, spread), (SEQUENCES, lambda steps: 40)):
        intervals = Intervals(8, 30.0, every)
        for seconds in (10, 24, 60, 333, 5000):
            steps = steps_within(seconds, costs, intervals)
            assert steps == 1 or seconds_left(0, steps, costs, intervals) <= seconds
            assert seconds_left(0, steps + 200, costs, intervals) > seconds


def test_what_is_left_shrinks_to_what_comes_after_the_last_step():
    intervals = Intervals(8, 30.0, spread)
    left = [seconds_left(step, 800, SEQUENCES, intervals) for step in range(0, 800, 8)]
    assert left == sorted(left, reverse=True)
    at_end = SEQUENCES.sheet + SEQUENCES.after + SEQUENCES.measurement + 3 * SEQUENCES.save
    assert left[-1] == pytest.approx(8 * SEQUENCES.step + at_end)


def test_minutes_that_are_too_few_give_one_step():
    assert steps_within(-3.0, SLOW_DISK, Intervals(8, 30.0)) == 1


def test_checkpoints_are_fewer_where_they_take_long():
    assert save_interval(30.0, 0.1) == 30.0
    assert save_interval(30.0, 3.0) == pytest.approx(3.0 / SAVING_SHARE)
    assert save_interval(0.0, 3.0) == 0.0, "after every report, as asked"
    assert seconds_left(0, 80, replace(ARRAYS, save=1.0), Intervals(8, 0.0)) > 10
    assert most_measurements(600, 3.0) == 10 and most_measurements(600, 0.0) > 1000 and most_measurements(5, 3.0) == 1


def test_the_horizon_at_any_step_of_a_fit_that_was_shortened():
    shortened = [{"at": 400, "from": 1000, "steps": 800}, {"at": 720, "from": 800, "steps": 760}]
    horizons = [horizon_at(step, 760, shortened) for step in (0, 399, 400, 719, 720, 760)]
    assert horizons == [1000, 1000, 800, 800, 760, 760]
    assert horizon_at(5, 60, []) == 60
