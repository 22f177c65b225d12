"""How the next token is chosen, against numpy; and that the cache gives what the whole text would."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.models.gpt import GPT, GPTConfig, normalize
from tfgen.representations.sequences.sampling import Sampling, choose
from tfgen.representations.sequences.specification import SequenceSpecification

TOKENS = 12
DRAWS = 40_000
LOGITS = np.random.default_rng(1).normal(0, 1.5, TOKENS).astype(np.float32)


def drawn(count=DRAWS, seen=None, **how):
    """How often each token is chosen by so many seeds, as shares [tokens]."""
    settings = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, **how}
    kinds = {"top_k": tf.int32}
    filled = {name: tf.fill([count], tf.cast(value, kinds.get(name, tf.float32))) for name, value in settings.items()}
    seen = None if seen is None else tf.tile(tf.constant(seen)[None], [count, 1])
    logits = tf.tile(tf.constant(LOGITS)[None], [count, 1])
    tokens = choose(logits, tf.fill([count], 7), Sampling(tf.range(count), **filled), seen)
    return np.bincount(tokens.numpy(), minlength=TOKENS) / count


def softmax(logits):
    shares = np.exp(np.float64(logits) - np.max(logits))
    return shares / shares.sum()


def renormalized(shares, allowed):
    kept = np.where(allowed, shares, 0)
    return kept / kept.sum()


def assert_drawn(found, expected):
    """Within five standard errors, and never what can't be."""
    assert not found[expected == 0].any()
    errors = np.sqrt(expected * (1 - expected) / DRAWS)
    assert (np.abs(found - expected) <= 5 * errors + 1e-4).all()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_tokens_come_as_often_as_their_probability_says(temperature):
    assert_drawn(drawn(temperature=temperature), softmax(LOGITS / temperature))


@pytest.mark.parametrize("top_k", [1, 2, 5, TOKENS, 1000])
def test_top_k_keeps_the_likeliest(top_k):
    ranks = np.argsort(np.argsort(-LOGITS))
    assert_drawn(drawn(top_k=top_k), renormalized(softmax(LOGITS), ranks < top_k))


