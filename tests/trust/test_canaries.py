"""Canaries: made of the seed, planted by coins, kept by whoever goes on; and an attack that finds them where a model
learns by heart, with a bound on epsilon that holds."""

import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binom

from tests.conftest import assert_same_state, fit_run, state_of, stopped_at
from tfgen import checkpoints
from tfgen.catalog import model_class
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.evaluate import canaries as judged
from tfgen.evaluate.metrics.canaries import FIELDS, canary_guesses
from tfgen.evaluate.record import Score
from tfgen.representations.arrays import examples as arrays
from tfgen.representations.batches import sampling_rate
from tfgen.run import Run
from tfgen.training import private
from tfgen.training.request import FitRequest
from tfgen.training.steps import Steps
from tfgen.trust import privacy
from tfgen.trust.canaries import FILE, Canaries
from tfgen.trust.privacy import Account, audited_epsilon, chance_of_guesses

COUNT = 20
SMALL = ("width=8", "embedding=4", "batch_size=64")
BY_HEART = (
    "width=32", "embedding=8", "shrink=30", "dropout=0", "weight_decay=0", "learning_rate=0.02", "batch_size=64",
    "holdout=0",
)  # fmt: skip


def test_the_chance_of_right_guesses_is_that_of_the_theorem():
    made, guesses, epsilon, delta = 60, 40, 1.2, 1e-3
    accuracy = np.exp(epsilon) / (1 + np.exp(epsilon))
    for right in (0, 1, 25, 34, 40):
        tail = binom.sf(right - 1, guesses, accuracy)
        shares = [(binom.sf(right - i - 1, guesses, accuracy) - tail) / i for i in range(1, right + 1)]
        wanted = min(1.0, tail + 2 * made * delta * max(shares, default=0.0))
        assert chance_of_guesses(made, guesses, right, epsilon, delta) == pytest.approx(wanted, rel=1e-9)


def test_the_bound_is_where_the_doubt_ends():
    bound = audited_epsilon(200, 100, 85, 1e-5)
    assert chance_of_guesses(200, 100, 85, bound, 1e-5) == pytest.approx(0.05, abs=1e-6)
    bounds = [audited_epsilon(200, 100, right, 1e-5) for right in (50, 70, 90, 100)]
    assert bounds[0] == 0.0 and bounds == sorted(bounds) and len(set(bounds)) == 4
    assert audited_epsilon(200, 100, 90, 1e-3) < bounds[2]


@pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
def test_the_bound_is_above_epsilon_no_oftener_than_it_may_be(epsilon):
    """Of guesses by randomised response, which gives away as much as epsilon allows."""
    guesses, chance = 100, np.random.default_rng(0)
    bounds = np.array([audited_epsilon(200, guesses, right, 0.0) for right in range(guesses + 1)])
    accuracy = np.exp(epsilon) / (1 + np.exp(epsilon))
    wrong = np.mean(bounds[chance.binomial(guesses, accuracy, 20_000)] > epsilon)
    assert wrong <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 20_000)
    assert epsilon == 0.0 or wrong > 0.01  # it isn't needlessly careful


def made(known, learned):
    found = np.empty(len(known), FIELDS)
    found["known"], found["learned"], found["delta"] = known, learned, 1e-5
    return found


def test_the_surest_half_is_guessed():
    """The best quarter and the worst one are right; what is in between is wrong, and isn't asked."""
    known, learned = np.arange(40.0), np.repeat([False, True, False, True], 10)
    found = canary_guesses({"canaries": made(known, learned)})
    assert found == {"canaries_found": 1.0, "canaries_epsilon": audited_epsilon(40, 20, 20, 1e-5)}
    assert canary_guesses({"canaries": made(known, ~learned)}) == {"canaries_found": 0.0, "canaries_epsilon": 0.0}
    nothing = canary_guesses({"canaries": made(np.full(40, np.nan), learned)})
    assert np.isnan(list(nothing.values())).all()


# What is made, and learned.


