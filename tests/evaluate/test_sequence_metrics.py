"""The metrics of text as pure functions: against hand-computed values and naive implementations."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.evaluate.metrics.distinct import distinct
from tfgen.evaluate.metrics.generalisation import generalisation_gap
from tfgen.evaluate.metrics.grams import grams
from tfgen.evaluate.metrics.membership import document_membership
from tfgen.evaluate.metrics.memorisation import memorisation
from tfgen.evaluate.metrics.overlap import overlap
from tfgen.evaluate.metrics.prediction import bits_per_character, perplexity
from tfgen.evaluate.metrics.repetition import repetition
from tfgen.evaluate.sequences.lexicon import Lexicon
from tfgen.modalities.text.words import words_of

texts = st.lists(st.lists(st.integers(0, 3), max_size=12), min_size=1, max_size=6)


def rows(lists):
    """Lists of words as the metrics take them."""
    padded = np.full([len(lists), max(1, *map(len, lists), 1)], -1, np.int32)
    for row, words in zip(padded, lists, strict=True):
        row[: len(words)] = words
    return padded


def sequences(words, size):
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def same(found, wanted):
    return (math.isnan(found) and math.isnan(wanted)) or found == pytest.approx(wanted)


def test_bits_and_perplexity_of_known_nats():
    texts = np.array([[2 * math.log(2), 2, 3], [6 * math.log(2), 2, 5]])  # 8 bits, 4 tokens, 8 characters
    assert bits_per_character.function(texts)["bits_per_character"] == pytest.approx(1.0)
    assert perplexity.function(texts)["perplexity"] == pytest.approx(4.0)


def test_text_without_characters_has_no_bits_and_endless_surprise_is_a_number():
    assert math.isnan(bits_per_character.function(np.array([[1.0, 1.0, 0.0]]))["bits_per_character"])
    assert math.isfinite(perplexity.function(np.array([[1e6, 1.0, 1.0]]))["perplexity"])


def test_bits_do_not_depend_on_how_characters_are_joined_to_tokens():
    by_character, by_pair = np.array([[10.0, 20, 20]]), np.array([[10.0, 10, 20]])
    first, second = (bits_per_character.function(each) for each in (by_character, by_pair))
    assert first == second
    assert perplexity.function(by_character) != perplexity.function(by_pair)


def test_the_gap_is_what_unseen_text_costs_more():
    unseen, training = np.array([[3 * math.log(2), 1, 1]]), np.array([[math.log(2), 1, 1]])
    assert generalisation_gap.function(unseen, training)["generalisation_gap"] == pytest.approx(2.0)


@given(texts, st.integers(1, 4))
def test_sequences_have_equal_numbers_where_they_are_equal(lists, size):
    numbers = grams(rows(lists), size)
    pairs = [
        (sequence, number)
        for words, row in zip(lists, numbers, strict=True)
        for sequence, number in zip(sequences(words, size), row[row >= 0], strict=True)
    ]
    assert len(set(pairs)) == len({sequence for sequence, _ in pairs}) == len({number for _, number in pairs})


@given(texts)
def test_distinct_equals_a_naive_count(lists):
    found = distinct.function(rows(lists))
    for size in (1, 2, 3):
        every = [sequence for words in lists for sequence in sequences(words, size)]
        assert same(found[f"distinct_{size}"], len(set(every)) / len(every) if every else math.nan)


@given(texts)
def test_repetition_equals_a_naive_count(lists):
    shares = [1 - len(set(found)) / len(found) for words in lists if (found := sequences(words, 4))]
    assert same(repetition.function(rows(lists))["repetition"], float(np.mean(shares)) if shares else math.nan)


@given(texts)
def test_overlap_equals_a_naive_count(lists):
    each = [set(sequences(words, 4)) for words in lists]
    owners = Counter(sequence for found in each for sequence in found)
    shares = [sum(owners[sequence] > 1 for sequence in found) / len(found) for found in each if found]
    assert same(overlap.function(rows(lists))["overlap"], float(np.mean(shares)) if shares else math.nan)


def test_a_circle_is_all_repetition_and_equal_samples_are_all_overlap():
    assert repetition.function(rows([[0, 1] * 50]))["repetition"] > 0.97
    assert repetition.function(rows([list(range(50))]))["repetition"] == 0
    assert overlap.function(rows([list(range(9))] * 3))["overlap"] == 1
    assert overlap.function(rows([[0, 1, 2, 3] * 5, [4, 5, 6, 7]]))["overlap"] == 0


def test_memorisation_counts_characters_and_pieces():
    found = memorisation.function(np.array([10, 20, 30, 100]), np.array([[151, 0], [151, 0], [151, 0], [147, 60]]))
    assert found["longest_match"] == 40 and found["longest_match_95"] == pytest.approx(89.5)
    assert found["copied_windows"] == pytest.approx(0.1)


def test_samples_too_short_for_a_piece_have_no_share():
    assert math.isnan(memorisation.function(np.array([3, 4]), np.zeros([2, 2]))["copied_windows"])


def test_few_documents_tell_enough_of_membership():
    assert document_membership.least == 20
    apart = document_membership.function(np.ones(20), np.zeros(20))
    assert apart == {"membership": 1.0}


def test_words_are_those_of_a_reader():
    words = ["don", "'", "t", "stop", ",", "\n", "\n", "3", ".", "5", "caf\u00e9s", "!"]
    assert words_of("Don't STOP,\n\n3.5 caf\u00e9s!") == words
    assert words_of("\u6771\u4eac\u30bf\u30ef\u30fc") == list("\u6771\u4eac\u30bf\u30ef\u30fc")
    assert len(words_of("a" * 100)) == 5  # a model that is stuck in a letter repeats itself


def test_a_lexicon_gives_a_word_the_same_number_in_every_group():
    lexicon = Lexicon(words_of)
    first, second = lexicon.rows(["one two", "two"]), lexicon.rows(["two three", ""])
    assert first.tolist() == [[0, 1], [1, -1]] and second.tolist() == [[1, 2], [-1, -1]]
    assert lexicon.rows([]).shape == (0, 1)
