"""What becomes of the words that a person types."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.errors import UserError
from tfgen.representations.arrays.vocabulary import Vocabulary, words_of

CLOTHES = ["T-shirt/top", "Trouser", "Ankle boot", "Ankle sock", "Boot"]
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

LABEL = st.text(string.ascii_letters + string.digits + " -'+#/äßéЖ日🙂", min_size=1, max_size=30).filter(words_of)


def vocabulary_of(prompts, kind="labels"):
    return Vocabulary.of(prompts, np.arange(len(prompts), dtype=np.int32), kind)


def meaning(vocabulary, prompt):
    """The set of words that a prompt turns into."""
    return {vocabulary.words[place - 1] for place in vocabulary.ids(prompt) if place}


@given(st.lists(LABEL, min_size=1, max_size=8, unique=True), st.sampled_from(["labels", "captions"]))
def test_every_known_prompt_means_itself(prompts, kind):
    vocabulary = vocabulary_of(prompts, kind)
    for place, prompt in enumerate(prompts):
        assert meaning(vocabulary, prompt) == set(words_of(prompt))
        assert set(vocabulary.ids(prompt)) == set(vocabulary.table()[place])


@given(st.lists(LABEL, min_size=1, max_size=8, unique=True), st.text(max_size=40))
def test_any_text_has_a_meaning_or_a_sentence(prompts, text):
    vocabulary = vocabulary_of(prompts)
    try:
        ids = vocabulary.ids(text)
    except UserError as error:
        assert error.what_is_wrong and error.what_to_do
    else:
        assert ids.shape == (vocabulary.longest,) and ids.dtype == np.int32
        assert 0 <= ids.min() and ids.max() <= len(vocabulary.words)


@given(st.lists(LABEL, min_size=1, max_size=8, unique=True))
def test_survives_json(prompts):
    vocabulary = vocabulary_of(prompts)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_labels_that_share_a_word_are_told_apart():
    vocabulary = vocabulary_of(CLOTHES)
    assert meaning(vocabulary, "boot") == {"boot"}
    assert meaning(vocabulary, "BOOT, ankle!") == {"ankle", "boot"}
    assert meaning(vocabulary, "sock") == {"ankle", "sock"}
    assert meaning(vocabulary, "t-shirt") == {"t-shirt", "top"}
    with pytest.raises(UserError, match="several labels. Choose 'Ankle boot' or 'Ankle sock'"):
        vocabulary.ids("ankle")


def test_labels_of_the_same_words_can_both_be_typed():
    vocabulary = vocabulary_of(["C", "C++"])
    assert meaning(vocabulary, "C++") == meaning(vocabulary, "C") == {"c"}


def test_words_of_two_labels_are_no_label():
    with pytest.raises(UserError, match="No label has all the words of 'trouser sock'"):
        vocabulary_of(CLOTHES).ids("trouser sock")


@pytest.mark.parametrize("number, name", list(enumerate(DIGITS)))
def test_digits_and_their_names_mean_the_same(number, name):
    by_name, by_digit = vocabulary_of(DIGITS), vocabulary_of([str(digit) for digit in range(10)])
    np.testing.assert_array_equal(by_name.ids(str(number)), by_name.ids(name))
    np.testing.assert_array_equal(by_digit.ids(str(number)), by_digit.ids(name.upper()))


def test_captions_take_any_mix_of_known_words():
    vocabulary = vocabulary_of(["a red cat", "a small dog on grass"], "captions")
    assert meaning(vocabulary, "red dog") == {"red", "dog"}
    with pytest.raises(UserError, match="never saw the word 'grasss'. Did you mean 'grass'"):
        vocabulary.ids("dog on grasss")


def test_a_caption_may_be_long():
    long = " ".join(f"word{place}" for place in range(100))
    vocabulary = vocabulary_of([long, "short"], "captions")
    assert vocabulary.longest == len(vocabulary.ids(long)) <= 100
    assert meaning(vocabulary, "word3 short") == {"word3", "short"}


def test_an_unknown_word_without_a_near_one_lists_what_there_is():
    with pytest.raises(UserError, match="never saw the word 'xylophon'. It knows 10 words: 'zero', 'one'"):
        vocabulary_of(DIGITS).ids("xylophon")


def test_no_prompts_means_that_none_can_be_followed():
    nothing = Vocabulary()
    np.testing.assert_array_equal(nothing.ids(""), [0])
    with pytest.raises(UserError, match="trained without prompts"):
        nothing.ids("seven")


def test_the_empty_prompt_is_all_zeros():
    for empty in ("", "  ", "\t\n"):
        np.testing.assert_array_equal(vocabulary_of(CLOTHES).ids(empty), [0, 0])


def test_punctuation_alone_can_be_a_label():
    vocabulary = vocabulary_of(["?", "!", "a"])
    assert meaning(vocabulary, "!") == {"!"}


def test_counts_are_of_examples():
    vocabulary = Vocabulary.of(["a", "b"], np.array([1, 1, -1, 0, 1], np.int32), "labels")
    assert vocabulary.counts == (1, 3)
