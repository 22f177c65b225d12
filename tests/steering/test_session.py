"""Sessions of runs that make arrays: all follows from the log, and what was found becomes a version of the run."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.people import Person, wish_of
from tfgen import versions
from tfgen.api import load
from tfgen.errors import UserError
from tfgen.feedback.store import open_store
from tfgen.steering.ideal_point import IdealPoint
from tfgen.steering.session import SteerRequest, continue_session, open_session, replayed

BANK = 256


def request(prompt="seven", **changes):
    return SteerRequest(**{"prompt": prompt, "count": 5, "seed": 3, "bank": BANK, **changes})


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "feedback.db")) as opened:
        yield opened


@pytest.fixture
def own_run(gan_run, tmp_path):
    """A copy that may be changed."""
    path = tmp_path / "runs" / "mine"
    shutil.copytree(gan_run.path, path)
    return load(path)


def answered(session, *answers):
    """Goes through answers and gives the values of every round's tiles."""
    shown = [np.array(session.tiles().values)]
    for answer in answers:
        if answer == "undo":
            session.undo()
        elif isinstance(answer, str):
            session.answer(answer)
        else:
            session.answer("pick", answer)
        shown.append(np.array(session.tiles().values))
    return shown


ANSWERS = ([2], "none", [0, 3], "undo", [1], "skip", [4])


@pytest.mark.slow
def test_a_log_gives_the_same_tiles_bit_by_bit(gan_run, store):
    first = open_session(gan_run, request(), store, "ann")
    shown = answered(first, *ANSWERS)
    again = answered(open_session(gan_run, request()), *ANSWERS)
    assert all(one.tobytes() == other.tobytes() for one, other in zip(shown, again, strict=True))
    replay = replayed(gan_run, first.log).replay(first.log)
    np.testing.assert_array_equal(replay.tiles().values, shown[-1])
    np.testing.assert_array_equal(shown[4], shown[2])  # what was taken back is there again
    assert not np.array_equal(shown[1], shown[2])
    continued = continue_session(gan_run, first.id, store)
    np.testing.assert_array_equal(continued.tiles().values, shown[-1])
    assert continued.answers == 5 and continued.id == first.id
    assert not np.array_equal(answered(open_session(gan_run, request(seed=4)))[0], shown[0])


def test_answers_are_in_the_store_with_what_was_shown(gan_run, store):
    session = open_session(gan_run, request(), store, "ann")
    answered(session, [2], [0], "undo", "none")
    events = store.events(session=session.id)
    assert [event.kind for event in events] == ["pick", "none"] and {event.who for event in events} == {"ann"}
    every = store.events(session=session.id, withdrawn=True)
    assert [event.kind for event in every] == ["pick", "pick", "undo", "none"]
    samples = store.samples(events[0].shown)
    assert len(samples) == 5 and {sample.prompt for sample in samples.values()} == {"seven"}
    assert events[0].picked == (2,) and events[0].payload["steer"]["seed"] == 3


def test_a_tile_of_the_bank_is_what_generate_makes_of_its_seed(gan_run):
    tiles = open_session(gan_run, request()).tiles()
    for sample, value in zip(tiles.samples, tiles.values, strict=True):
        assert not sample.latents
        np.testing.assert_array_equal(gan_run.generate(sample.prompt, 1, sample.seed).values[0], value)


@pytest.mark.parametrize("model", ["gan", pytest.param("vae", marks=pytest.mark.slow)])
def test_a_new_sample_is_made_again_from_its_latents(fit_once, model):
    import tensorflow as tf

    run = fit_once(model, 80)
    session = open_session(run, request("", count=9))
    answered(session, [2], [0])
    tiles = session.tiles()
    new = [place for place, sample in enumerate(tiles.samples) if sample.latents]
    assert new and all(sample.prompt for sample in tiles.samples)  # the empty prompt drew one for each
    for place in new:
        sample = tiles.samples[place]
        ids = tf.constant(run.vocabulary().ids(sample.prompt)[None], tf.int32)
        deviations = tf.constant([sample.latents], tf.float32)
        latents = run.model.latents_from(deviations, tf.constant([sample.seed]), ids)
        made = session.codec.decode(run.model.decode(latents, ids).numpy())[0]
        assert np.abs(made.astype(int) - tiles.values[place]).max() <= 1


def test_a_person_gets_what_they_wish(gan_run):
    reached = []
    for seed in (1, 2, 3):  # a tenth of the answers are at random, so one person may be unlucky
        session = open_session(gan_run, request(count=9, bank=1024))
        values = session.space.decode(session.policy.bank)
        person = Person(wish_of("slant", values, seed), values, seed)
        for _ in range(10):
            session.answer("pick", [person.pick(session.tiles().values)])
        reached.append(person.percentile(session.best[None])[0])
    assert np.median(reached) >= 98
    assert session.taste.ideal is not None and all(each.measured.shape == (9, 5) for each in session.rounds)
    middle = IdealPoint(np.array([[0, 1]]), np.zeros([1, 2]), np.ones(1), 0.0, np.full(5, -9.0))
    session._taste = replace(session.taste, ideal=middle, share=0.95)
    assert session.changed().startswith("You seem to like a certain thickness and a certain slant. The best so far")
    names = [slider.name for slider in session.sliders()]
    assert names[0] == "like my picks" and {"slant", "thickness", "direction 1"} <= set(names)


