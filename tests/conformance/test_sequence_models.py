"""What every model of sequences must do for a user, on real data of every modality: learn, repeat itself, resume,
keep to its context."""

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.cases import battery_of, learners_of
from tests.conftest import assert_same_state, fit_run, state_of, stopped_at
from tests.sources import SOURCES
from tfgen.errors import UserError
from tfgen.representations.sequences.sampling import Sampling
from tfgen.restore import build_model, load_model, open_codec
from tfgen.run import Run

STEPS = 120
ONE = learners_of("sequences")[0]  # for what knows nothing of the kind of data


@pytest.fixture(scope="module", params=battery_of("sequences"))
def learner(request):
    return request.param


@pytest.fixture(scope="module")
def settings(learner):
    return SOURCES[learner[0]].sequence_settings


@pytest.fixture(scope="module")
def run(learner, settings, fit_once):
    """The same tiny fitted run for all tests here. Don't change it."""
    modality, model = learner
    return fit_once(model, STEPS, *settings, modality=modality, seed=1)


def sampling(*seeds, temperature=1.0):
    rows = len(seeds)
    return Sampling(tf.constant(seeds), tf.fill([rows], temperature), tf.zeros([rows], tf.int32), tf.fill([rows], 0.95))


def prompts(model, *lengths):
    most = min(40, model.example.end)
    ids = np.random.default_rng(0).integers(0, most, [len(lengths), max(lengths)], np.int32)
    return tf.constant(ids), tf.constant(lengths)


def test_learns_and_says_so(run):
    history, quality = run.history(), run.history("quality.jsonl")
    untrained = np.log(run.codec()["example"]["vocabulary_size"])
    assert quality[-1]["validation_loss"] < quality[0]["validation_loss"] < untrained
    assert all(np.isfinite(value) for row in history for value in row.values())
    assert history[-1]["step"] == STEPS == run.record["reached"]


def test_a_codec_says_whether_it_needs_a_prompt(run):
    codec = open_codec(run)
    if codec.needs_prompt:
        with pytest.raises(UserError, match="needs a prompt"):
            codec.prompt_ids("")
    else:
        codec.prompt_ids("")
    for prompt in codec.known_prompts:
        assert len(codec.prompt_ids(prompt))


def test_a_text_is_its_seed_and_prompt_alone(run):
    model = load_model(run)
    generate = tf.function(model.generate, reduce_retracing=True)
    ids, lengths = prompts(model, 20, 7, 13)
    limit = tf.constant([50, 9, 40])
    together, counts = generate(ids, lengths, limit, sampling(5, 6, 7))
    assert counts.numpy()[1] <= 9
    for row in range(3):
        only = slice(row, row + 1)
        alone, count = generate(ids[only, : lengths[row]], lengths[only], limit[only], sampling(5 + row))
        assert count[0] == counts[row]
        np.testing.assert_array_equal(alone[0], together[row, : alone.shape[1]])
    others, _ = generate(ids, lengths, limit, sampling(8, 9, 10))
    assert not np.array_equal(others, together)


def test_the_cache_gives_the_logits_of_the_whole_text(run):
    model = load_model(run)
    ids, lengths = prompts(model, 8, 5)
    full = model.logits(tf.concat([ids, ids], axis=1)).numpy()
    logits, position, cache, *_ = model.begin(ids, lengths)
    doubled = tf.concat([ids, ids], axis=1)
    for _ in range(6):
        np.testing.assert_allclose(logits, tf.gather(full, position - 1, batch_dims=1), atol=1e-4)
        logits, cache = model.decode(tf.gather(doubled, position, batch_dims=1), position, cache)
        position = position + 1


def test_a_text_may_grow_past_the_context(run):
    model = load_model(run)
    if not model.endless:
        pytest.skip("its texts end with the context")
    ids, lengths = prompts(model, 10)
    made, counts = model.generate(ids, lengths, tf.constant([3 * model.context]), sampling(3))
    assert counts[0] <= 3 * model.context and made.numpy().max() <= model.example.end
    # What it says far behind depends on the last tokens as much as at the start: not one letter over and over.
    if counts[0] == 3 * model.context:
        assert len(np.unique(made[0, -model.context :])) > 4


def test_a_long_prompt_is_cut_at_its_front(run):
    model = load_model(run)
    ids, _ = prompts(model, model.context + 9)
    long = model.begin(ids, tf.constant([model.context + 9])).logits
    np.testing.assert_allclose(long, model.begin(ids[:, 9:], tf.constant([model.context])).logits, atol=1e-5)


def test_an_empty_prompt_begins_as_the_run_says(run):
    model = load_model(run)
    start = tf.constant([[model.example.start]])
    empty = model.begin(tf.zeros([1, 3], tf.int32), tf.constant([0])).logits
    np.testing.assert_allclose(empty, model.begin(start, tf.constant([1])).logits, atol=1e-5)


def test_survives_save_and_load(run):
    stored, loaded = state_of(run), load_model(Run.open(str(run.path)))
    assert_same_state(stored, {name: variable.numpy() for name, variable in loaded.state().items()})
    held = {id(variable) for variable in loaded.state().values()}
    metrics = {id(variable) for metric in loaded.metrics for variable in metric.variables}
    assert {id(variable) for variable in loaded.variables} - metrics <= held


def test_samples_were_shown_while_it_learned(run):
    sheets = sorted((run.path / "samples").glob("samples-*.txt"))
    assert len(sheets) >= 5 and "--- seed 3 ---" in sheets[-1].read_text(encoding="utf-8")
    assert (run.path / "losses.png").stat().st_size > 1000


@pytest.mark.slow
def test_stopped_and_resumed_ends_with_the_same_bits(sources, tmp_path, plain_steps):
    """With dropout, which a step draws anew, and with the largest seed."""
    modality, model = ONE
    settings = (*SOURCES[modality].sequence_settings, "dropout=0.2", "layers=1")
    begun = [sources(modality), 24, *settings]
    whole = fit_run(model, tmp_path / "whole", *begun, seed=2**31 - 1)
    with stopped_at(12):
        stopped = fit_run(model, tmp_path / "stopped", *begun, seed=2**31 - 1)
    assert 12 <= stopped.record["reached"] < 24
    resumed = fit_run(model, stopped.path, sources(modality), None, size=None, resume=True)
    assert resumed.record["status"] == "finished"
    assert_same_state(state_of(whole), state_of(resumed))
    losses = [[row["validation_loss"] for row in each.history("quality.jsonl")] for each in (resumed, whole)]
    assert losses[0] == losses[1] != []
    assert build_model(whole).config.dropout == 0.2
