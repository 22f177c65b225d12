"""What every model of arrays must do for a user, on real data of every modality: learn, repeat itself, resume, follow
prompts."""

import numpy as np
import pytest

from tests.conformance.cases import battery_of, models_of
from tests.conftest import assert_same_state, fit_run, run_tfgen, state_of, stopped_at
from tests.sources import SOURCES
from tfgen import catalog
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.generate.arrays import generate
from tfgen.representations.arrays.sampler import ArraySampler
from tfgen.restore import build_model, load_model, open_codec
from tfgen.run import Run


# For what knows nothing of the kind of data: each model once, on the data that it learns in the fewest steps.
ONE_OF_EACH = [
    pytest.param(("image", model), id=f"image-{model}", marks=[] if place == 0 else pytest.mark.slow)
    for place, model in enumerate(models_of("arrays"))
]


@pytest.fixture(params=battery_of("arrays"))
def learner(request):
    return request.param


@pytest.fixture
def run(fit_once, learner):
    """The same tiny fitted run for all tests here. Don't change it."""
    modality, model = learner
    return fit_once(model, SOURCES[modality].array_steps, modality=modality)


@pytest.fixture
def prompt(learner):
    return SOURCES[learner[0]].prompt


def frechet_distance(real, made):
    """Between Gaussians over 24 fixed random projections of encoded examples."""
    projection = np.random.default_rng(0).standard_normal((real[0].size, 24)) / np.sqrt(real[0].size)
    real, made = (examples.reshape(len(examples), -1) @ projection for examples in (real, made))
    products = np.linalg.eigvals(np.cov(real.T) @ np.cov(made.T)).real.clip(0)
    traces = np.trace(np.cov(real.T)) + np.trace(np.cov(made.T)) - 2 * np.sqrt(products).sum()
    return float(((real.mean(0) - made.mean(0)) ** 2).sum() + traces)


def test_learns(run):
    codec = open_codec(run)
    real = codec.encode(np.asarray(open_data(run.data_source()).values))
    words = run.vocabulary().longest
    untrained = ArraySampler(build_model(run).generate, words)(np.arange(320), np.zeros([320, words], np.int32))
    before = frechet_distance(real, codec.encode(codec.decode(untrained)))
    after = frechet_distance(real, codec.encode(generate(run, count=320).values))
    assert after < 0.6 * before


def test_losses_stay_finite_and_a_reconstruction_falls(run):
    rows = run.history()
    assert rows[-1]["step"] == run.record["steps"]
    assert all(np.isfinite(value) for row in rows for value in row.values())
    if "reconstruction" in rows[0]:
        first, last = rows[0]["reconstruction"], rows[-1]["reconstruction"]
        assert last < first - 0.2 * abs(first)  # in nats, of a density: may be negative


def test_same_seed_gives_the_same_sample_again(run, prompt):
    first, second = generate(run, prompt, 5, 11), generate(run, prompt, 5, 11)
    np.testing.assert_array_equal(first.values, second.values)
    # A GAN of melodies that has learned for a moment may play the same eight notes for two seeds.
    assert len(np.unique(first.values.reshape(5, -1), axis=0)) >= 3, "other seeds give other samples"
    assert first.seeds == [11, 12, 13, 14, 15] and first.prompts == [prompt] * 5


@pytest.mark.slow
@pytest.mark.parametrize("learner", battery_of("arrays")[:1], indirect=True)
def test_same_seed_gives_the_same_sample_in_another_process(run, prompt, isolated):
    made = run_tfgen("generate", run.path, prompt, "-n", 3, "--seed", 11, "-o", "made.npy")
    assert made.returncode == 0, made.stderr
    np.testing.assert_array_equal(np.load(isolated / "made.npy"), generate(run, prompt, 3, 11).values.squeeze(-1))


def test_a_sample_does_not_depend_on_its_batch(run, kept_models):
    together = generate(run, "", 21, -4).values
    for place in (0, 7, 20):
        np.testing.assert_array_equal(generate(run, "", 1, place - 4).values[0], together[place])


@pytest.mark.parametrize("learner", ONE_OF_EACH, indirect=True)
def test_survives_save_and_load(run):
    stored, loaded = state_of(run), load_model(Run.open(str(run.path)))
    assert_same_state(stored, {name: variable.numpy() for name, variable in loaded.state().items()})
    assert len({id(variable) for variable in loaded.state().values()}) == len(stored), "no variable has two names"


@pytest.mark.parametrize("learner", ONE_OF_EACH, indirect=True)
def test_state_holds_every_weight_of_the_model(run):
    model = load_model(run)
    held = {id(variable) for variable in model.state().values()}
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    assert {id(variable) for variable in model.variables} - metrics <= held


@pytest.mark.slow
@pytest.mark.parametrize("learner", ONE_OF_EACH, indirect=True)
def test_stopped_and_resumed_ends_with_the_same_bits(run, learner, tmp_path):
    modality, model = learner
    with stopped_at(70):
        stopped = fit_run(model, tmp_path / "stopped", run.data_source(), run.record["steps"])
    assert stopped.record["status"] == "stopped"
    assert 70 <= stopped.record["reached"] < run.record["steps"]
    resumed = fit_run(model, stopped.path, run.data_source(), None, size=None, resume=True)
    assert resumed.record["status"] == "finished"
    assert_same_state(state_of(run), state_of(resumed))
    assert [row["step"] for row in resumed.history()] == sorted({row["step"] for row in resumed.history()})


def test_prompts_steer(run, prompt, kept_models):
    other = next(each for each in run.vocabulary().prompts if each != prompt)
    asked, others = generate(run, prompt, 8, 3).values, generate(run, other, 8, 3).values
    assert sum(np.array_equal(one, two) for one, two in zip(asked, others, strict=True)) < 3
    np.testing.assert_array_equal(asked, generate(run, prompt.upper(), 8, 3).values)


def test_a_digit_has_two_names(fit_once):
    run = fit_once("gan", SOURCES["image"].array_steps)
    np.testing.assert_array_equal(generate(run, "seven", 3).values, generate(run, "7", 3).values)


def test_empty_prompt_draws_prompts_as_the_data_has_them(run):
    vocabulary, seeds = run.vocabulary(), np.arange(32)
    sampler, codec = ArraySampler(load_model(run).generate, vocabulary.longest), open_codec(run)
    rows = [vocabulary.ids(prompt) for prompt in ("", *vocabulary.prompts)]
    empty, *asked = [sampler(seeds, np.tile(row, [32, 1])) for row in rows]
    drawn = [int(np.flatnonzero([np.array_equal(made[k], empty[k]) for made in asked])[0]) for k in range(32)]
    assert len(set(drawn)) >= min(7, len(vocabulary.prompts))
    made = generate(run, "", 32)
    assert made.prompts == [vocabulary.prompts[place] for place in drawn]
    np.testing.assert_array_equal(made.values, codec.decode(empty))


def test_unknown_word_names_the_nearest(run, prompt):
    with pytest.raises(UserError, match=f"Did you mean '{prompt}'"):
        generate(run, prompt[:-1] + "qn")


def test_samples_were_shown_while_it_learned(run):
    ending = catalog.MODALITIES.load(run.record["modality"]).sheet_ending
    for name in load_model(run).samplers():
        assert len(list((run.path / "samples").glob(f"{name}-*{ending}"))) >= 5
    assert (run.path / "losses.png").stat().st_size > 1000
