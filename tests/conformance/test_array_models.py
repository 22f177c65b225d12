"""What every model of pictures must do for a user, on real digits: learn, repeat itself, resume, follow prompts."""

import numpy as np
import pytest

from tests.conformance.cases import models_of
from tests.conftest import assert_same_state, fit_run, run_tfgen, state_of, stopped_at
from tfgen import catalog
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.generate.arrays import Sampler, generate
from tfgen.restore import build_model, load_model
from tfgen.run import Run

STEPS = {"gan": 200, "vae": 200}


@pytest.fixture(params=models_of("image"))
def model_name(request):
    return request.param


@pytest.fixture
def run(fit_once, model_name):
    """The same tiny fitted run for all tests here. Don't change it."""
    return fit_once(model_name, STEPS.get(model_name, 200))


def frechet_distance(real, made):
    """Between Gaussians over 24 fixed random projections of the pixels."""
    projection = np.random.default_rng(0).standard_normal((real[0].size, 24)) / np.sqrt(real[0].size)
    real, made = (pictures.reshape(len(pictures), -1) / 255.0 @ projection for pictures in (real, made))
    products = np.linalg.eigvals(np.cov(real.T) @ np.cov(made.T)).real.clip(0)
    traces = np.trace(np.cov(real.T)) + np.trace(np.cov(made.T)) - 2 * np.sqrt(products).sum()
    return float(((real.mean(0) - made.mean(0)) ** 2).sum() + traces)


def test_learns(run, digits):
    real = open_data(str(digits)).values
    decode = catalog.MODALITIES.load("image").decode
    untrained = Sampler(build_model(run).generate, 1)(np.arange(320), np.zeros([320, 1], np.int32))
    before = frechet_distance(real, decode(untrained))
    after = frechet_distance(real, generate(run, count=320).values)
    assert after < 0.5 * before


def test_losses_stay_finite_and_a_reconstruction_falls(run):
    rows = run.history()
    assert rows[-1]["step"] == run.record["steps"]
    assert all(np.isfinite(value) for row in rows for value in row.values())
    if "reconstruction" in rows[0]:
        first, last = rows[0]["reconstruction"], rows[-1]["reconstruction"]
        assert last < first - 0.2 * abs(first)  # in nats, of a density: may be negative


def test_same_seed_gives_the_same_sample_again(run):
    first, second = generate(run, "seven", 5, 11).values, generate(run, "seven", 5, 11).values
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first.reshape(5, -1), axis=0)) == 5, "other seeds give other samples"


def test_same_seed_gives_the_same_sample_in_another_process(run, isolated):
    made = run_tfgen("generate", run.path, "seven", "-n", 3, "--seed", 11, "-o", "made.npy")
    assert made.returncode == 0, made.stderr
    np.testing.assert_array_equal(np.load(isolated / "made.npy"), generate(run, "seven", 3, 11).values[..., 0])


def test_a_sample_does_not_depend_on_its_batch(run):
    together = generate(run, "", 21, -4).values
    for place in (0, 7, 20):
        np.testing.assert_array_equal(generate(run, "", 1, place - 4).values[0], together[place])


def test_survives_save_and_load(run):
    stored, loaded = state_of(run), load_model(Run.open(str(run.path)))
    assert_same_state(stored, {name: variable.numpy() for name, variable in loaded.state().items()})
    assert len({id(variable) for variable in loaded.state().values()}) == len(stored), "no variable has two names"


def test_state_holds_every_weight_of_the_model(run):
    model = load_model(run)
    held = {id(variable) for variable in model.state().values()}
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    assert {id(variable) for variable in model.variables} - metrics <= held


@pytest.mark.slow
def test_stopped_and_resumed_ends_with_the_same_bits(run, model_name, digits, tmp_path):
    with stopped_at(70):
        stopped = fit_run(model_name, tmp_path / "stopped", digits, run.record["steps"])
    assert stopped.record["status"] == "stopped"
    assert 70 <= stopped.record["reached"] < run.record["steps"]
    resumed = fit_run(model_name, stopped.path, digits, None, size=None, resume=True)
    assert resumed.record["status"] == "finished"
    assert_same_state(state_of(run), state_of(resumed))
    assert [row["step"] for row in resumed.history()] == sorted({row["step"] for row in resumed.history()})


def test_prompts_steer(run):
    sevens, zeros = generate(run, "seven", 8, 3).values, generate(run, "zero", 8, 3).values
    assert all(not np.array_equal(seven, zero) for seven, zero in zip(sevens, zeros, strict=True))
    np.testing.assert_array_equal(sevens, generate(run, "7", 8, 3).values)


def test_empty_prompt_draws_prompts_as_the_data_has_them(run):
    vocabulary, seeds = run.vocabulary(), np.arange(32)
    sampler = Sampler(load_model(run).generate, vocabulary.longest)
    rows = [vocabulary.ids(prompt) for prompt in ("", *vocabulary.prompts)]
    empty, *asked = [sampler(seeds, np.tile(row, [32, 1])) for row in rows]
    drawn = {int(np.flatnonzero([np.array_equal(made[k], empty[k]) for made in asked])[0]) for k in range(32)}
    assert len(drawn) >= 7


def test_unknown_word_names_the_nearest(run):
    with pytest.raises(UserError, match="Did you mean 'seven'"):
        generate(run, "sevn")


def test_samples_were_shown_while_it_learned(run):
    for name in load_model(run).samplers():
        assert len(list((run.path / "samples").glob(f"{name}-*.png"))) >= 5
    assert (run.path / "losses.png").stat().st_size > 1000