@pytest.mark.parametrize("source", ["insurance", "digits", "chimes"])
def test_canaries_are_the_seeds_own_and_learned_beside_the_data(source):
    examples = open_data(source)
    own, again, other = (Canaries.made(examples, 50, seed) for seed in (1, 1, 2))
    assert len(own) == 100 and 20 < own.planted.sum() < 80
    for name, values in own.examples.items():
        assert np.array_equal(values, again.examples[name]) and len(np.unique(values, axis=0)) > 1
    assert np.array_equal(own.planted, again.planted) and not np.array_equal(own.planted, other.planted)
    learned, planted = own.among(examples), int(own.planted.sum())
    assert len(learned) == len(examples) + planted and learned.fingerprint == examples.fingerprint
    settings = type("Settings", (), {"batch_size": len(learned)})
    epoch = next(iter(learned.batches(settings, 0, 0, 1)))
    first = (epoch[0] if isinstance(epoch, tuple) else epoch).numpy()
    values = next(iter(own.examples.values()))
    values = values if source == "insurance" else examples.codec.encode(values)
    there = {np.asarray(each, np.float32).tobytes() for each in first}
    is_there = [np.asarray(each, np.float32).tobytes() in there for each in values]
    assert np.array_equal(is_there, own.planted)


def test_canaries_of_rows_have_any_token_that_can_be_drawn_and_leave_what_is_held_out():
    examples = open_data("insurance")
    own = Canaries.made(examples, 2000, 0)
    for field, tokens in zip(examples.codec.specification.fields, own.examples["tokens"].T, strict=True):
        assert set(tokens) == set(range(field.size)) - set(field.never)
        assert np.ptp(np.bincount(tokens)[list(set(tokens))]) < 0.8 * 4000 / len(set(tokens)) + 40
    learned = own.among(examples)
    assert np.array_equal(learned.held_out, examples.held_out) and len(learned.rows) == len(learned.tokens)
    assert np.array_equal(learned.codec.encode(learned.rows), learned.tokens)


@pytest.mark.parametrize("data", ["shakespeare", "meadows"])
def test_canaries_of_sequences_are_documents_that_leave_what_is_held_out(data):
    examples = open_data(data, representation="sequences")
    own = Canaries.made(examples, 30, 0)
    learned = own.among(examples)
    assert np.array_equal(learned.part("held-out"), examples.part("held-out"))
    documents = list(learned.documents_of())
    assert len(documents) == learned.documents[0] == examples.documents[0] + own.planted.sum()
    planted = own.examples["tokens"][own.planted]
    assert all(np.array_equal(one, other) for one, other in zip(documents[-len(planted):], planted, strict=True))
    spelled = examples.codec.token_bytes()
    assert all(spelled[token] for token in np.unique(own.examples["tokens"]))
    assert learned.training_units - examples.training_units >= len(planted)


def test_data_larger_than_the_memory_has_its_canaries_too(monkeypatch):
    examples = open_data("digits")
    learned = Canaries.made(examples, 50, 0).among(examples)
    settings = type("Settings", (), {"batch_size": 5000})

    def first():
        return [part.numpy() for part in next(iter(learned.batches(settings, 0, 0, 1)))]

    held = first()
    monkeypatch.setattr(arrays, "_IN_MEMORY_BYTES", 0)
    assert all(np.array_equal(one, other) for one, other in zip(held, first(), strict=True))


def test_canaries_of_other_data_are_refused():
    own = Canaries.made(open_data("digits"), 20, 0)
    wider = dataclasses.replace(own, examples={**own.examples, "values": own.examples["values"][:, :-1]})
    unknown = dataclasses.replace(own, examples={**own.examples, "prompts": own.examples["prompts"] + 10})
    for each in (wider, unknown):
        with pytest.raises(UserError, match="of other columns, another size"):
            each.among(open_data("digits"))
    rows = Canaries.made(open_data("insurance"), 20, 0)
    above = dataclasses.replace(rows, examples={"tokens": rows.examples["tokens"] + 500})
    with pytest.raises(UserError, match="of other columns, another size"):
        above.among(open_data("insurance"))
    letters = Canaries.made(open_data("shakespeare"), 20, 0)
    beyond = dataclasses.replace(letters, examples={"tokens": letters.examples["tokens"] + 300})
    with pytest.raises(UserError, match="of other columns, another size"):
        beyond.among(open_data("shakespeare"))


# Fits.


def contents(run):
    return (run.path / FILE).read_bytes()


@pytest.fixture(scope="module")
def whole(fit_once):
    """A small run with canaries. Don't change it."""
    return fit_once("gpt", 16, *SMALL, modality="table", canaries=COUNT)