@pytest.mark.parametrize("top_p", [1e-6, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_top_p_keeps_the_fewest_that_have_the_probability_together(top_p, temperature):
    shares = softmax(LOGITS / temperature)
    order = np.argsort(-shares)
    count = 1 + int(np.searchsorted(np.cumsum(shares[order]), top_p))
    expected = renormalized(shares, np.isin(np.arange(TOKENS), order[:count]))
    assert_drawn(drawn(top_p=top_p, temperature=temperature), expected)


@pytest.mark.parametrize("min_p", [0.02, 0.2, 1.0])
def test_min_p_keeps_what_has_that_share_of_the_likeliest(min_p):
    shares = softmax(LOGITS)
    assert_drawn(drawn(min_p=min_p), renormalized(shares, shares >= min_p * shares.max()))


def test_what_is_kept_is_what_every_setting_keeps():
    shares = softmax(LOGITS)
    order = np.argsort(-shares)
    allowed = np.isin(np.arange(TOKENS), order[:4]) & (shares >= 0.1 * shares.max())
    assert_drawn(drawn(top_k=4, min_p=0.1, top_p=0.999), renormalized(shares, allowed))


def test_the_penalty_is_for_what_was_seen():
    seen = np.arange(TOKENS) % 3 == 0
    penalized = np.where(seen, np.where(LOGITS > 0, LOGITS / 1.7, LOGITS * 1.7), LOGITS)
    assert_drawn(drawn(seen=seen, repetition_penalty=1.7), softmax(penalized))
    assert_drawn(drawn(seen=seen, repetition_penalty=1.0), softmax(LOGITS))


def test_temperature_0_takes_the_likeliest_whatever_the_seed():
    assert drawn(temperature=0.0)[np.argmax(LOGITS)] == 1
    assert drawn(top_k=1)[np.argmax(LOGITS)] == 1


def test_a_row_goes_by_its_own_settings_and_its_own_seed():
    """A token is the same alone or among rows with other settings."""
    rows = 64
    generator = np.random.default_rng(0)
    logits = tf.constant(generator.normal(0, 2, [rows, TOKENS]), tf.float32)
    sampling = Sampling(
        tf.constant(generator.integers(-(2**31), 2**31, rows), tf.int32),
        tf.constant(generator.uniform(0, 2, rows), tf.float32),
        tf.constant(generator.integers(0, TOKENS, rows), tf.int32),
        tf.constant(generator.uniform(0.1, 1, rows), tf.float32),
        tf.constant(generator.uniform(0, 0.2, rows), tf.float32),
        tf.constant(generator.uniform(1, 2, rows), tf.float32),
    )
    seen = tf.constant(generator.random([rows, TOKENS]) < 0.3)
    position = tf.constant(generator.integers(0, 500, rows), tf.int32)
    together = choose(logits, position, sampling, seen).numpy()
    alone = [
        choose(*(each[row : row + 1] for each in (logits, position)), _row(sampling, row), seen[row : row + 1])[0]
        for row in range(rows)
    ]
    np.testing.assert_array_equal(together, alone)


def _row(sampling, row):
    return Sampling(*(each[row : row + 1] for each in sampling))


def test_another_position_draws_anew():
    count = 20_000
    sampling = Sampling(tf.range(count), tf.ones([count]), tf.zeros([count], tf.int32), tf.ones([count]))
    logits = tf.zeros([count, 2])
    first, second = (choose(logits, tf.fill([count], place), sampling).numpy() for place in (3, 4))
    assert abs(np.mean(first == second) - 0.5) < 0.02


# The cache


@pytest.fixture(scope="module")
def model():
    """A small GPT with weights that say something: at the start, its output layer is zero."""
    tf.keras.utils.set_random_seed(3)
    example = SequenceSpecification(vocabulary_size=TOKENS, end=TOKENS - 1, start=0, count=100)
    made = GPT(GPTConfig(width=32, layers=3, heads=2, context=16), example, None, 0)
    for weight in made.network.trainable_variables:
        weight.assign(weight + tf.random.stateless_normal(weight.shape, [1, 2]) * 0.2)
    return made


def logits_of_a_window(model, tokens):
    """Logits [length, vocabulary] of a text of any length, where a token sees the last `context` of every layer."""
    network, context = model.network, model.context
    places = tf.range(len(tokens))
    apart = places[:, None] - places[None, :]
    mask = tf.where((apart >= 0) & (apart < context), 0.0, -1e9)
    hidden = normalize(network.embedding(tf.constant([tokens])))
    for block in network.blocks:
        hidden, _, _ = block(hidden, network.rotation(places), mask)
    return network.output_layer(normalize(hidden))[0].numpy()


@pytest.mark.parametrize("prompt", [1, 5, 15, 16])
def test_the_cache_gives_the_logits_of_the_whole_text_also_past_the_context(model, prompt):
    tokens = np.random.default_rng(prompt).integers(0, TOKENS, 60)
    expected = logits_of_a_window(model, tokens)
    padded = tf.constant([[*tokens[:prompt], *[3] * 4]], tf.int32)
    logits, position, cache, *_ = model.begin(padded, tf.constant([prompt]))
    np.testing.assert_allclose(logits[0], expected[prompt - 1], atol=1e-4)
    decode = tf.function(model.decode)
    for place in range(prompt, len(tokens)):
        logits, cache = decode(tf.constant([tokens[place]], tf.int32), tf.constant([place]), cache)
        np.testing.assert_allclose(logits[0], expected[place], atol=1e-4)
    whole = model.logits(tf.constant([tokens[: model.context]], tf.int32))[0]
    np.testing.assert_allclose(whole, expected[: model.context], atol=1e-4)


def test_a_prompt_longer_than_the_context_is_its_end(model):
    tokens = np.random.default_rng(0).integers(0, TOKENS, [1, 40]).astype(np.int32)
    long, short = (model.begin(tf.constant(part), tf.constant([part.shape[1]])) for part in (tokens, tokens[:, -16:]))
    np.testing.assert_allclose(long.logits, short.logits, atol=1e-6)
    assert long.position.numpy() == 16


@pytest.mark.slow
def test_rows_do_not_see_each_other(model):
    """Prompts of different lengths, some empty, go on as they would alone, with the same probabilities."""
    lengths = [0, 1, 4, 16]
    tokens = np.random.default_rng(5).integers(0, TOKENS, [4, 16]).astype(np.int32)
    sampling = Sampling(tf.range(4), tf.fill([4], 0.9), tf.zeros([4], tf.int32), tf.ones([4]), None, tf.fill([4], 1.3))
    together = model.extend(24, model.begin(tf.constant(tokens), tf.constant(lengths)), sampling)
    for row, length in enumerate(lengths):
        state = model.begin(tf.constant(tokens[row : row + 1, : max(1, length)]), tf.constant([length]))
        own = Sampling(*(each if each is None else each[row : row + 1] for each in sampling))
        alone = model.extend(24, state, own)
        np.testing.assert_array_equal(together[0][row], alone[0][0])
        np.testing.assert_allclose(together[1][row], alone[1][0], atol=1e-4)