@pytest.mark.parametrize("name, amount", [
    pytest.param("thickness", 2.0, marks=pytest.mark.slow), ("slant", -2.0),
    pytest.param("direction 1", 2.0, marks=pytest.mark.slow),
])
def test_sliders_move_tiles(gan_run, name, amount):
    curves = []
    for seed in range(1, 6):  # a model of so few steps may have no more of it to give beside one of the samples
        session = open_session(gan_run, request(count=9, seed=seed))
        answered(session, [2])
        before = session._sliders._value(session.taste, name, session.taste.best)[0]
        spread = np.std(session._sliders.known[name])
        assert session.move(name, amount) == "Others follow."
        assert set(session.tiles().arms) == {"asked"}
        after = session._sliders._value(session.taste, name, session._current.shown)
        curves.append((after - before) / spread * np.sign(amount))
    moved = np.median(curves, axis=0)
    assert moved[-1] > 0.5 and np.all(np.diff(moved) > -0.3)
    assert session.undo() == f"Took back: {'more' if amount > 0 else 'less'} {name}."


@pytest.mark.slow
def test_a_preset_is_a_version_that_moves_its_prompt_alone(own_run, store):
    session = open_session(own_run, request(count=9), store)
    values = session.space.decode(session.policy.bank)
    person = Person(wish_of("thickness", values, 2), values, 2)
    for _ in range(8):
        session.answer("pick", [person.pick(session.tiles().values)])
    session.save("thicker")
    version = versions.find(own_run, "thicker")
    assert version.record["kind"] == "preset" and version.record["picks"] == 8
    plain, steered = own_run.generate("seven", 64), own_run.generate("seven", 64, preset="thicker")
    assert person.liking(steered.values).mean() > person.liking(plain.values).mean() + 0.5
    assert steered.origin.version.startswith("thicker:")
    np.testing.assert_array_equal(
        own_run.generate("three", 4).values, own_run.generate("three", 4, preset="thicker").values
    )
    again = open_session(load(f"{own_run.path}@thicker"), request(count=9))
    assert again.tiles().samples[0].version.startswith("thicker:")
    tile, sample = again.tiles().values[0], again.tiles().samples[0]
    other = open_session(load(f"{own_run.path}@thicker"), request("three", count=9))
    answered(other, [2], [0], [1])
    other.save("both")  # what the first preset moved stays moved
    np.testing.assert_array_equal(
        own_run.generate("seven", 4, preset="both").values, own_run.generate("seven", 4, preset="thicker").values
    )
    np.testing.assert_array_equal(own_run.generate("seven", 1, sample.seed, preset="thicker").values[0], tile)


@pytest.mark.slow
def test_a_preset_of_a_tilted_version_keeps_the_tilt(fit_once, tmp_path):
    from tfgen.tuning.shown import Looker
    from tfgen.tuning.tilt import tilt_prior

    path = tmp_path / "runs" / "tilted"
    shutil.copytree(fit_once("vae", 200).path, path)
    model = load(path).model
    _, latents, prompts = Looker(model).bank(np.arange(512, dtype=np.int32))
    arrays = tilt_prior(model, latents, prompts, latents[:, 0], 0.5)
    versions.create(load(path), "v1", arrays, {"kind": "tuned"})
    session = open_session(load(f"{path}@v1"), request(count=9))
    answered(session, [2], [0], [1])
    session.save("mine")
    kept = versions.find(load(path), "mine").arrays()
    np.testing.assert_array_equal(kept["pull"], arrays["pull"])
    assert kept["mean"].any()
    made = [load(f"{path}@{name}").generate("three", 4).values for name in ("v1", "mine", "base")]
    np.testing.assert_array_equal(made[0], made[1])  # another prompt
    assert not np.array_equal(made[0], made[2])


def test_the_empty_prompt_gives_a_row_for_each(own_run):
    session = open_session(own_run, request("", count=9))
    answered(session, [2], [0], [1])
    session.save("mine")
    assert versions.find(own_run, "mine").arrays()["words"].shape[0] == 11


def test_what_can_not_be_is_refused(gan_run, own_run, store):
    with pytest.raises(UserError, match="1 tiles can't be shown. Ask for 2 to 36"):
        request(count=1)
    with pytest.raises(UserError, match="Did you mean 'seven'"):
        open_session(gan_run, request("sevn"))
    with pytest.raises(UserError, match="have no such options"):
        open_session(gan_run, request(options={"temperature": 1.0}))
    with pytest.raises(UserError, match="No session 'nothing' is known"):
        continue_session(gan_run, "nothing", store)
    session = open_session(own_run, request(), store)
    with pytest.raises(UserError, match="no answer to take back"):
        session.undo()
    with pytest.raises(UserError, match="is no pick among 5"):
        session.answer("pick", [7])
    with pytest.raises(UserError, match="Too little was said for a preset"):
        session.save("mine")
    with pytest.raises(UserError, match="No slider named 'slnt'. Did you mean 'slant'"):
        session.move("slnt", 1.0)
    assert session.answers == 0 and not store.events(session=session.id)
    session.answer("pick", [0])
    with pytest.raises(UserError, match="tiles of round 1 come out otherwise"):
        log = [replace(session.log[0], shown=tuple(reversed(session.log[0].shown)))]
        replayed(own_run, log).replay(log)
    with pytest.raises(UserError, match="can't be the name of a version"):
        session.save("a b")