@pytest.mark.slow
def test_a_resumed_fit_has_the_same_canaries_and_ends_in_the_same_bytes(whole, sources, tmp_path, capsys):
    with stopped_at(8):
        parts = fit_run("gpt", tmp_path / "parts", sources("table"), 16, *SMALL, canaries=COUNT)
    assert "of 40 that were made up are among them" in capsys.readouterr().err
    with pytest.raises(UserError, match="keeps the settings"):
        fit_run("gpt", parts.path, sources("table"), None, size=None, resume=True, canaries=COUNT)
    resumed = fit_run("gpt", parts.path, sources("table"), None, size=None, resume=True)
    assert contents(resumed) == contents(whole)
    assert_same_state(state_of(whole), state_of(resumed))
    data = open_data(str(sources("table")))
    assert whole.record["data"]["count"] == len(data)
    assert whole.record["data"]["fingerprint"] == data.fingerprint


def test_whoever_goes_on_from_a_run_keeps_its_canaries(whole, sources, tmp_path):
    later = fit_run("gpt", tmp_path / "later", sources("table"), 4, size=None, start=str(whole.path), seed=7)
    assert contents(later) == contents(whole) and later.record["canaries"] == whole.record["canaries"]
    with pytest.raises(UserError, match="has canaries, and they are learned on"):
        fit_run("gpt", tmp_path / "no", sources("table"), 4, size=None, start=str(whole.path), canaries=COUNT)


@pytest.mark.slow
def test_a_repeat_has_the_same_canaries(whole, sources, tmp_path):
    later = fit_run("gpt", tmp_path / "later", sources("table"), 4, size=None, start=str(whole.path), seed=7)
    for run in (whole, later):
        again = fit_run(None, tmp_path / f"{run.name}-again", None, None, size=None, repeat=str(run.path))
        assert contents(again) == contents(whole)
        assert_same_state(state_of(run), state_of(again))


@pytest.mark.parametrize(
    "model, data, canaries, words",
    [
        ("gan", "insurance", 50, "no attack by canaries on a gan of tables"),
        ("gan", "digits", 50, "or use a vae of .*pictures"),
        ("vae", "corner-shop", 50, "no attack by canaries on a vae of baskets"),
        ("tree", "insurance", 50, "no attack by canaries on a tree of tables"),
        ("gpt", "insurance", 9, "must be between 10 and 10000"),
        ("gpt", "insurance", 5000, "5,000 canaries would be more than all the data"),
    ],
)
def test_what_can_have_no_canaries_is_refused_before_anything_is_written(model, data, canaries, words, tmp_path):
    with pytest.raises(UserError, match=words):
        fit_run(model, tmp_path / "new", data, 5, canaries=canaries)
    assert not (tmp_path / "new").exists()


def test_the_noise_of_a_private_fit_does_not_depend_on_who_was_planted():
    """It depends on how many were to be expected."""
    examples, made_by = open_data("insurance"), model_class("gpt", "rows")
    request = FitRequest("gpt", private="epsilon=3", canaries=100)
    protected = private.protect(request, made_by, examples, {})
    account = protected.account(made_by.Config(batch_size=64))
    assert account.sampling_rate == sampling_rate(64, len(examples) + 100)
    assert account.expected_batch == account.sampling_rate * (len(examples) + 100)
    with pytest.raises(UserError, match="one of the 1,304 examples could be given away"):
        private.protect(dataclasses.replace(request, private="epsilon=3,delta=0.0008"), made_by, examples, {})


