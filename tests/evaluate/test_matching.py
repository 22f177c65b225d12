"""The longest match with a large text: against brute force, across blocks, whatever the characters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.evaluate.sequences import matching
from tfgen.evaluate.sequences.matching import Searched

few_letters = st.text("ab\u00e9\U0001f600", max_size=40)


def longest(text, large):
    """By trying every piece."""
    for length in range(len(text), 0, -1):
        if any(text[at : at + length] in large for at in range(len(text) - length + 1)):
            return length
    return 0


@given(few_letters, st.lists(few_letters, max_size=5))
def test_the_longest_match_equals_brute_force(large, texts):
    for text, match in zip(texts, Searched(large).matches(texts), strict=True):
        assert match.length == longest(text, large)
        assert text[match.start : match.start + match.length] in large


@given(few_letters, st.lists(few_letters, max_size=5), st.integers(1, 6))
def test_shares_equal_brute_force(large, texts, length):
    for text, (every, found) in zip(texts, Searched(large).shares(texts, length), strict=True):
        pieces = [text[at : at + length] for at in range(len(text) - length + 1)]
        assert (every, found) == (len(pieces), sum(piece in large for piece in pieces))


@pytest.mark.parametrize("block", [1, 7, 64])
def test_matches_across_the_borders_of_blocks(block, monkeypatch):
    monkeypatch.setattr(matching, "_BLOCK", block)
    generator = np.random.default_rng(0)
    large = "".join(generator.choice(list("abcdef"), 500))
    texts = [large[100:300], "xyz" + large[60:95] + "!", large, "", "zzz", large[:1]]
    assert [match.length for match in Searched(large).matches(texts)] == [200, 35, 500, 0, 0, 1]


def test_a_match_says_where_it_begins():
    (match,) = Searched("to be, or not to be").matches(["we are or not together"])
    assert (match.start, match.length) == (6, 10)


def test_texts_longer_than_the_large_one():
    (match,) = Searched("short").matches(["a text that is not short" * 9])
    assert match.length == 5


def test_a_million_characters_take_seconds_and_a_few_megabytes():
    import tracemalloc

    generator = np.random.default_rng(0)
    large = "".join(generator.choice(list("abcdefghijklmnopqrstuvwxyz     "), 10**6))
    texts = [large[at : at + 300] if at % 20_000 else "".join(generator.choice(list("abcde "), 300))
             for at in range(0, 10**6, 10_000)]
    searched = Searched(large)
    tracemalloc.start()
    lengths = [match.length for match in searched.matches(texts)]
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()
    assert lengths.count(300) == 50 and min(lengths) > 2
