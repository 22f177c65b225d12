"""What a pre-trained start gives is what KerasHub gives: logits, text and tokens; and the cache agrees with both."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tfgen.representations.sequences.sampling import Sampling
from tfgen.training.preset import tokenizer_json


ODD = [
    "", " ", "   ", "the old king's", "THE KING'S MEN'LL", "a\n\n b \n c\n", "tab\tand\r\nline", "trailing    ",
    "the  king", " in 1914, 12345 and 2024!", "ünï çødé 漢字 🦊", "a\u00a0b\u3000c\u2009d",
    "x=1;y[2] -- 'tis (so), who's?!  \n\n\n  go", "e\u0301\u200d\ufeff", "..........", "a" * 50,
]
GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # as published with it

pytestmark = pytest.mark.slow


def some_tokens(rows, length):
    return np.random.default_rng(3).integers(0, 400, [rows, length], np.int32)


def test_logits_are_those_of_keras_hub(started):
    model, theirs = started
    ids = some_tokens(3, 32)
    expected = theirs({"token_ids": ids, "padding_mask": np.ones_like(ids)})
    np.testing.assert_allclose(model.logits(tf.constant(ids)), expected, atol=1e-4)


def test_the_cache_gives_the_logits_of_the_whole_text_whatever_the_position_of_each_row(started):
    model, _ = started
    ids, lengths = some_tokens(3, 32), [3, 17, 9]
    full = model.logits(tf.constant(ids)).numpy()
    logits, cache = model.prefill(tf.constant(ids[:, :17]), tf.constant(lengths))
    decode = tf.function(model.decode)
    assert cache.keys.shape == (3, 2, 4, 32, 8)
    for place in range(8):
        position = np.array(lengths, np.int32) + place
        np.testing.assert_allclose(logits, full[np.arange(3), position - 1], atol=1e-4)
        logits, cache = decode(tf.constant(ids[np.arange(3), position]), tf.constant(position), cache)


def test_greedy_text_is_that_of_keras_hub(started, preset):
    model, theirs = started
    theirs.compile(sampler="greedy")
    # KerasHub puts the end of a text before a prompt.
    ids = np.array([model.example.end, *theirs.preprocessor.tokenizer("In 1914, the old")], np.int32)
    expected = theirs.generate("In 1914, the old", max_length=30)
    made, count = model.generate(ids[None], [len(ids)], tf.constant([30 - len(ids)]), Sampling.greedy(1))
    text = theirs.preprocessor.tokenizer.detokenize(np.concatenate([ids[1:], made[0, : count[0]]]))
    assert text.removesuffix("<|endoftext|>") == expected and len(text) > 30


def test_a_text_ends_at_the_context_and_leaves_half_of_it_for_the_prompt(started):
    model, _ = started
    ids, limit = tf.constant(some_tokens(3, 50)), tf.constant([100, 100, 4])
    made, count = tf.function(model.generate)(ids, tf.constant([50, 2, 50]), limit, Sampling.greedy(3))
    assert count.numpy().tolist() == [16, 30, 4] or model.example.end in made.numpy()
    for row, kept in [(0, 16), (2, 28)]:
        alone, _ = model.generate(ids[row : row + 1, 50 - kept :], [kept], limit[row : row + 1], Sampling.greedy(1))
        np.testing.assert_array_equal(alone[0, : count[row]], made[row, : count[row]])


def test_tokens_are_those_of_keras_hub_on_odd_strings(whole, preset):
    import keras_hub

    import regex

    ours = open_tokenizer(whole)
    theirs = keras_hub.models.GPT2Tokenizer.from_preset(str(preset))
    for text in ODD:
        # Outside of a graph KerasHub cuts no words (0.32), so it is given them as GPT-2 cut them.
        expected = [theirs(word) for word in regex.findall(GPT2_WORDS, text)]
        np.testing.assert_array_equal(ours.encode(text), np.concatenate([[], *expected]), err_msg=repr(text))
        if not text.endswith("  "):  # where its graph cuts off the last space, which GPT-2 did not
            np.testing.assert_array_equal(ours.encode(text), theirs._tokenize_tf(tf.constant(text)).numpy())
        assert ours.decode(ours.encode(text)) == text
    assert ours.end == theirs.end_token_id == ours.size - 1


def test_a_text_can_name_the_end_without_ending(whole):
    tokenizer = open_tokenizer(whole)
    ids = tokenizer.encode("a <|endoftext|> b")
    assert tokenizer.end not in ids and tokenizer.decode(ids) == "a <|endoftext|> b"


def test_a_prompt_may_have_letters_that_the_preset_knows_and_the_text_has_not(whole):
    assert open_tokenizer(whole).unknown("QUIZ ~ {the} 漢") == ["漢"]


def open_tokenizer(run):
    from tfgen.modalities.text.tokenizer import Tokenizer

    return Tokenizer.restore((run.path / "tokenizer.json").read_bytes(), run.codec()["tokenizer"])


def test_the_tokenizer_is_written_as_its_own_library_reads_it(preset):
    from tokenizers import Tokenizer

    assets = preset / "assets" / "tokenizer"
    vocabulary = json.loads((assets / "vocabulary.json").read_text(encoding="utf-8"))
    merges = (assets / "merges.txt").read_text(encoding="utf-8").splitlines()
    library = Tokenizer.from_str(tokenizer_json(vocabulary, ["#version: 0.2", *merges]))
    assert library.get_vocab() == vocabulary