def test_how_many_steps_are_enough_does_not_tell_how_many_were_planted():
    examples, made_by = open_data("insurance"), model_class("gpt", "rows")
    protected = private.protect(FitRequest("gpt", private="epsilon=3", canaries=100), made_by, examples, {})
    config = made_by.Config(batch_size=8, epochs=12)
    run = SimpleNamespace(record={"privacy": protected.account(config).to_json()})
    planted = [Canaries.made(examples, 100, seed).among(examples) for seed in (0, 1)]
    enough = [Steps(run, SimpleNamespace(config=config), each, None).enough for each in planted]
    assert len(planted[0]) != len(planted[1]) and enough == [12 * (len(examples) + 100) // 8] * 2


@pytest.mark.slow
def test_a_private_fit_with_canaries_is_resumed_to_the_same_bytes(monkeypatch, tmp_path):
    monkeypatch.setattr(private.secrets, "randbits", lambda bits: 1234567)
    monkeypatch.setattr(privacy, "calibrated_noise", lambda account, steps: 0.8)
    monkeypatch.setattr(privacy, "spent_epsilon", lambda account, steps: account.epsilon * steps / account.steps)
    run = fit_run("gpt", tmp_path / "run", "insurance", 16, *SMALL, private="epsilon=3", canaries=100)
    with stopped_at(8):
        parts = fit_run("gpt", tmp_path / "parts", "insurance", 16, *SMALL, private="epsilon=3", canaries=100)
    resumed = fit_run("gpt", parts.path, "insurance", None, size=None, resume=True)
    assert_same_state(state_of(run), state_of(resumed))
    assert run.record["canaries"]["planted"] != 100 and contents(run) == contents(resumed)
    assert "3 is promised" in run.evaluate(metrics=["canaries"]).words


# The attack.


@pytest.fixture(scope="module")
def by_heart(fit_once):
    """A run that nothing keeps from learning by heart. Don't change it."""
    return fit_once("gpt", 400, *BY_HEART, modality="table", canaries=100)


@pytest.mark.slow
def test_canaries_are_found_where_a_model_learns_by_heart(by_heart, whole):
    found = by_heart.evaluate(metrics=["canaries"])
    assert found["canaries_found"].value > 0.85 and found["canaries_epsilon"].value > 1.2
    assert "So many can show 3.49 at the most" in found.words and "the fit promises nothing" in found.words
    little = whole.evaluate(metrics=["canaries"])
    assert little["canaries_epsilon"].value < 0.5
    assert not {alarm.name for alarm in found.alarms} & {judged.NAME}  # nothing was promised


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_canaries_of_pictures_are_found(fit_once, network):
    run = fit_once("vae", 400, f"network={network}", "components=0", canaries=50)
    assert run.evaluate(metrics=["canaries"], n=100)["canaries_found"].value > 0.8


@pytest.mark.slow
def test_canaries_of_texts_are_found(tmp_path):
    lines = [f"Line {number} of {chr(97 + number % 26) * 5}." for number in range(300)]
    settings = ("width=32", "heads=2", "context=32", "batch_size=32", "holdout=0")
    run = fit_run("gpt", tmp_path / "run", lines, 400, *settings, canaries=50)
    found = run.evaluate(metrics=["canaries"])
    assert found["canaries_found"].value > 0.85 and found["canaries_epsilon"].value > 1
    assert "the fit promises nothing" in found.words


@pytest.mark.slow
def test_a_bound_above_the_promise_is_an_alarm(by_heart, tmp_path):
    scores = {
        name: Score("canaries", value, None, "") for name, value in (("canaries_found", 0.9), ("canaries_epsilon", 1.5))
    }
    account = Account(1.0, 1e-5, 1.0, "row", 0.05, 60.0, noise_multiplier=1.0, steps=10)
    for epsilon, state in ((1.0, "raised"), (3.0, "quiet")):
        promised = dataclasses.replace(account, epsilon=epsilon).to_json()
        run = Run(tmp_path, {**by_heart.record, "privacy": promised})
        (alarm,) = judged.alarms_of(run, scores)
        assert alarm.state == state and f"{epsilon:g} is promised" in alarm.sentence
    (untested,) = judged.alarms_of(run, {})
    assert untested.state == "not tested"


@pytest.mark.slow
def test_what_was_found_is_shown(whole, tmp_path, command):
    path = tmp_path / "run"
    shutil.copytree(whole.path, path)
    planted = whole.record["canaries"]["planted"]
    assert f"{planted} of 40 that were made up were learned" in command("runs", "show", path).stdout
    evaluated = command("evaluate", path, "-n", 100)
    assert evaluated.exit_code == 0, evaluated.stderr
    assert "Epsilon by canaries" in evaluated.stdout + evaluated.stderr
    assert "Epsilon by canaries" in (path / "report.html").read_text()
    assert "of 20 guesses which" in command("runs", "show", path).stdout
    assert "Canaries, examples that nobody has" in command("card", path).stdout


@pytest.mark.parametrize("damage", ["gone", "other bytes", "more than there are", "no numbers"])
def test_damaged_canaries_are_refused(whole, damage, tmp_path):
    record = json.loads(json.dumps(whole.record))
    if damage == "other bytes":
        (tmp_path / FILE).write_bytes(contents(whole)[:-1])
    elif damage != "gone":
        arrays = checkpoints.read(whole.path / FILE, record["canaries"]["digest"])
        content, record["canaries"]["digest"] = checkpoints.pack({**arrays, "planted": np.ones(40, bool)})
        (tmp_path / FILE).write_bytes(content)
    if damage == "no numbers":
        record["canaries"]["made"] = 10**12
    with pytest.raises(UserError, match="is damaged"):
        Canaries.of(Run(tmp_path, record))
